/* SPDX-License-Identifier: Apache-2.0 */
/** Request targets taken apart strictly: path, query parameters, escapes. */
#include "webserver/uri.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    ESCAPE_LEN = 3,
    HEX_BASE = 16,
    HEX_LETTER = 10
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + HEX_LETTER;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + HEX_LETTER;
    }
    return -1;
}

/* The byte that "%XX" stands for; 0 when it is no escape of a usable byte. */
static unsigned char unescape(const char *text, size_t left)
{
    int high = left >= ESCAPE_LEN ? hex_digit(text[1]) : -1;
    int low = high >= 0 ? hex_digit(text[2]) : -1;

    return low >= 0 ? (unsigned char)(high * HEX_BASE + low) : 0;
}

enum err uri_decode(const char *text, size_t len, char plus, char **out,
                    struct errbuf *why)
{
    char *decoded = xmalloc(len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            c = (char)unescape(text + i, len - i);
            i += ESCAPE_LEN - 1;
        } else if (c == '+' && plus == '+') {
            c = ' ';
        }
        if (c == '\0') {
            free(decoded);
            errbuf_set(why, "a %% must be followed by two hexadecimal digits "
                            "and not stand for a NUL");
            return ERR_INVALID;
        }
        decoded[n++] = c;
    }
    decoded[n] = '\0';
    if (!utf8_valid(decoded, n)) {
        free(decoded);
        errbuf_set(why, "the bytes are not UTF-8");
        return ERR_INVALID;
    }
    *out = decoded;
    return ERR_OK;
}

/* One "name=value"; the name alone counts as an empty value. */
static enum err add_param(struct uri_params *params, const char *text,
                          size_t len, struct errbuf *why)
{
    const char *equal = memchr(text, '=', len);
    size_t name_len = equal != NULL ? (size_t)(equal - text) : len;
    const char *value = equal != NULL ? equal + 1 : "";
    size_t value_len = equal != NULL ? len - name_len - 1 : 0;
    struct errbuf inner = {0};
    char *name;

    if (params->n == URI_PARAMS_MAX) {
        errbuf_set(why, "more than %d parameters", URI_PARAMS_MAX);
        return ERR_INVALID;
    }
    if (name_len == 0 || uri_decode(text, name_len, '+', &name, why)) {
        errbuf_set(why, "a parameter's name is empty or badly escaped");
        return ERR_INVALID;
    }
    if (uri_params_get(params, name) != NULL) {
        errbuf_set_field(why, name, "the parameter is given twice");
        free(name);
        return ERR_INVALID;
    }
    if (uri_decode(value, value_len, '+', &params->items[params->n].value,
                   &inner)) {
        errbuf_set_field(why, name, "%s", inner.text);
        free(name);
        return ERR_INVALID;
    }
    params->items[params->n++].name = name;
    return ERR_OK;
}

enum err uri_params_parse(const char *text, size_t len,
                          struct uri_params *params, struct errbuf *why)
{
    size_t at = 0;

    *params = (struct uri_params){0};
    while (at < len) {
        const char *end = memchr(text + at, '&', len - at);
        size_t n = end != NULL ? (size_t)(end - text) - at : len - at;

        if (n > 0) {
            enum err err = add_param(params, text + at, n, why);

            if (err != ERR_OK) {
                return err;
            }
        }
        at += n + 1;
    }
    return ERR_OK;
}

void uri_params_fini(struct uri_params *params)
{
    for (size_t i = 0; i < params->n; i++) {
        free(params->items[i].name);
        free(params->items[i].value);
    }
    *params = (struct uri_params){0};
}

const char *uri_params_get(const struct uri_params *params, const char *name)
{
    for (size_t i = 0; i < params->n; i++) {
        if (strcmp(params->items[i].name, name) == 0) {
            return params->items[i].value;
        }
    }
    return NULL;
}

enum err uri_parse(const char *target, struct uri *uri, struct errbuf *why)
{
    const char *query = strchr(target, '?');
    size_t path_len = query != NULL ? (size_t)(query - target) : strlen(target);

    *uri = (struct uri){0};
    if (target[0] != '/') {
        errbuf_set(why, "the path must begin with '/'");
        return ERR_INVALID;
    }
    uri->path = xstrndup(target, path_len);
    if (query == NULL) {
        return ERR_OK;
    }
    return uri_params_parse(query + 1, strlen(query + 1), &uri->query, why);
}

void uri_fini(struct uri *uri)
{
    free(uri->path);
    uri_params_fini(&uri->query);
    *uri = (struct uri){0};
}
