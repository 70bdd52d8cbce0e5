/* SPDX-License-Identifier: Apache-2.0 */
/** A first look at JSON text: yajl reads it, the place is kept for people. */
#include "common/event/event_scan.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "common/base/str.h"
#include "common/json/json_path.h"

enum {
    FOUND_MAX = 24, /* bytes of the text that are shown */
    FOUND_TEXT_MAX = 64,
    TEXT_MAX = 160
};

enum last {
    LAST_NONE,
    LAST_OPEN,
    LAST_KEY,
    LAST_VALUE
};

struct state {
    struct event_scan *scan;
    yajl_handle yajl;
    size_t len;
    bool all_given; /* yajl ends a number at the end of the text only then */
    size_t depth;
    uint64_t arrays; /* a bit for each open level: it is an array */
    enum last last;  /* what came last, and where it ended */
    size_t end;
    enum err err;
    char reason[TEXT_MAX]; /* of a passed limit */
};

static bool in_array(const struct state *state)
{
    return state->depth > 0 && (state->arrays >> (state->depth - 1) & 1) != 0;
}

static int limit(struct state *state, const char *what, size_t most)
{
    state->err = ERR_LIMIT;
    (void)snprintf(state->reason, sizeof state->reason,
                   "expected at most %zu %s, found more", most, what);
    return 0;
}

static int note(struct state *state, enum last last)
{
    state->last = last;
    state->end =
        state->all_given ? state->len : yajl_get_bytes_consumed(state->yajl);
    return 1;
}

/* A value starts here: false when it may not. */
static bool enter_value(struct state *state)
{
    if (state->depth == 1 && state->scan->array &&
        ++state->scan->items > state->scan->items_max) {
        return limit(state, "events in one message", state->scan->items_max) !=
               0;
    }
    return true;
}

static int on_scalar(struct state *state)
{
    if (state->depth == 0) {
        state->err = ERR_INVALID; /* nothing can be read from it */
        return 0;
    }
    return enter_value(state) ? note(state, LAST_VALUE) : 0;
}

static int on_null(void *ctx)
{
    return on_scalar(ctx);
}

static int on_bool(void *ctx, int value)
{
    (void)value;
    return on_scalar(ctx);
}

static int on_number(void *ctx, const char *text, size_t len)
{
    (void)text;
    (void)len;
    return on_scalar(ctx);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    (void)text;
    (void)len;
    return on_scalar(ctx);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    (void)text;
    (void)len;
    return note(ctx, LAST_KEY);
}

static int on_open(struct state *state, uint64_t array)
{
    if (!enter_value(state)) {
        return 0;
    }
    if (state->depth >= state->scan->depth_max) {
        return limit(state, "levels of nesting", state->scan->depth_max);
    }
    if (state->depth == 0) {
        state->scan->array = array != 0;
    }
    state->arrays &= ~(UINT64_C(1) << state->depth);
    state->arrays |= array << state->depth;
    state->depth++;
    return note(state, LAST_OPEN);
}

static int on_start_map(void *ctx)
{
    return on_open(ctx, 0);
}

static int on_start_array(void *ctx)
{
    return on_open(ctx, 1);
}

static int on_end(void *ctx)
{
    struct state *state = ctx;

    state->depth--;
    return note(state, LAST_VALUE);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

struct place {
    const char *text;
    size_t len;
    size_t at;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct place *place)
{
    while (place->at < place->len && is_blank(place->text[place->at])) {
        place->at++;
    }
}

/* Step over c if it stands here. */
static bool skip_char(struct place *place, char c)
{
    if (place->at == place->len || place->text[place->at] != c) {
        return false;
    }
    place->at++;
    skip_blanks(place);
    return true;
}

/* Move place from the end of the last good token to the first bad one, and
 * tell what could have stood there. */
static const char *find_bad(const struct state *state, struct place *place)
{
    place->at = state->end;
    skip_blanks(place);
    switch (state->last) {
    case LAST_NONE:
        return "an object or an array of objects";
    case LAST_OPEN:
        return in_array(state) ? "a value or ']'" : "a name or '}'";
    case LAST_KEY:
        return skip_char(place, ':') ? "a value" : "':'";
    case LAST_VALUE:
    default:
        if (state->depth == 0) {
            return "nothing more";
        }
        if (in_array(state)) {
            return skip_char(place, ',') ? "a value" : "',' or ']'";
        }
        return skip_char(place, ',') ? "a name" : "',' or '}'";
    }
}

/* "the end", or a piece of the text in quotes. */
static void describe_found(const struct place *place, char *found, size_t size)
{
    const char *at = place->text + place->at;
    size_t left = place->len - place->at;
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

/* yajl's words for what is wrong inside a token, "" for what is wrong between
 * tokens (it does not tell what was expected there). */
static void copy_lexical(yajl_handle yajl, char *out, size_t size)
{
    static const char start[] = "lexical error: ";
    unsigned char *text = yajl_get_error(yajl, 0, NULL, 0);

    out[0] = '\0';
    if (text != NULL && str_starts((const char *)text, start)) {
        (void)snprintf(out, size, "%s", (const char *)text + strlen(start));
        out[strcspn(out, "\n")] = '\0';
    }
    yajl_free_error(yajl, text);
}

static void tell(const struct state *state, struct place *place,
                 struct errbuf *why)
{
    const char *expected = find_bad(state, place);
    size_t line = state->scan->first_line;
    size_t column = 1;
    char found[FOUND_TEXT_MAX];
    char lexical[TEXT_MAX];
    char path[JSON_PATH_MAX + 1];

    (void)json_path_at(place->text, place->at, path);
    for (size_t i = 0; i < place->at; i++) {
        bool newline = place->text[i] == '\n';

        line += newline ? 1 : 0;
        column = newline ? 1 : column + 1;
    }
    if (state->reason[0] != '\0') {
        errbuf_set_field(why, path, "line %zu, column %zu: %s", line, column,
                         state->reason);
        return;
    }
    describe_found(place, found, sizeof found);
    copy_lexical(state->yajl, lexical, sizeof lexical);
    errbuf_set_field(why, path,
                     "not JSON: line %zu, column %zu: expected %s, found "
                     "%s%s%s",
                     line, column, expected, found,
                     lexical[0] != '\0' ? ": " : "", lexical);
}

enum err event_scan(const char *text, size_t len, struct event_scan *scan,
                    struct errbuf *why)
{
    struct state state = {.scan = scan, .len = len, .err = ERR_INVALID};
    struct place place = {.text = text, .len = len};
    yajl_status status;

    scan->array = false;
    scan->items = 0;
    state.yajl = yajl_alloc(&callbacks, NULL, &state);
    BUG_IF(state.yajl == NULL);
    yajl_config(state.yajl, yajl_dont_validate_strings, 1);
    status = yajl_parse(state.yajl, (const unsigned char *)text, len);
    if (status == yajl_status_ok) {
        state.all_given = true;
        status = yajl_complete_parse(state.yajl);
    }
    if (status == yajl_status_ok) {
        state.err = ERR_OK;
    } else {
        tell(&state, &place, why);
    }
    yajl_free(state.yajl);
    return state.err;
}
