/* SPDX-License-Identifier: Apache-2.0 */
/** Value lists as events: names, units, bounds, time. */
#include "common/collectd/values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

/* Past any time; and a year, past any interval. */
#define SECONDS_PAST    1e12
#define INTERVAL_MOST_S 31622400.0

/* 2001-01-01: a clock that was never set shows an earlier time. */
static const int64_t time_least_ms = 978307200000;

struct values_maker {
    struct values_conf conf;
    struct doc_out *perf;
    struct doc_out *extra;
    struct buf rk;
    struct buf entity_id;
};

struct values_maker *values_maker_new(const struct values_conf *conf)
{
    struct values_maker *maker = xcalloc(1, sizeof *maker);

    maker->conf = *conf;
    maker->perf = doc_out_new();
    maker->extra = doc_out_new();
    buf_init(&maker->rk, EVENT_ROUTING_KEY_MAX);
    buf_init(&maker->entity_id, EVENT_ENTITY_ID_MAX);
    return maker;
}

void values_maker_free(struct values_maker *maker)
{
    if (maker == NULL) {
        return;
    }
    doc_out_free(maker->perf);
    doc_out_free(maker->extra);
    buf_fini(&maker->rk);
    buf_fini(&maker->entity_id);
    free(maker);
}

const struct values_conf *values_maker_conf(const struct values_maker *maker)
{
    return &maker->conf;
}

bool values_time_valid(double seconds)
{
    return seconds > 0 && seconds < SECONDS_PAST;
}

bool values_interval_valid(double seconds)
{
    return seconds > 0 && seconds <= INTERVAL_MOST_S;
}

static enum err check_name(const char *field, const char *name, size_t max,
                           struct errbuf *why)
{
    size_t len = strlen(name);

    if (len >= 1 && len <= max) {
        return ERR_OK;
    }
    errbuf_set_field(why, field, "%s: expected 1 to %zu bytes, found %zu",
                     field, max, len);
    return ERR_INVALID;
}

static enum err check_names(const struct value_list *list, struct errbuf *why)
{
    enum err err = check_name("host", list->host, EVENT_COMPONENT_MAX, why);

    if (err == ERR_OK) {
        err = check_name("plugin", list->plugin, EVENT_RESOURCE_MAX, why);
    }
    if (err == ERR_OK) {
        err = check_name("type", list->type, TYPESDB_NAME_MAX, why);
    }
    return err;
}

/* type[-instance], and the data source's name when there are several. */
static bool name_metric(const struct value_list *list, size_t i,
                        char metric[PERF_METRIC_MAX + 1])
{
    bool several = list->n > 1;
    bool instance = list->type_instance[0] != '\0';
    int len =
        snprintf(metric, PERF_METRIC_MAX + 1, "%s%s%s%s%s", list->type,
                 instance ? "-" : "", list->type_instance, several ? "-" : "",
                 several ? list->sources[i].name : "");

    return len > 0 && len <= PERF_METRIC_MAX;
}

static enum err add_value(struct values_maker *maker,
                          const struct value_list *list, size_t i,
                          struct errbuf *why)
{
    const struct typesdb_source *source = &list->sources[i];
    struct perf_item item = {.type = source->type,
                             .value = list->values[i],
                             .min = source->min,
                             .max = source->max};

    if (!isfinite(item.value)) {
        errbuf_set_field(why, "values",
                         "values: expected a finite number or U for '%s'",
                         source->name);
        return ERR_INVALID;
    }
    if (!name_metric(list, i, item.metric)) {
        errbuf_set_field(why, "type",
                         "type: expected at most %d bytes with the instance",
                         PERF_METRIC_MAX);
        return ERR_INVALID;
    }
    (void)snprintf(item.unit, sizeof item.unit, "%s", typesdb_unit(list->type));
    doc_begin_doc(maker->perf, "");
    perf_item_add_members(&item, maker->perf);
    doc_end(maker->perf);
    return ERR_OK;
}

/* ERR_NOT_FOUND when all are unknown. */
static enum err add_values(struct values_maker *maker,
                           const struct value_list *list, struct errbuf *why)
{
    enum err err = ERR_NOT_FOUND;

    doc_out_reset(maker->perf);
    doc_begin_array(maker->perf, "perf");
    for (size_t i = 0; i < list->n; i++) {
        if (isnan(list->values[i])) {
            continue;
        }
        err = add_value(maker, list, i, why);
        if (err != ERR_OK) {
            return err;
        }
    }
    doc_end(maker->perf);
    return err;
}

/* collectd's own time and interval are kept; a time that cannot be true is
 * replaced, and told beside. */
static void set_time(struct values_maker *maker, const struct value_list *list,
                     int64_t received_ms, struct event *event)
{
    bool told = list->time_ms != 0;
    bool usable = told && list->time_ms >= time_least_ms &&
                  list->time_ms <= received_ms + maker->conf.max_ahead_ms;

    doc_out_reset(maker->extra);
    if (list->interval_s > 0) {
        doc_add_f64(maker->extra, "interval", list->interval_s);
    }
    if (told && !usable) {
        doc_add_ms(maker->extra, "original_timestamp", list->time_ms);
    }
    event->extra = doc_out_done(maker->extra);
    event->received_ms = received_ms;
    event->timestamp_ms = usable ? list->time_ms : received_ms;
}

static void set_keys(struct values_maker *maker, struct event *event)
{
    buf_clear(&maker->rk);
    buf_clear(&maker->entity_id);
    event_routing_key(event, &maker->rk);
    event_entity_id(event, &maker->entity_id);
    event->rk = buf_str(&maker->rk);
    event->entity_id = buf_str(&maker->entity_id);
}

enum err values_to_event(struct values_maker *maker,
                         const struct value_list *list, int64_t received_ms,
                         struct event *event, struct errbuf *why)
{
    enum err err = check_names(list, why);

    if (err == ERR_OK) {
        err = add_values(maker, list, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    event_init(event, EVENT_PERF);
    event->connector = maker->conf.connector;
    event->connector_name = maker->conf.connector_name;
    event->source_type = EVENT_SOURCE_RESOURCE;
    event->component = list->host;
    event->resource = list->plugin;
    event->perf = doc_sub(doc_out_done(maker->perf), "perf");
    set_time(maker, list, received_ms, event);
    set_keys(maker, event);
    return ERR_OK;
}
