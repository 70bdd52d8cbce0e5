/* SPDX-License-Identifier: Apache-2.0 */
/** A value list of collectd, in whichever form it came, as an event. */
#ifndef HYP_COLLECTD_VALUES_H
#define HYP_COLLECTD_VALUES_H

#include "common/collectd/typesdb.h"
#include "common/event/event.h"

enum {
    VALUES_TYPE_MAX = 255 /* bytes of type and type instance */
};

/** What a site configures; borrowed for the maker's life. */
struct values_conf {
    const char *connector;      /**< "collectd" */
    const char *connector_name; /**< "collectd2event" */
    const struct typesdb *types;
    int64_t max_ahead_ms; /**< a time further ahead is replaced */
};

/** One sample of one type of one plugin; texts are UTF-8 and borrowed. */
struct value_list {
    const char *host;
    const char *plugin; /**< with its instance: "df-root" */
    const char *type;
    const char *type_instance; /**< "" when there is none */
    int64_t time_ms;           /**< 0: now */
    double interval_s;         /**< 0: not told */
    size_t n;
    const struct typesdb_source *sources; /**< n */
    double values[TYPESDB_SOURCES_MAX];   /**< NaN: unknown */
};

/** Where the parsers give what they read, in order; index counts the value
 *  lists of a message, taken, skipped or refused, from 0. */
struct values_sink {
    void *ctx;
    /** A perf event, borrowed for the call; rk and entity_id are set. */
    void (*event)(void *ctx, uint32_t index, const struct event *event);
    /** A refused line or list: its text, and why with what was expected. */
    void (*refused)(void *ctx, uint32_t index, const char *text, size_t len,
                    const struct errbuf *why);
};

struct values_maker;

struct values_maker *values_maker_new(const struct values_conf *conf);
void values_maker_free(struct values_maker *maker);
const struct values_conf *values_maker_conf(const struct values_maker *maker);
/**
 * Fill event, which borrows from list and maker until the next call.
 * ERR_NOT_FOUND: every value is unknown, there is nothing to tell.
 * ERR_INVALID: a name is missing or too long, or a value is not finite; why
 * names the field.
 */
MUST_CHECK enum err values_to_event(struct values_maker *maker,
                                    const struct value_list *list,
                                    int64_t received_ms, struct event *event,
                                    struct errbuf *why);

/** Whether a number of seconds can be a time since 1970, or an interval. */
bool values_time_valid(double seconds);
bool values_interval_valid(double seconds);

#endif
