/* SPDX-License-Identifier: Apache-2.0 */
/** One option's value from and to text. */
#include "common/conf/conf_value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    EXPECT_MAX = 400,
    LIST_ITEMS_MAX = 1000,
    SECRET_FILE_MAX = 65536
};

struct scale {
    const char *unit;
    int64_t factor;
};

static const struct scale durations[] = {{"d", 86400000}, {"h", 3600000},
                                         {"m", 60000},    {"s", 1000},
                                         {"ms", 1},       {NULL, 0}};
static const struct scale sizes[] = {{"G", 1024 * 1024 * 1024},
                                     {"M", 1024 * 1024},
                                     {"K", 1024},
                                     {"", 1},
                                     {NULL, 0}};

void *conf_value_at(const struct conf_option *option, void *values)
{
    return (char *)values + option->offset;
}

static bool is_text(const struct conf_option *option)
{
    return option->type == CONF_STRING || option->type == CONF_PATH ||
           option->type == CONF_SECRET;
}

static bool is_bounded(const struct conf_option *option)
{
    return option->min != 0 || option->max != 0;
}

static bool in_bounds(const struct conf_option *option, int64_t value)
{
    return !is_bounded(option) ||
           (value >= option->min && value <= option->max);
}

/* --- what is expected ------------------------------------------------- */

static void add_scaled(struct buf *out, const struct scale *scale,
                       int64_t value)
{
    while (scale[1].unit != NULL && value % scale->factor != 0) {
        scale++;
    }
    buf_addf(out, "%" PRId64 "%s", value / scale->factor, scale->unit);
}

static void add_number(const struct conf_option *option, int64_t value,
                       struct buf *out)
{
    if (option->type == CONF_DURATION) {
        /* 0 has no unit of its own: seconds, and bytes below. */
        add_scaled(out, value == 0 ? &durations[3] : durations, value);
    } else if (option->type == CONF_SIZE) {
        add_scaled(out, value == 0 ? &sizes[3] : sizes, value);
    } else {
        buf_addf(out, "%" PRId64, value);
    }
}

static void add_range(const struct conf_option *option, struct buf *out)
{
    if (!is_bounded(option)) {
        return;
    }
    if (option->max == INT64_MAX) {
        buf_add_str(out, " of at least ");
        add_number(option, option->min, out);
        return;
    }
    buf_add_str(out, " from ");
    add_number(option, option->min, out);
    buf_add_str(out, " to ");
    add_number(option, option->max, out);
}

static void add_count(const struct conf_option *option, const char *things,
                      struct buf *out)
{
    if (!is_bounded(option)) {
        return;
    }
    if (option->max == 0 || option->max == INT64_MAX) {
        buf_addf(out, " of at least %" PRId64 " %s", option->min, things);
    } else {
        buf_addf(out, " of %" PRId64 " to %" PRId64 " %s", option->min,
                 option->max, things);
    }
}

static void add_choices(const struct conf_option *option, struct buf *out)
{
    buf_add_str(out, "one of ");
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        buf_addf(out, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    }
}

void conf_value_expect(const struct conf_option *option, struct buf *out)
{
    switch (option->type) {
    case CONF_STRING:
        buf_add_str(out, "text");
        add_count(option, "bytes", out);
        break;
    case CONF_BOOL:
        buf_add_str(out, "yes or no");
        break;
    case CONF_INT:
        buf_add_str(out, "a whole number");
        add_range(option, out);
        if (option->unit != NULL) {
            buf_addf(out, " (%s)", option->unit);
        }
        break;
    case CONF_DURATION:
        buf_add_str(out, "a duration such as 500ms, 90s, 15m, 3h, 2d");
        add_range(option, out);
        break;
    case CONF_SIZE:
        buf_add_str(out, "a size in bytes such as 64K, 8M, 1G");
        add_range(option, out);
        break;
    case CONF_LIST:
        buf_add_str(out, "a list separated by commas");
        add_count(option, "items", out);
        break;
    case CONF_HOSTS:
        buf_add_str(out, "servers separated by commas, each host or host:port");
        break;
    case CONF_CHOICE:
        add_choices(option, out);
        break;
    case CONF_PATH:
        buf_add_str(out, "the path of a file or folder");
        break;
    case CONF_SECRET:
        buf_add_str(out, "the path of a file whose first line is the secret");
        break;
    }
}

/* "what is wrong; expected ..."; always ERR_INVALID. */
__attribute__((format(printf, 3, 4))) static enum err
refuse(const struct conf_option *option, struct errbuf *why, const char *format,
       ...)
{
    struct buf text;
    va_list args;
    char wrong[EXPECT_MAX];

    va_start(args, format);
    (void)vsnprintf(wrong, sizeof wrong, format, args);
    va_end(args);
    buf_init(&text, EXPECT_MAX);
    conf_value_expect(option, &text);
    errbuf_set(why, "%s; expected %s", wrong, buf_str(&text));
    buf_fini(&text);
    return ERR_INVALID;
}

/* --- from text -------------------------------------------------------- */

static enum err set_number(const struct conf_option *option, int64_t *field,
                           int64_t value, const char *text, struct errbuf *why)
{
    if (!in_bounds(option, value)) {
        return refuse(option, why, "\"%.60s\" is out of range", text);
    }
    *field = value;
    return ERR_OK;
}

static enum err set_int(const struct conf_option *option, int64_t *field,
                        const char *text, struct errbuf *why)
{
    int64_t value;
    enum err err = str_to_i64(text, INT64_MIN, INT64_MAX, &value);

    if (err == ERR_OK) {
        return set_number(option, field, value, text, why);
    }
    return refuse(option, why,
                  err == ERR_LIMIT ? "\"%.60s\" is out of range"
                                   : "\"%.60s\" is not a whole number",
                  text);
}

static enum err set_duration(const struct conf_option *option, int64_t *field,
                             const char *text, struct errbuf *why)
{
    int64_t ms;

    if (clock_parse_duration(text, &ms, NULL) != ERR_OK) {
        return refuse(option, why, "\"%.60s\" is not a duration", text);
    }
    return set_number(option, field, ms, text, why);
}

static enum err set_size(const struct conf_option *option, int64_t *field,
                         const char *text, struct errbuf *why)
{
    size_t digits = strspn(text, "0123456789");

    for (const struct scale *s = sizes; s->unit != NULL; s++) {
        int64_t value;

        if (strcasecmp(text + digits, s->unit) == 0 &&
            str_to_i64_n(text, digits, 0, INT64_MAX / s->factor, &value) ==
                ERR_OK) {
            return set_number(option, field, value * s->factor, text, why);
        }
    }
    return refuse(option, why, "\"%.60s\" is not a size", text);
}

static enum err set_bool(const struct conf_option *option, bool *field,
                         const char *text, struct errbuf *why)
{
    static const char *const words[] = {"no",  "yes", "false", "true",
                                        "off", "on",  "0",     "1"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *field = i % 2 == 1;
            return ERR_OK;
        }
    }
    return refuse(option, why, "\"%.60s\" is neither yes nor no", text);
}

static enum err set_choice(const struct conf_option *option, int64_t *field,
                           const char *text, struct errbuf *why)
{
    for (int64_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *field = i;
            return ERR_OK;
        }
    }
    return refuse(option, why, "\"%.60s\" is not known", text);
}

static void put_text(char **field, char *text)
{
    free(*field);
    *field = text;
}

static char *resolve(const char *folder, const char *path)
{
    if (path[0] == '/' || path[0] == '\0' || strcmp(folder, ".") == 0) {
        return xstrdup(path);
    }
    return xasprintf("%s/%s", folder, path);
}

static enum err set_string(const struct conf_option *option, char **field,
                           const char *text, struct errbuf *why)
{
    size_t len = strlen(text);

    if (len < (size_t)option->min) {
        return refuse(option, why, "\"%.60s\" is too short", text);
    }
    if (option->max > 0 && len > (size_t)option->max) {
        return refuse(option, why, "\"%.60s\" is too long", text);
    }
    put_text(field, xstrdup(text));
    return ERR_OK;
}

static enum err set_path(const struct conf_option *option, char **field,
                         const char *folder, const char *text,
                         struct errbuf *why)
{
    if (text[0] == '\0' && option->min > 0) {
        return refuse(option, why, "empty");
    }
    put_text(field, resolve(folder, text));
    return ERR_OK;
}

/* The first line of the secret's file into content. */
static enum err read_secret(const struct conf_option *option, const char *path,
                            struct buf *content, struct errbuf *why)
{
    struct errbuf inner = {0};
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0) {
        return refuse(option, why,
                      "%.200s may be read by everybody on this machine; "
                      "\"chmod o= FILE\" helps",
                      path);
    }
    if (file_read(path, content, &inner) != ERR_OK) {
        return refuse(option, why, "%.300s", inner.text);
    }
    buf_truncate(content, strcspn(buf_str(content), "\r\n"));
    if (content->len == 0 || content->len > CONF_SECRET_MAX) {
        return refuse(option, why,
                      "the first line of %.200s is empty or longer than %d "
                      "bytes",
                      path, (int)CONF_SECRET_MAX);
    }
    return ERR_OK;
}

static enum err set_secret(const struct conf_option *option, char **field,
                           const char *folder, const char *text,
                           struct errbuf *why)
{
    struct buf content;
    char *path;
    enum err err;

    if (text[0] == '\0') {
        return set_path(option, field, folder, text, why);
    }
    path = resolve(folder, text);
    buf_init(&content, SECRET_FILE_MAX);
    err = read_secret(option, path, &content, why);
    if (err == ERR_OK) {
        put_text(field, xstrdup(buf_str(&content)));
    }
    buf_fini(&content);
    free(path);
    return err;
}

static void clear_list(struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct conf_list){0};
}

static void add_item(struct conf_list *list, const char *text, size_t len)
{
    while (len > 0 && strchr(" \t", text[len - 1]) != NULL) {
        len--;
    }
    list->items = xrealloc_array(list->items, list->n + 1, sizeof(char *));
    list->items[list->n++] = xstrndup(text, len);
}

static bool split_list(struct conf_list *list, const char *text)
{
    text += strspn(text, " \t");
    if (*text == '\0') {
        return true;
    }
    for (;;) {
        size_t len = strcspn(text, ",");

        add_item(list, text, len);
        if (list->items[list->n - 1][0] == '\0' || list->n > LIST_ITEMS_MAX) {
            return false;
        }
        if (text[len] == '\0') {
            return true;
        }
        text += len + 1;
        text += strspn(text, " \t");
    }
}

static enum err check_hosts(const struct conf_option *option,
                            const struct conf_list *list, struct errbuf *why)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *host;
        size_t len;
        int64_t port;

        if (str_split_host(list->items[i], &host, &len, &port) != ERR_OK) {
            return refuse(option, why, "\"%.60s\" is no server",
                          list->items[i]);
        }
    }
    return ERR_OK;
}

static enum err set_list(const struct conf_option *option,
                         struct conf_list *field, const char *text,
                         struct errbuf *why)
{
    struct conf_list list = {0};

    if (!split_list(&list, text)) {
        clear_list(&list);
        return refuse(option, why, "\"%.60s\" has an empty item or too many",
                      text);
    }
    if (list.n < (size_t)option->min ||
        (option->max > 0 && list.n > (size_t)option->max)) {
        size_t n = list.n;

        clear_list(&list);
        return refuse(option, why, "%zu items", n);
    }
    if (option->type == CONF_HOSTS &&
        check_hosts(option, &list, why) != ERR_OK) {
        clear_list(&list);
        return ERR_INVALID;
    }
    clear_list(field);
    *field = list;
    return ERR_OK;
}

enum err conf_value_set(const struct conf_option *option, void *field,
                        const char *folder, const char *text,
                        struct errbuf *why)
{
    switch (option->type) {
    case CONF_STRING:
        return set_string(option, field, text, why);
    case CONF_BOOL:
        return set_bool(option, field, text, why);
    case CONF_INT:
        return set_int(option, field, text, why);
    case CONF_DURATION:
        return set_duration(option, field, text, why);
    case CONF_SIZE:
        return set_size(option, field, text, why);
    case CONF_LIST:
    case CONF_HOSTS:
        return set_list(option, field, text, why);
    case CONF_CHOICE:
        return set_choice(option, field, text, why);
    case CONF_PATH:
        return set_path(option, field, folder, text, why);
    case CONF_SECRET:
        return set_secret(option, field, folder, text, why);
    }
    return ERR_INVALID;
}

void conf_value_clear(const struct conf_option *option, void *field)
{
    if (is_text(option)) {
        put_text(field, NULL);
    } else if (option->type == CONF_LIST || option->type == CONF_HOSTS) {
        clear_list(field);
    }
}

/* --- to text ---------------------------------------------------------- */

static void add_quoted(const char *text, struct buf *out)
{
    size_t len = strlen(text);

    if (len == 0 ||
        (strpbrk(text, "\"#;\\") == NULL && strchr(" \t", text[0]) == NULL &&
         strchr(" \t", text[len - 1]) == NULL)) {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buf_add_char(out, '\\');
        }
        buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

static void add_list(const struct conf_list *list, struct buf *out)
{
    struct buf text;

    buf_init(&text, CONF_TEXT_MAX);
    for (size_t i = 0; i < list->n; i++) {
        buf_addf(&text, "%s%s", i > 0 ? ", " : "", list->items[i]);
    }
    add_quoted(buf_str(&text), out);
    buf_fini(&text);
}

void conf_value_format(const struct conf_option *option, const void *field,
                       struct buf *out)
{
    switch (option->type) {
    case CONF_STRING:
    case CONF_PATH:
        add_quoted(*(char *const *)field, out);
        break;
    case CONF_SECRET:
        buf_add_str(out, **(char *const *)field != '\0' ? "(set)" : "");
        break;
    case CONF_BOOL:
        buf_add_str(out, *(const bool *)field ? "yes" : "no");
        break;
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
        add_number(option, *(const int64_t *)field, out);
        break;
    case CONF_LIST:
    case CONF_HOSTS:
        add_list(field, out);
        break;
    case CONF_CHOICE:
        buf_add_str(out, option->choices[*(const int64_t *)field]);
        break;
    }
}
