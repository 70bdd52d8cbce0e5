/* SPDX-License-Identifier: Apache-2.0 */
/** JSON values written straight into an answer. */
#ifndef HYP_WEBSERVER_JSON_TEXT_H
#define HYP_WEBSERVER_JSON_TEXT_H

#include <stdint.h>

#include "common/base/buf.h"

void json_add_text(struct buf *out, const char *text);
/** null when it is not finite. */
void json_add_number(struct buf *out, double number);
/** Seconds from milliseconds. */
void json_add_ms(struct buf *out, int64_t ms);
/** ,"name":"text" - and nothing at all when text is NULL. */
void json_add_member(struct buf *out, const char *name, const char *text);

#endif
