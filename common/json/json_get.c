/* SPDX-License-Identifier: Apache-2.0 */
/** Typed members of objects, refused with their path. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/json/json.h"

/* Past any duration, far below where milliseconds would overflow. */
#define SECONDS_MAX 1e15

enum {
    INDEX_SHOWN = 1000000
}; /* six digits have room in a path */

static const char *type_name(const json_t *json)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",  [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    return json != NULL ? names[json_typeof(json)] : "nothing";
}

/* The path of a member, cut where it is longer than anyone reads. */
static void join(const struct json_in *in, const char *key, char *path)
{
    (void)snprintf(path, ERRBUF_FIELD_MAX, "%.90s%s%.36s", in->path,
                   in->path[0] != '\0' && key[0] != '\0' ? "." : "", key);
}

enum err json_refuse(const struct json_in *in, const char *key,
                     const char *format, ...)
{
    char path[ERRBUF_FIELD_MAX];
    char text[ERRBUF_TEXT_MAX - ERRBUF_FIELD_MAX];
    va_list args;

    join(in, key, path);
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    errbuf_set_field(in->why, path, "%s%s%s", path, path[0] != '\0' ? ": " : "",
                     text);
    return ERR_INVALID;
}

static enum err refuse_type(const struct json_in *in, const char *key,
                            const char *expected, const json_t *got)
{
    return json_refuse(in, key, "expected %s, got %s", expected,
                       type_name(got));
}

/* The member; NULL when absent or null. */
static const json_t *member(const struct json_in *in, const char *key)
{
    const json_t *json = json_object_get(in->object, key);

    return json_is_null(json) ? NULL : json;
}

/* Whether the getter is done with an absent member, and how. */
static bool is_absent(const struct json_in *in, const char *key,
                      enum json_need need, const char *expected, enum err *err)
{
    if (member(in, key) != NULL) {
        return false;
    }
    *err =
        need == JSON_OPTIONAL ? ERR_OK : refuse_type(in, key, expected, NULL);
    return true;
}

enum err json_get_str(const struct json_in *in, const char *key,
                      enum json_need need, size_t max, const char **out)
{
    const json_t *json = member(in, key);
    enum err err;

    if (is_absent(in, key, need, "a string", &err)) {
        return err;
    }
    if (!json_is_string(json)) {
        return refuse_type(in, key, "a string", json);
    }
    if (need == JSON_REQUIRED && json_string_length(json) == 0) {
        return json_refuse(in, key, "expected a string that is not empty");
    }
    if (json_string_length(json) > max) {
        return json_refuse(in, key,
                           "expected a string of at most %zu bytes, got %zu",
                           max, json_string_length(json));
    }
    *out = json_string_value(json);
    return ERR_OK;
}

enum err json_get_i64(const struct json_in *in, const char *key,
                      enum json_need need, struct json_range range,
                      int64_t *out)
{
    const json_t *json = member(in, key);
    enum err err;

    if (is_absent(in, key, need, "an integer", &err)) {
        return err;
    }
    if (!json_is_integer(json)) {
        return json_refuse(in, key,
                           "expected an integer from %" PRId64 " to %" PRId64
                           ", got %s",
                           range.min, range.max, type_name(json));
    }
    if (json_integer_value(json) < range.min ||
        json_integer_value(json) > range.max) {
        return json_refuse(
            in, key,
            "expected an integer from %" PRId64 " to %" PRId64 ", got %lld",
            range.min, range.max, (long long)json_integer_value(json));
    }
    *out = json_integer_value(json);
    return ERR_OK;
}

enum err json_get_f64(const struct json_in *in, const char *key,
                      enum json_need need, double *out)
{
    const json_t *json = member(in, key);
    enum err err;

    if (is_absent(in, key, need, "a number", &err)) {
        return err;
    }
    if (!json_is_number(json)) {
        return refuse_type(in, key, "a number", json);
    }
    *out = json_number_value(json);
    return ERR_OK;
}

enum err json_get_bool(const struct json_in *in, const char *key,
                       enum json_need need, bool *out)
{
    const json_t *json = member(in, key);
    enum err err;

    if (is_absent(in, key, need, "true or false", &err)) {
        return err;
    }
    if (!json_is_boolean(json)) {
        return refuse_type(in, key, "true or false", json);
    }
    *out = json_is_true(json);
    return ERR_OK;
}

static enum err refuse_choice(const struct json_in *in, const char *key,
                              const char *const *choices, const char *got)
{
    struct buf text;
    enum err err;

    buf_init(&text, ERRBUF_TEXT_MAX / 2);
    for (size_t i = 0; choices[i] != NULL; i++) {
        buf_addf(&text, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    err = json_refuse(in, key, "expected one of %s; got %.60s", buf_str(&text),
                      got);
    buf_fini(&text);
    return err;
}

enum err json_get_choice(const struct json_in *in, const char *key,
                         enum json_need need, const char *const *choices,
                         size_t *out)
{
    const json_t *json = member(in, key);
    const char *text = json_string_value(json);

    if (json == NULL && need == JSON_OPTIONAL) {
        return ERR_OK;
    }
    for (size_t i = 0; text != NULL && choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return ERR_OK;
        }
    }
    return refuse_choice(in, key, choices,
                         text != NULL ? text : type_name(json));
}

enum err json_get_duration(const struct json_in *in, const char *key,
                           enum json_need need, struct json_range range_ms,
                           int64_t *out)
{
    static const char expected[] = "a duration such as 90s, 15m or 3d";
    const json_t *json = member(in, key);
    int64_t ms = 0;
    enum err err;

    if (is_absent(in, key, need, expected, &err)) {
        return err;
    }
    if (json_is_number(json)) {
        double s = json_number_value(json);

        /* Past any range, and before the conversion could overflow. */
        ms = fabs(s) < SECONDS_MAX ? clock_s_to_ms(s) : INT64_MAX;
    } else if (!json_is_string(json)) {
        return refuse_type(in, key, expected, json);
    } else if (clock_parse_duration(json_string_value(json), &ms, NULL) !=
               ERR_OK) {
        return json_refuse(in, key, "expected %s, got \"%.40s\"", expected,
                           json_string_value(json));
    }
    if (ms < range_ms.min || ms > range_ms.max) {
        return json_refuse(
            in, key, "expected a duration from %.10g s to %.10g s",
            clock_ms_to_s(range_ms.min), clock_ms_to_s(range_ms.max));
    }
    *out = ms;
    return ERR_OK;
}

enum err json_get_array(const struct json_in *in, const char *key,
                        enum json_need need, size_t max, const json_t **out)
{
    const json_t *json = member(in, key);
    enum err err;

    if (is_absent(in, key, need, "an array", &err)) {
        return err;
    }
    if (!json_is_array(json)) {
        return refuse_type(in, key, "an array", json);
    }
    if (json_array_size(json) > max) {
        return json_refuse(in, key, "expected at most %zu items, got %zu", max,
                           json_array_size(json));
    }
    *out = json;
    return ERR_OK;
}

static bool is_known(const char *const *known, const char *key)
{
    for (; *known != NULL; known++) {
        if (strcmp(*known, key) == 0) {
            return true;
        }
    }
    return false;
}

enum err json_only_keys(const struct json_in *in, const char *const *known)
{
    /* jansson's iterator takes a tree that may be changed; this one is not. */
    union {
        const json_t *from;
        json_t *to;
    } object = {.from = in->object};

    for (void *it = json_object_iter(object.to); it != NULL;
         it = json_object_iter_next(object.to, it)) {
        const char *key = json_object_iter_key(it);

        if (!is_known(known, key)) {
            return refuse_choice(in, key, known, "an unknown member");
        }
    }
    return ERR_OK;
}

enum err json_enter(const struct json_in *in, const char *key,
                    enum json_need need, struct json_child *child)
{
    const json_t *json = member(in, key);
    enum err err;

    child->in = (struct json_in){NULL, child->path, in->why};
    join(in, key, child->path);
    if (is_absent(in, key, need, "an object", &err)) {
        return err;
    }
    if (!json_is_object(json)) {
        return refuse_type(in, key, "an object", json);
    }
    child->in.object = json;
    return ERR_OK;
}

enum err json_enter_item(const struct json_in *in, const char *key, size_t i,
                         struct json_child *child)
{
    const json_t *json = json_array_get(member(in, key), i);
    char item[ERRBUF_FIELD_MAX];

    (void)snprintf(item, sizeof item, "%.28s[%zu]", key, i % INDEX_SHOWN);
    child->in = (struct json_in){json, child->path, in->why};
    join(in, item, child->path);
    if (!json_is_object(json)) {
        child->in.object = NULL;
        return refuse_type(in, item, "an object", json);
    }
    return ERR_OK;
}
