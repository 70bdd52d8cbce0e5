/* SPDX-License-Identifier: Apache-2.0 */
/** Reading PUTVAL lines. */
#include "engines/collectdgw/putval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    SHOWN_MAX = 64
};

/* The line under way. */
struct line {
    struct values_maker *maker;
    const struct values_sink *sink;
    int64_t received_ms;
    uint32_t index; /* of the next value list */
    size_t number;  /* from 1 */
    const char *text;
    size_t len;
    char *copy; /* NUL-terminated; words are unescaped in place */
    char *at;
    struct value_list list;
};

static bool give_refused(struct line *line, const struct errbuf *why)
{
    line->sink->refused(line->sink->ctx, line->index++, line->text, line->len,
                        why);
    return false;
}

static bool refuse(struct line *line, const char *field, const char *expected,
                   const char *found)
{
    struct errbuf why;

    errbuf_set_field(&why, field, "line %zu: %s: expected %s, found '%.*s'",
                     line->number, field, expected,
                     (int)utf8_cut(found, strlen(found), SHOWN_MAX), found);
    return give_refused(line, &why);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Move one word down from *from to *to, without its quotes and escapes.
 * False: a quote is not closed. */
static bool unquote(const char **from, char *to)
{
    const char *at = *from;
    bool quoted = false;

    for (; *at != '\0' && (quoted || !is_blank(*at)); at++) {
        if (*at == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && *at == '\\' && at[1] != '\0') {
            at++;
        }
        *to++ = *at;
    }
    *from = *at != '\0' ? at + 1 : at;
    *to = '\0';
    return !quoted;
}

/* The next word; NULL at the end. False: a quote is not closed, told. */
static bool take_word(struct line *line, char **word)
{
    const char *from;

    line->at += strspn(line->at, " \t");
    *word = *line->at != '\0' ? line->at : NULL;
    from = line->at;
    if (!unquote(&from, line->at)) {
        return refuse(line, "line", "a closing quote",
                      *word != NULL ? *word : "");
    }
    line->at += from - line->at;
    return true;
}

/* host/plugin[-instance]/type[-instance]; a slash after that is the type
 * instance's. */
static bool read_identifier(struct line *line, char *word)
{
    char *plugin = word != NULL ? strchr(word, '/') : NULL;
    char *type = plugin != NULL ? strchr(plugin + 1, '/') : NULL;
    char *instance;

    if (type == NULL) {
        return refuse(line, "identifier", "host/plugin/type",
                      word != NULL ? word : "the end");
    }
    *plugin++ = '\0';
    *type++ = '\0';
    instance = strchr(type, '-');
    if (instance != NULL) {
        *instance++ = '\0';
    }
    line->list.host = word;
    line->list.plugin = plugin;
    line->list.type = type;
    line->list.type_instance = instance != NULL ? instance : "";
    return true;
}

static bool find_type(struct line *line)
{
    const struct typesdb_type *type =
        typesdb_find(values_maker_conf(line->maker)->types, line->list.type);

    if (type == NULL) {
        return refuse(line, "type", "a type of types.db", line->list.type);
    }
    line->list.n = type->n_sources;
    line->list.sources = type->sources;
    return true;
}

/* Other options than interval mean nothing here. */
static bool read_option(struct line *line, const char *key, const char *value)
{
    if (strcasecmp(key, "interval") != 0) {
        return true;
    }
    return (str_to_double(value, &line->list.interval_s) == ERR_OK &&
            values_interval_valid(line->list.interval_s)) ||
           refuse(line, "interval", "seconds above 0", value);
}

static bool read_time(struct line *line, const char *word)
{
    double seconds;

    if (strcmp(word, "N") == 0) {
        line->list.time_ms = 0;
        return true;
    }
    if (str_to_double(word, &seconds) != ERR_OK ||
        !values_time_valid(seconds)) {
        return refuse(line, "time", "seconds since 1970 or N", word);
    }
    line->list.time_ms = clock_s_to_ms(seconds);
    return true;
}

/* U and nan are unknown. */
static bool read_number(const char *word, double *value)
{
    *value = (double)NAN;
    return strcasecmp(word, "U") == 0 || strcasecmp(word, "nan") == 0 ||
           strcasecmp(word, "-nan") == 0 ||
           str_to_double(word, value) == ERR_OK;
}

/* value[:value ...], as many as the type has data sources. */
static bool read_values(struct line *line, char *word)
{
    size_t n = 0;

    for (char *next = word; next != NULL; n++) {
        char *value = next;
        char *colon = strchr(value, ':');

        next = colon != NULL ? colon + 1 : NULL;
        if (colon != NULL) {
            *colon = '\0';
        }
        if (n == line->list.n) {
            return refuse(line, "values", "as many as the type has sources",
                          "more");
        }
        if (!read_number(value, &line->list.values[n])) {
            return refuse(line, "values", "a finite number or U", value);
        }
    }
    return n == line->list.n ||
           refuse(line, "values", "as many as the type has sources", "fewer");
}

static bool give_event(struct line *line)
{
    struct event event;
    struct errbuf why;
    enum err err = values_to_event(line->maker, &line->list, line->received_ms,
                                   &event, &why);

    if (err == ERR_INVALID) {
        struct errbuf told;

        errbuf_set_field(&told, why.field, "line %zu: %s", line->number,
                         why.text);
        return give_refused(line, &told);
    }
    if (err == ERR_OK) {
        line->sink->event(line->sink->ctx, line->index, &event);
    }
    line->index++;
    return true;
}

/* time:value[:value ...] */
static bool read_sample(struct line *line, char *word)
{
    char *colon = strchr(word, ':');

    if (colon == NULL) {
        return refuse(line, "values", "time:value", word);
    }
    *colon = '\0';
    return read_time(line, word) && read_values(line, colon + 1) &&
           give_event(line);
}

/* Options and samples, at least one sample. */
static bool read_rest(struct line *line)
{
    char *word;
    bool any = false;

    while (take_word(line, &word) && word != NULL) {
        char *equals = strchr(word, '=');

        if (equals != NULL) {
            *equals = '\0';
        }
        if (!(equals != NULL ? read_option(line, word, equals + 1)
                             : read_sample(line, word))) {
            return false;
        }
        any = any || equals == NULL;
    }
    return any ||
           (word == NULL && refuse(line, "values", "time:value", "the end"));
}

static void read_command(struct line *line)
{
    char *word;

    if (!take_word(line, &word) || word == NULL || word[0] == '#') {
        return;
    }
    if (strcasecmp(word, "PUTVAL") != 0) {
        (void)refuse(line, "command", "PUTVAL", word);
        return;
    }
    (void)(take_word(line, &word) && read_identifier(line, word) &&
           find_type(line) && read_rest(line));
}

static void read_line(struct line *line)
{
    size_t len = line->len;

    if (len > 0 && line->text[len - 1] == '\r') {
        len--;
    }
    memset(&line->list, 0, sizeof line->list);
    if (memchr(line->text, '\0', len) != NULL || !utf8_valid(line->text, len)) {
        (void)refuse(line, "line", "UTF-8 without NUL", "other bytes");
        return;
    }
    line->copy = xstrndup(line->text, len);
    line->at = line->copy;
    read_command(line);
    free(line->copy);
}

void putval_parse(struct values_maker *maker, const char *text, size_t len,
                  int64_t received_ms, const struct values_sink *sink)
{
    struct line line = {
        .maker = maker, .sink = sink, .received_ms = received_ms};
    const char *end = text + len;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        line.number++;
        line.text = text;
        line.len = (size_t)((newline != NULL ? newline : end) - text);
        read_line(&line);
        text = newline != NULL ? newline + 1 : end;
    }
}
