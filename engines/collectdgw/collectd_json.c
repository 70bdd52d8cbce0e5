/* SPDX-License-Identifier: Apache-2.0 */
/** Reading collectd's JSON. */
#include "engines/collectdgw/collectd_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

/* The message under way. */
struct reader {
    struct values_maker *maker;
    const struct values_sink *sink;
    int64_t received_ms;
    uint32_t index;
    struct doc item;
    struct errbuf why;
    struct value_list list;
    struct typesdb_source sources[TYPESDB_SOURCES_MAX];
    char plugin[EVENT_RESOURCE_MAX + 2]; /* one more than is taken */
};

static bool refuse(struct reader *reader, const char *field,
                   const char *expected)
{
    errbuf_set_field(&reader->why, field, "%s: expected %s", field, expected);
    return false;
}

static bool read_names(struct reader *reader)
{
    const char *plugin = doc_str(reader->item, "plugin", "");
    const char *instance = doc_str(reader->item, "plugin_instance", "");

    (void)snprintf(reader->plugin, sizeof reader->plugin, "%s%s%s", plugin,
                   instance[0] != '\0' ? "-" : "", instance);
    reader->list.host = doc_str(reader->item, "host", "");
    reader->list.plugin = plugin[0] != '\0' ? reader->plugin : "";
    reader->list.type = doc_str(reader->item, "type", "");
    reader->list.type_instance = doc_str(reader->item, "type_instance", "");
    return true;
}

/* A number that passes valid; 0 when absent or null. */
static bool read_seconds(struct reader *reader, const char *field,
                         bool (*valid)(double seconds), double *out)
{
    struct doc_value value;

    *out = doc_f64(reader->item, field, 0);
    (void)doc_get(reader->item, field, &value);
    return value.type == DOC_MISSING || value.type == DOC_NULL || valid(*out);
}

static bool read_times(struct reader *reader)
{
    double seconds;

    if (!read_seconds(reader, "time", values_time_valid, &seconds)) {
        return refuse(reader, "time", "seconds since 1970");
    }
    reader->list.time_ms = clock_s_to_ms(seconds);
    return read_seconds(reader, "interval", values_interval_valid,
                        &reader->list.interval_s) ||
           refuse(reader, "interval", "seconds above 0");
}

/* Text members of an array, one for each value, by take. */
static bool read_source_texts(struct reader *reader, const char *field,
                              bool (*take)(struct typesdb_source *source,
                                           const char *text))
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t n = 0;

    doc_iter_init(&it, doc_sub(reader->item, field));
    while (doc_next(&it, &key, &value)) {
        if (n == reader->list.n || value.type != DOC_STRING ||
            !take(&reader->sources[n], value.u.s.text)) {
            return refuse(reader, field, "a valid text for each value");
        }
        n++;
    }
    return n == reader->list.n ||
           refuse(reader, field, "a valid text for each value");
}

static bool take_name(struct typesdb_source *source, const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > TYPESDB_NAME_MAX) {
        return false;
    }
    memcpy(source->name, text, len + 1);
    return true;
}

static bool take_type(struct typesdb_source *source, const char *text)
{
    return perf_type_parse(text, &source->type) == ERR_OK;
}

/* The bounds of a known type, for the sources of the same name. */
static void take_bounds(struct reader *reader)
{
    const struct typesdb_type *type = typesdb_find(
        values_maker_conf(reader->maker)->types, reader->list.type);

    for (size_t i = 0; i < reader->list.n; i++) {
        struct typesdb_source *source = &reader->sources[i];

        source->min = (double)NAN;
        source->max = (double)NAN;
        if (type != NULL && type->n_sources == reader->list.n &&
            strcmp(type->sources[i].name, source->name) == 0) {
            source->min = type->sources[i].min;
            source->max = type->sources[i].max;
        }
    }
}

/* The message names its sources itself; an older collectd may not. */
static bool read_sources(struct reader *reader)
{
    const struct typesdb_type *type;
    struct doc_value value;

    if (doc_get(reader->item, "dsnames", &value)) {
        reader->list.sources = reader->sources;
        if (!read_source_texts(reader, "dsnames", take_name) ||
            !read_source_texts(reader, "dstypes", take_type)) {
            return false;
        }
        take_bounds(reader);
        return true;
    }
    type = typesdb_find(values_maker_conf(reader->maker)->types,
                        reader->list.type);
    if (type == NULL) {
        return refuse(reader, "type", "a type of types.db, or dsnames");
    }
    reader->list.sources = type->sources;
    return type->n_sources == reader->list.n ||
           refuse(reader, "values", "as many as the type has sources");
}

/* A null is unknown. */
static bool read_values(struct reader *reader)
{
    struct doc_iter it;
    struct doc_value value;
    struct doc_value values;
    const char *key;

    (void)doc_get(reader->item, "values", &values);
    if (values.type != DOC_ARRAY || doc_count(values.u.doc) == 0) {
        return refuse(reader, "values", "an array of numbers");
    }
    doc_iter_init(&it, values.u.doc);
    for (size_t n = 0; doc_next(&it, &key, &value); n++) {
        if (n == TYPESDB_SOURCES_MAX ||
            (value.type != DOC_INT && value.type != DOC_DOUBLE &&
             value.type != DOC_NULL)) {
            return refuse(reader, "values", "at most 128 numbers or nulls");
        }
        reader->list.values[n] = value.type == DOC_NULL  ? (double)NAN
                                 : value.type == DOC_INT ? (double)value.u.i
                                                         : value.u.d;
        reader->list.n = n + 1;
    }
    return true;
}

static void give_refused(struct reader *reader)
{
    struct buf text;

    buf_init(&text, DOC_BYTES_MAX);
    doc_to_json(reader->item, &text);
    reader->sink->refused(reader->sink->ctx, reader->index, buf_str(&text),
                          text.len, &reader->why);
    buf_fini(&text);
}

static void read_item(struct reader *reader, const struct doc_value *value)
{
    struct event event;
    enum err err = ERR_INVALID;

    reader->item =
        value->type == DOC_DOC ? value->u.doc : (struct doc){NULL, 0};
    memset(&reader->list, 0, sizeof reader->list);
    if (value->type != DOC_DOC) {
        errbuf_set_field(&reader->why, "body",
                         "expected an object, a value list");
    } else if (read_names(reader) && read_times(reader) &&
               read_values(reader) && read_sources(reader)) {
        err = values_to_event(reader->maker, &reader->list, reader->received_ms,
                              &event, &reader->why);
    }
    if (err == ERR_OK) {
        reader->sink->event(reader->sink->ctx, reader->index, &event);
    } else if (err == ERR_INVALID) {
        give_refused(reader);
    }
    reader->index++;
}

void collectd_json_parse(struct values_maker *maker, const char *text,
                         size_t len, int64_t received_ms,
                         const struct values_sink *sink)
{
    struct reader *reader = xcalloc(1, sizeof *reader);
    struct doc_out *json = doc_out_new();
    struct doc_value value;
    struct doc_value item;
    struct doc_iter it;
    const char *key;

    reader->maker = maker;
    reader->sink = sink;
    reader->received_ms = received_ms;
    if (doc_value_from_json(text, len, json, &value, &reader->why) != ERR_OK) {
        sink->refused(sink->ctx, 0, text, len, &reader->why);
    } else if (value.type != DOC_ARRAY) {
        read_item(reader, &value);
    } else {
        doc_iter_init(&it, value.u.doc);
        while (doc_next(&it, &key, &item)) {
            read_item(reader, &item);
        }
    }
    doc_out_free(json);
    free(reader);
}
