/* SPDX-License-Identifier: Apache-2.0 */
/** Hosts and when they were last said to be alive. */
#include "common/collectd/alive.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    INTERVALS = 3, /* missed before a host counts as silent */
    LEAST_MS = 1000
};

static const int64_t forget_ms = 86400000;
static const int64_t sweep_every_ms = 60000;
static const int64_t spread_most_ms = 3600000;

struct host {
    int64_t said_ms;
    int64_t span_ms; /* what was said then: three of these */
    uint64_t packet; /* the last one */
    int64_t first_ms; /* of its values */
    int64_t spread_ms;
    int64_t spread_before_ms; /* of the packet before */
    size_t len;
    char name[];
};

void alive_init(struct alive *alive, size_t most)
{
    *alive = (struct alive){.most = most, .sweep_ms = INT64_MIN};
}

void alive_fini(struct alive *alive)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&alive->hosts, &at, &slot)) {
        free(slot.value);
    }
    map_fini(&alive->hosts);
}

/* Into a new table, as a walk must not remove. */
static void sweep(struct alive *alive, int64_t now_ms)
{
    struct map old = alive->hosts;
    struct map_slot slot;
    size_t at = 0;

    map_init(&alive->hosts);
    while (map_next(&old, &at, &slot)) {
        struct host *host = slot.value;

        if (host->said_ms > now_ms - forget_ms) {
            (void)map_put(&alive->hosts, host->name, host->len, host);
        } else {
            free(host);
        }
    }
    map_fini(&old);
    alive->sweep_ms = now_ms + sweep_every_ms;
}

/* NULL: no room. */
static struct host *add_host(struct alive *alive,
                             const struct alive_heard *heard)
{
    size_t len = strlen(heard->host);
    struct host *host;

    if (alive->hosts.n >= alive->most && heard->time_ms >= alive->sweep_ms) {
        sweep(alive, heard->time_ms);
    }
    if (alive->hosts.n >= alive->most) {
        return NULL;
    }
    host = xcalloc(1, sizeof *host + len + 1);
    host->len = len;
    memcpy(host->name, heard->host, len + 1);
    (void)map_put(&alive->hosts, host->name, len, host);
    return host;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Until the next packet is full, a host is silent for as long as its values
 * are apart in one: told by the host's own clock, so a wrong one is as good.
 * Returns the time to count with, an interval and that. */
static int64_t hear(struct host *host, const struct alive_heard *heard)
{
    int64_t spread_ms;

    if (heard->packet == 0) {
        return heard->interval_ms;
    }
    if (host->packet != heard->packet) {
        host->packet = heard->packet;
        host->first_ms = heard->time_ms;
        host->spread_before_ms = host->spread_ms;
        host->spread_ms = 0;
    }
    spread_ms = heard->time_ms - host->first_ms;
    if (spread_ms > host->spread_ms) {
        host->spread_ms =
            spread_ms < spread_most_ms ? spread_ms : spread_most_ms;
    }
    return heard->interval_ms + longer(host->spread_ms, host->spread_before_ms);
}

/* Three intervals have room for one and a half. */
static bool grew(const struct host *host, int64_t span_ms)
{
    return span_ms > host->span_ms + host->span_ms / 2;
}

int64_t alive_say(struct alive *alive, const struct alive_heard *heard)
{
    int64_t now_ms = heard->time_ms;
    struct host *host =
        map_get(&alive->hosts, heard->host, strlen(heard->host));
    int64_t span_ms;

    if (host == NULL) {
        host = add_host(alive, heard);
    }
    if (host == NULL) {
        return 0;
    }
    span_ms = hear(host, heard);
    if (now_ms < host->said_ms + heard->interval_ms &&
        now_ms > host->said_ms - heard->interval_ms && !grew(host, span_ms)) {
        return 0;
    }
    host->said_ms = now_ms;
    host->span_ms = span_ms;
    return INTERVALS * span_ms;
}

bool alive_check(struct alive *alive, const struct event *values,
                 int64_t interval_ms, uint64_t packet, struct event *event)
{
    struct alive_heard heard = {.host = values->component,
                                .time_ms = values->timestamp_ms,
                                .packet = packet};
    int64_t ttl_ms;

    interval_ms = doc_ms(values->extra, "interval", interval_ms);
    heard.interval_ms = longer(interval_ms, LEAST_MS);
    ttl_ms = alive_say(alive, &heard);
    if (ttl_ms == 0) {
        return false;
    }
    event_init(event, EVENT_CHECK);
    event->connector = values->connector;
    event->connector_name = values->connector_name;
    event->source_type = EVENT_SOURCE_RESOURCE;
    event->component = values->component;
    event->resource = "alive";
    event->timestamp_ms = values->timestamp_ms;
    event->received_ms = values->received_ms;
    event->output = "collectd sends values";
    event->ttl_ms = ttl_ms;
    return true;
}
