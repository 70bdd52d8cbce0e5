/* SPDX-License-Identifier: Apache-2.0 */
/** The INI form, line by line, in a copy of the text. */
#include "common/conf/ini.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

static const char blanks[] = " \t\r";

struct ini {
    ini_item_fn *fn;
    void *ctx;
    char section[INI_NAME_MAX + 1];
    bool has_section;
    int line;
};

static char *skip_blanks(char *text)
{
    return text + strspn(text, blanks);
}

static void cut_blanks(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(blanks, text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
}

static bool is_comment(const char *text)
{
    return *text == '\0' || *text == '#' || *text == ';';
}

static bool is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t len = strspn(text, allowed);

    return len > 0 && len <= INI_NAME_MAX && text[len] == '\0';
}

static enum err refuse(struct errbuf *why, const char *text, const char *wanted)
{
    errbuf_set(why, "\"%.60s\" is not understood; expected %s", text, wanted);
    return ERR_INVALID;
}

static enum err parse_section(struct ini *ini, char *text, struct errbuf *why)
{
    char *end = strchr(text, ']');
    char *name = skip_blanks(text + 1);

    if (end == NULL || !is_comment(skip_blanks(end + 1))) {
        return refuse(why, text, "[section] alone on its line");
    }
    *end = '\0';
    cut_blanks(name);
    if (!is_name(name)) {
        return refuse(why, name,
                      "a section name of letters, digits, \"_\", \".\", "
                      "\"-\", at most 64 bytes");
    }
    (void)snprintf(ini->section, sizeof ini->section, "%s", name);
    ini->has_section = true;
    return ini->fn(
        ini->ctx, &(struct ini_item){ini->section, NULL, NULL, ini->line}, why);
}

/* Undo the quotes in place; text stands behind the first one. */
static enum err unquote(char *text, struct errbuf *why)
{
    char *to = text;
    char *at = text;

    for (; *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) {
            at++;
        }
        if (*at == '\0') {
            errbuf_set(why, "the quote is never closed; expected \" at the "
                            "end of the value");
            return ERR_INVALID;
        }
        *to++ = *at;
    }
    if (!is_comment(skip_blanks(at + 1))) {
        return refuse(why, at + 1, "nothing behind the closing quote");
    }
    *to = '\0';
    return ERR_OK;
}

static void cut_comment(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if ((*at == '#' || *at == ';') &&
            (at == text || strchr(blanks, at[-1]) != NULL)) {
            *at = '\0';
            break;
        }
    }
    cut_blanks(text);
}

static enum err parse_pair(struct ini *ini, char *text, struct errbuf *why)
{
    char *equals = strchr(text, '=');
    char *value;

    if (equals == NULL) {
        return refuse(why, text, "\"key = value\", \"[section]\" or a comment");
    }
    *equals = '\0';
    cut_blanks(text);
    if (!is_name(text)) {
        return refuse(why, text,
                      "a key of letters, digits, \"_\", \".\", \"-\"");
    }
    if (!ini->has_section) {
        return refuse(why, text, "a [section] line before the first key");
    }
    value = skip_blanks(equals + 1);
    if (*value != '"') {
        cut_comment(value);
    } else if (unquote(++value, why) != ERR_OK) {
        return ERR_INVALID;
    }
    return ini->fn(ini->ctx,
                   &(struct ini_item){ini->section, text, value, ini->line},
                   why);
}

static enum err parse_line(struct ini *ini, const char *text, size_t len,
                           struct errbuf *why)
{
    char copy[INI_LINE_MAX + 1];
    char *at;

    if (len > INI_LINE_MAX) {
        errbuf_set(why, "the line is longer than %d bytes", (int)INI_LINE_MAX);
        return ERR_INVALID;
    }
    if (memchr(text, '\0', len) != NULL || !utf8_valid(text, len)) {
        errbuf_set(why, "the line is not text; expected UTF-8");
        return ERR_INVALID;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    at = skip_blanks(copy);
    if (is_comment(at)) {
        return ERR_OK;
    }
    return *at == '[' ? parse_section(ini, at, why) : parse_pair(ini, at, why);
}

enum err ini_parse(const char *name, const struct buf *text, ini_item_fn *fn,
                   void *ctx, struct errbuf *why)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors put it first */
    struct ini ini = {.fn = fn, .ctx = ctx};
    struct errbuf inner = {0};
    const char *at = buf_str(text);
    const char *end = at + text->len;

    if (str_starts(at, mark)) {
        at += strlen(mark);
    }
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        enum err err;

        stop = stop != NULL ? stop : end;
        ini.line++;
        err = parse_line(&ini, at, (size_t)(stop - at), &inner);
        if (err != ERR_OK) {
            errbuf_set_field(why, inner.field, "%s:%d: %s", name, ini.line,
                             inner.text);
            return err;
        }
        at = stop < end ? stop + 1 : end;
    }
    return ERR_OK;
}
