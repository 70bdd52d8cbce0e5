/* SPDX-License-Identifier: Apache-2.0 */
/** JSON values written straight into an answer. */
#include "webserver/json_text.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/doc/doc.h"

void json_add_text(struct buf *out, const char *text)
{
    struct doc_value value = {.type = DOC_STRING};

    value.u.s.text = text;
    value.u.s.len = (uint32_t)strlen(text);
    doc_value_to_json(&value, out);
}

void json_add_number(struct buf *out, double number)
{
    struct doc_value value = {.type = DOC_DOUBLE};

    value.u.d = number;
    doc_value_to_json(&value, out);
}

void json_add_ms(struct buf *out, int64_t ms)
{
    json_add_number(out, clock_ms_to_s(ms));
}

void json_add_member(struct buf *out, const char *name, const char *text)
{
    if (text != NULL) {
        buf_addf(out, ",\"%s\":", name);
        json_add_text(out, text);
    }
}
