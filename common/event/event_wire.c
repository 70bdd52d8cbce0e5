/* SPDX-License-Identifier: Apache-2.0 */
/** Events as JSON text, the way a source would send them. */
#include "common/event/event_wire.h"

#include <string.h>

static bool is_made_later(const char *name)
{
    return strcmp(name, "id") == 0 || strcmp(name, "rk") == 0 ||
           strcmp(name, "entity_id") == 0 || strcmp(name, "received_at") == 0;
}

static void add_member(struct buf *out, size_t start, const char *name,
                       const struct doc_value *value)
{
    struct doc_value key = {.type = DOC_STRING};

    key.u.s.text = name;
    key.u.s.len = (uint32_t)strlen(name);
    buf_add_char(out, out->len > start ? ',' : '{');
    doc_value_to_json(&key, out);
    buf_add_char(out, ':');
    doc_value_to_json(value, out);
}

void event_write_json(const struct event *event, struct doc_out *scratch,
                      struct buf *out)
{
    size_t start = out->len;
    struct doc_iter it, inner;
    struct doc_value value;
    const char *name;

    event_to_doc(event, scratch);
    doc_iter_init(&it, doc_out_done(scratch));
    while (doc_next(&it, &name, &value)) {
        if (is_made_later(name)) {
            continue;
        }
        if (strcmp(name, "extra") != 0 || value.type != DOC_DOC) {
            add_member(out, start, name, &value);
            continue;
        }
        doc_iter_init(&inner, value.u.doc);
        while (doc_next(&inner, &name, &value)) {
            add_member(out, start, name, &value);
        }
    }
    buf_add_char(out, '}');
}
