/* SPDX-License-Identifier: Apache-2.0 */
/** Templates: what a value goes through on its way into the text. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/template/template_tree.h"

#define CUT_MARK    "\xE2\x80\xA6"
#define SECONDS_MAX 1e11 /* year 5138 */
#define DATE_FORMAT "%Y-%m-%d %H:%M:%S %Z"

enum {
    TAIL = 0x80, /* of a character in UTF-8 */
    TAIL_MASK = 0xC0
};

static const char conversions[] =
    "%Y %m %d %H %M %S %y %e %j %I %p %a %A %b %B %F %T %R %z %Z %s %%";

/* In the order of enum helper_type. */
static const char *const names[] = {"date",  "default",  "json",  "lower",
                                    "state", "truncate", "upper", "url"};

/* Reading. */

static bool take_format(struct template_reader *reader, struct call *call)
{
    const char *at = reader->at;

    if (!template_take_quoted(reader, &call->text)) {
        return false;
    }
    return zone_format_is_good(call->text) ||
           template_refuse(reader, at, "expected a format of these: %s",
                           conversions);
}

static bool is_quote(const struct template_reader *reader)
{
    return reader->at < reader->end && *reader->at == '"';
}

/* date ["format" ["zone"]] */
static bool take_date(struct template_reader *reader, struct call *call)
{
    struct errbuf inner = {0};
    const char *name;
    const char *at;

    call->text = DATE_FORMAT;
    if (!is_quote(reader)) {
        return true;
    }
    if (!take_format(reader, call)) {
        return false;
    }
    template_skip_blanks(reader);
    at = reader->at;
    if (!is_quote(reader)) {
        return true;
    }
    return template_take_quoted(reader, &name) &&
           (zone_open(name, &call->zone, &inner) == ERR_OK ||
            template_refuse(reader, at, "%s", inner.text));
}

static bool take_number(struct template_reader *reader, int64_t *number)
{
    const char *at = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' &&
           *reader->at <= '9') {
        reader->at++;
    }
    return str_to_i64_n(at, (size_t)(reader->at - at), 1, TEMPLATE_VALUE_MAX,
                        number) == ERR_OK ||
           template_refuse(reader, at, "expected a number of characters");
}

static bool take_arguments(struct template_reader *reader, struct call *call)
{
    template_skip_blanks(reader);
    switch (call->type) {
    case HELPER_DATE:
        return take_date(reader, call);
    case HELPER_DEFAULT:
        return is_quote(reader)
                   ? template_take_quoted(reader, &call->text)
                   : template_refuse(reader, reader->at,
                                     "expected what stands for it, in quotes");
    case HELPER_TRUNCATE:
        return take_number(reader, &call->number);
    case HELPER_JSON:
    case HELPER_LOWER:
    case HELPER_STATE:
    case HELPER_UPPER:
    case HELPER_URL:
        break;
    }
    return true;
}

bool helper_take(struct template_reader *reader, struct call *call)
{
    const char *name = reader->at;
    size_t len;

    while (reader->at < reader->end && *reader->at >= 'a' &&
           *reader->at <= 'z') {
        reader->at++;
    }
    len = (size_t)(reader->at - name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            *call = (struct call){.type = (enum helper_type)i};
            if (take_arguments(reader, call)) {
                return true;
            }
            helper_fini(call);
            return false;
        }
    }
    return template_refuse(reader, name,
                           "expected one of date, default, json, lower, state, "
                           "truncate, upper, url");
}

void helper_fini(struct call *call)
{
    zone_free(call->zone);
    call->zone = NULL;
}

/* Working. */

void helper_add_text(const struct doc_value *value, struct buf *out)
{
    if (value->type == DOC_STRING) {
        buf_add(out, value->u.s.text, value->u.s.len);
    } else if (value->type != DOC_MISSING && value->type != DOC_NULL) {
        doc_value_to_json(value, out);
    }
}

static bool is_nothing(const struct doc_value *value)
{
    return value->type == DOC_MISSING || value->type == DOC_NULL ||
           (value->type == DOC_STRING && value->u.s.len == 0);
}

/* The room that the value does not live in, empty. */
static struct buf *next_room(struct helper_room *room)
{
    room->turn = 1 - room->turn;
    buf_clear(&room->room[room->turn]);
    return &room->room[room->turn];
}

static enum err give_room(const struct buf *text, struct doc_value *value)
{
    *value = (struct doc_value){.type = DOC_STRING,
                                .u.s = {buf_str(text), (uint32_t)text->len}};
    return text->overflow ? ERR_LIMIT : ERR_OK;
}

static void as_text(struct helper_room *room, struct doc_value *value)
{
    if (value->type != DOC_STRING) {
        struct buf *text = next_room(room);

        helper_add_text(value, text);
        (void)give_room(text, value);
    }
}

/* By the tables of the regular expressions' library: all of Unicode, whatever
 * the locale is. What cannot be changed stays. */
static enum err change_case(struct helper_room *room, bool up,
                            struct doc_value *value)
{
    const char *to = up ? "\\U$0" : "\\L$0";
    struct buf *out = next_room(room);
    PCRE2_SIZE len = 2 * (PCRE2_SIZE)value->u.s.len + 16;
    PCRE2_SIZE where = 0;
    int code = 0;
    pcre2_code *all;
    char *text;

    all = pcre2_compile((PCRE2_SPTR) ".+", PCRE2_ZERO_TERMINATED,
                        PCRE2_UTF | PCRE2_DOTALL, &code, &where, NULL);
    BUG_IF(all == NULL);
    text = xmalloc(len);
    code = pcre2_substitute(all, (PCRE2_SPTR)value->u.s.text, value->u.s.len, 0,
                            PCRE2_SUBSTITUTE_EXTENDED | PCRE2_NO_UTF_CHECK,
                            NULL, NULL, (PCRE2_SPTR)to, PCRE2_ZERO_TERMINATED,
                            (PCRE2_UCHAR *)text, &len);
    if (code >= 0) {
        buf_add(out, text, len);
    } else {
        buf_add(out, value->u.s.text, value->u.s.len);
    }
    free(text);
    pcre2_code_free(all);
    return give_room(out, value);
}

static enum err truncate_text(struct helper_room *room, int64_t most,
                              struct doc_value *value)
{
    const char *text = value->u.s.text;
    size_t keep = 0; /* bytes of most - 1 characters */
    int64_t n = 0;
    struct buf *out;

    for (size_t i = 0; i < value->u.s.len; i++) {
        if (((unsigned char)text[i] & TAIL_MASK) != TAIL && n++ == most - 1) {
            keep = i;
        }
    }
    if (n <= most) {
        return ERR_OK;
    }
    out = next_room(room);
    buf_add(out, text, keep);
    buf_add_str(out, CUT_MARK);
    return give_room(out, value);
}

static enum err format_date(struct helper_room *room, const struct call *call,
                            struct doc_value *value)
{
    struct buf *out = next_room(room);
    double seconds = value->type == DOC_DOUBLE ? value->u.d
                     : value->type == DOC_INT  ? (double)value->u.i
                                               : -1;

    if (seconds >= 0 && seconds < SECONDS_MAX) {
        zone_format(call->zone, clock_s_to_ms(seconds), call->text, out);
    }
    return give_room(out, value);
}

static enum err name_state(struct helper_room *room, struct doc_value *value)
{
    struct buf *out;

    if (value->type != DOC_INT || value->u.i < STATE_OK ||
        value->u.i > STATE_CRITICAL) {
        return ERR_OK;
    }
    out = next_room(room);
    buf_add_str(out, event_state_name((int)value->u.i));
    return give_room(out, value);
}

static enum err to_json(struct helper_room *room, struct doc_value *value)
{
    struct buf *out = next_room(room);

    if (value->type == DOC_MISSING) {
        buf_add_str(out, "null");
    } else {
        doc_value_to_json(value, out);
    }
    room->is_json = true;
    return give_room(out, value);
}

static enum err to_url(struct helper_room *room, struct doc_value *value)
{
    struct buf *out = next_room(room);

    str_to_percent(out, value->u.s.text);
    return give_room(out, value);
}

static enum err use_default(const struct call *call, struct doc_value *value)
{
    if (is_nothing(value)) {
        *value = (struct doc_value){
            .type = DOC_STRING,
            .u.s = {call->text, (uint32_t)strlen(call->text)}};
    }
    return ERR_OK;
}

enum err helper_apply(const struct call *call, struct helper_room *room,
                      struct doc_value *value)
{
    room->is_json = false;
    switch (call->type) {
    case HELPER_DEFAULT:
        return use_default(call, value);
    case HELPER_DATE:
        return format_date(room, call, value);
    case HELPER_STATE:
        return name_state(room, value);
    case HELPER_JSON:
        return to_json(room, value);
    case HELPER_LOWER:
    case HELPER_UPPER:
        as_text(room, value);
        return change_case(room, call->type == HELPER_UPPER, value);
    case HELPER_TRUNCATE:
        as_text(room, value);
        return truncate_text(room, call->number, value);
    case HELPER_URL:
        as_text(room, value);
        return to_url(room, value);
    }
    return ERR_OK;
}
