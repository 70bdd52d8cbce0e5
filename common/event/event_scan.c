/* SPDX-License-Identifier: Apache-2.0 */
/** A first look at JSON text: what it is, and what a person is told of it. */
#include "common/event/event_scan.h"

#include <stdio.h>

#include "common/base/str.h"
#include "common/json/json_path.h"
#include "common/json/json_scan.h"

enum {
    FOUND_MAX = 24, /* bytes of the text that are shown */
    FOUND_TEXT_MAX = 64
};

/* "the end", or a piece of the text in quotes. */
static void describe_found(const struct json_scan *json, char *found,
                           size_t size)
{
    const char *at = json->text + json->start;
    size_t left = json->len - json->start;
    size_t len = utf8_cut(at, left, FOUND_MAX);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)at[i] < ' ') {
            len = i;
        }
    }
    if (left == 0) {
        (void)snprintf(found, size, "the end of the text");
    } else if (len == 0) {
        (void)snprintf(found, size, "a control character");
    } else {
        (void)snprintf(found, size, "%.*s%s", (int)len, at,
                       len < left ? "\xE2\x80\xA6" : "");
    }
}

struct place {
    size_t line;
    size_t column;
    char path[JSON_PATH_MAX + 1];
};

static void find_place(const struct json_scan *json, size_t first_line,
                       struct place *place)
{
    place->line = first_line;
    place->column = 1;
    for (size_t i = 0; i < json->start; i++) {
        bool newline = json->text[i] == '\n';

        place->line += newline ? 1 : 0;
        place->column = newline ? 1 : place->column + 1;
    }
    (void)json_path_at(json->text, json->start, place->path);
}

static enum err tell_bad(const struct json_scan *json,
                         const struct event_scan *scan, const char *expected,
                         struct errbuf *why)
{
    char found[FOUND_TEXT_MAX];
    struct place place;

    find_place(json, scan->first_line, &place);
    describe_found(json, found, sizeof found);
    errbuf_set_field(why, place.path,
                     "not JSON: line %zu, column %zu: expected %s, found %s",
                     place.line, place.column, expected, found);
    return ERR_INVALID;
}

static enum err tell_limit(const struct json_scan *json,
                           const struct event_scan *scan, const char *what,
                           size_t most, struct errbuf *why)
{
    struct place place;

    find_place(json, scan->first_line, &place);
    errbuf_set_field(why, place.path,
                     "line %zu, column %zu: expected at most %zu %s, found "
                     "more",
                     place.line, place.column, most, what);
    return ERR_LIMIT;
}

/* A value that stands inside so many others has begun. */
static enum err enter_value(const struct json_scan *json, enum json_token token,
                            size_t depth, struct event_scan *scan,
                            struct errbuf *why)
{
    bool opens =
        token == JSON_TOKEN_OPEN_OBJECT || token == JSON_TOKEN_OPEN_ARRAY;

    if (depth == 0) {
        scan->array = token == JSON_TOKEN_OPEN_ARRAY;
    }
    if (depth == 1 && scan->array && ++scan->items > scan->items_max) {
        return tell_limit(json, scan, "events in one message", scan->items_max,
                          why);
    }
    if (opens && depth >= scan->depth_max) {
        return tell_limit(json, scan, "levels of nesting", scan->depth_max,
                          why);
    }
    return ERR_OK;
}

/* Only these may stand at the top. */
static enum json_token next_at_top(struct json_scan *json)
{
    enum json_token token = json_scan_next(json);

    return token == JSON_TOKEN_OPEN_OBJECT || token == JSON_TOKEN_OPEN_ARRAY
               ? token
               : JSON_TOKEN_BAD;
}

enum err event_scan(const char *text, size_t len, struct event_scan *scan,
                    struct errbuf *why)
{
    struct json_scan json;
    enum json_token token;
    enum err err;

    scan->array = false;
    scan->items = 0;
    json_scan_init(&json, text, len);
    token = next_at_top(&json);
    if (token == JSON_TOKEN_BAD) {
        return tell_bad(&json, scan, "an object or an array of objects", why);
    }
    err = enter_value(&json, token, 0, scan, why);
    while (err == ERR_OK && token != JSON_TOKEN_END) {
        size_t depth = json.depth;

        token = json_scan_next(&json);
        if (token == JSON_TOKEN_BAD) {
            return tell_bad(&json, scan, json_scan_expected(&json), why);
        }
        if (token != JSON_TOKEN_END && token != JSON_TOKEN_NAME &&
            token != JSON_TOKEN_CLOSE_OBJECT &&
            token != JSON_TOKEN_CLOSE_ARRAY) {
            err = enter_value(&json, token, depth, scan, why);
        }
    }
    return err;
}
