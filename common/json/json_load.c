/* SPDX-License-Identifier: Apache-2.0 */
/** Loading JSON within limits that are known before memory is taken. */
#include <stdio.h>

#include "common/json/json.h"

const struct json_limits json_limits_usual = {
    .depth = DOC_DEPTH_MAX, .bytes = 1024 * 1024, .nodes = 100000};

/* Where a scan of the text stands. Grammar is jansson's business: on text
 * that is not JSON the counts mean nothing, and it is refused anyway. */
struct scan {
    size_t depth;
    size_t nodes;
    size_t line;
    size_t column;
    bool in_string;
    bool escaped;
};

static void scan_string(struct scan *scan, char c)
{
    if (scan->escaped) {
        scan->escaped = false;
    } else if (c == '\\') {
        scan->escaped = true;
    } else if (c == '"') {
        scan->in_string = false;
    }
}

static void scan_char(struct scan *scan, char c)
{
    scan->column++;
    if (c == '\n') {
        scan->line++;
        scan->column = 0;
    }
    if (scan->in_string) {
        scan_string(scan, c);
    } else if (c == '"') {
        scan->in_string = true;
    } else if (c == '[' || c == '{') {
        scan->depth++;
        scan->nodes++;
    } else if ((c == ']' || c == '}') && scan->depth > 0) {
        scan->depth--;
    } else if (c == ',') {
        scan->nodes++;
    }
}

static enum err check_limits(const char *text, size_t len,
                             const struct json_limits *limits,
                             struct errbuf *why)
{
    struct scan scan = {.line = 1, .nodes = 1};

    if (len > limits->bytes) {
        errbuf_set(why,
                   "line 1, column 1: %zu bytes of JSON; expected at most %zu",
                   len, limits->bytes);
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < len; i++) {
        scan_char(&scan, text[i]);
        if (scan.depth > limits->depth || scan.nodes > limits->nodes) {
            bool deep = scan.depth > limits->depth;

            errbuf_set(why, "line %zu, column %zu: %s; expected at most %zu",
                       scan.line, scan.column,
                       deep ? "nested too deep" : "too many values",
                       deep ? limits->depth : limits->nodes);
            return ERR_LIMIT;
        }
    }
    return ERR_OK;
}

enum err json_load_limited(const char *text, size_t len,
                           const struct json_limits *limits, json_t **out,
                           struct errbuf *why)
{
    json_error_t error;
    json_t *json;
    enum err err = check_limits(text, len, limits, why);

    if (err != ERR_OK) {
        return err;
    }
    json =
        json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        errbuf_set(why, "line %d, column %d: %s",
                   error.line > 0 ? error.line : 1,
                   error.column > 0 ? error.column : 1, error.text);
        return ERR_INVALID;
    }
    *out = json;
    return ERR_OK;
}
