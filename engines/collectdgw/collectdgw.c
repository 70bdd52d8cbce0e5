/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "collectdgw": collectd's messages become perf events. */
#include "engines/collectdgw/collectdgw.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "common/collectd/alive.h"
#include "common/collectd/typesdb_load.h"
#include "common/engine/known.h"
#include "engines/collectdgw/collectd_json.h"
#include "engines/collectdgw/putval.h"

enum {
    ALIVE_INDEX = 0x40000000U /* past the value lists of any message */
};

struct collectdgw {
    char *connector;
    char *connector_name;
    struct conf_list typesdb;
    int64_t max_ahead_ms;
    bool alive;
    int64_t hosts_max;
    int64_t interval_ms; /* of values that tell none */

    struct typesdb *types;
    struct values_maker *maker;
    struct alive hosts;
    struct known known; /* ids of letters given again */
    struct buf rk;
    struct buf entity_id;
    struct engine_io *io; /* of the call under way, for the sink */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "collectdgw", .key = key_,                                      \
    .offset = offsetof(struct collectdgw, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option collectdgw_options[] = {
    {OPTION("connector", connector), .type = CONF_STRING,
     .fallback = "collectd", .min = 1, .max = EVENT_CONNECTOR_MAX,
     .help = "connector of the events"},
    {OPTION("connector_name", connector_name), .type = CONF_STRING,
     .fallback = "collectd2event", .min = 1, .max = EVENT_CONNECTOR_MAX,
     .help = "connector_name of the events"},
    {OPTION("typesdb", typesdb), .type = CONF_LIST,
     .fallback = "/usr/share/collectd/types.db", .min = 1, .max = 32,
     .help = "collectd's types.db and further ones; later ones win"},
    {OPTION("max_ahead", max_ahead_ms), .type = CONF_DURATION,
     .fallback = "60s", .min = 0, .max = 86400000,
     .help = "a time further ahead is replaced by the time of receipt"},
    {OPTION("alive", alive), .live = true, .type = CONF_BOOL, .fallback = "yes",
     .help = "send a check \"alive\" for each host, every interval"},
    {OPTION("hosts_max", hosts_max), .type = CONF_INT, .fallback = "100000",
     .min = 1, .max = 10000000, .unit = "hosts",
     .help = "hosts that get an alive check"},
    {OPTION("interval", interval_ms), .live = true, .type = CONF_DURATION,
     .fallback = "10s", .min = 1000, .max = 86400000,
     .help = "interval of values that do not tell theirs"},
    {0}};

static const char *const collectdgw_entries[] = {"Engine_collectdgw", NULL};

static enum err collectdgw_init(void *state, struct engine_io *io,
                                struct errbuf *why)
{
    struct collectdgw *gw = state;
    struct values_conf conf = {.connector = gw->connector,
                               .connector_name = gw->connector_name,
                               .max_ahead_ms = gw->max_ahead_ms};

    (void)io;
    gw->types = typesdb_new();
    conf.types = gw->types;
    gw->maker = values_maker_new(&conf);
    alive_init(&gw->hosts, (size_t)gw->hosts_max);
    buf_init(&gw->rk, EVENT_ROUTING_KEY_MAX);
    buf_init(&gw->entity_id, EVENT_ENTITY_ID_MAX);
    return typesdb_load(gw->types, &gw->typesdb, why);
}

static void pass_alive(struct collectdgw *gw, uint32_t index,
                       const struct event *values)
{
    struct event event;

    if (!alive_check(&gw->hosts, values, gw->interval_ms, 0, &event)) {
        return;
    }
    buf_clear(&gw->rk);
    buf_clear(&gw->entity_id);
    event_routing_key(&event, &gw->rk);
    event_entity_id(&event, &gw->entity_id);
    event.rk = buf_str(&gw->rk);
    event.entity_id = buf_str(&gw->entity_id);
    engine_pass(gw->io, ALIVE_INDEX + index, &event);
}

static void sink_event(void *ctx, uint32_t index, const struct event *event)
{
    struct collectdgw *gw = ctx;

    engine_count(gw->io, "value_lists", 1);
    engine_pass(gw->io, index, event);
    if (gw->alive) {
        pass_alive(gw, index, event);
    }
}

static void sink_refused(void *ctx, uint32_t index, const char *text,
                         size_t len, const struct errbuf *why)
{
    const struct collectdgw *gw = ctx;

    engine_refuse(gw->io, index, text, len, why);
}

/* The forms tell themselves: no PUTVAL starts with a bracket. */
static bool is_json(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r\n", *text) != NULL && *text != '\0') {
        text++;
        len--;
    }
    return len > 0 && (*text == '[' || *text == '{');
}

/* Of the suite's own user: a dead letter given again, under an id. */
static bool is_known(struct collectdgw *gw, struct engine_io *io,
                     const struct engine_input *input)
{
    const struct bus_properties *properties = &input->delivery->properties;

    if (input->repeat || properties->message_id[0] == '\0' ||
        strcmp(properties->user_id, engine_user(io)) != 0) {
        return false; /* a repeat by receipt took its id the first time */
    }
    if (known_has(&gw->known, properties->message_id)) {
        engine_count(io, "known_ids", 1);
        return true;
    }
    known_add(&gw->known, io, properties->message_id);
    return false;
}

static void collectdgw_input(void *state, struct engine_io *io,
                             const struct engine_input *input)
{
    struct collectdgw *gw = state;
    const struct bus_delivery *delivery = input->delivery;
    const char *text = delivery->body;
    const struct values_sink sink = {
        .ctx = gw, .event = sink_event, .refused = sink_refused};
    struct errbuf why;

    gw->io = io;
    if (is_known(gw, io, input)) {
        return;
    }
    if (text == NULL) {
        errbuf_set_field(&why, "body", "message of %zu bytes passes the limit",
                         delivery->len);
        engine_refuse(io, 0, delivery->head, delivery->len, &why);
    } else if (is_json(text, delivery->len)) {
        collectd_json_parse(gw->maker, text, delivery->len, input->received_ms,
                            &sink);
    } else {
        putval_parse(gw->maker, text, delivery->len, input->received_ms, &sink);
    }
}

static enum err collectdgw_load(void *state, struct engine_io *io)
{
    struct collectdgw *gw = state;

    return known_load(&gw->known, io);
}

static void collectdgw_fini(void *state)
{
    struct collectdgw *gw = state;

    values_maker_free(gw->maker);
    typesdb_free(gw->types);
    alive_fini(&gw->hosts);
    known_fini(&gw->known);
    buf_fini(&gw->rk);
    buf_fini(&gw->entity_id);
}

static const struct engine_metric collectdgw_metrics[] = {
    {"known_ids", "Messages whose id was known: repeats of a sender", false},
    {"value_lists", "Value lists of collectd", false},
    {0}};

const struct engine_ops collectdgw_engine = {
    .name = "collectdgw",
    .description =
        "Takes what collectd publishes (PUTVAL lines or JSON), finds types,\n"
        "units and bounds in types.db, and publishes perf events, with a\n"
        "check \"alive\" for each host that runs out when it falls silent.",
    .options = collectdgw_options,
    .state_size = sizeof(struct collectdgw),
    .metrics = collectdgw_metrics,
    .entries = collectdgw_entries,
    .to_exchange = true,
    .exchange = BUS_EVENTS,
    .init = collectdgw_init,
    .load = collectdgw_load,
    .input = collectdgw_input,
    .fini = collectdgw_fini,
};
