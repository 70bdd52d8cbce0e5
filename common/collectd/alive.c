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

struct host {
    int64_t said_ms;
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

static bool add_host(struct alive *alive, const char *name, int64_t now_ms)
{
    size_t len = strlen(name);
    struct host *host;

    if (alive->hosts.n >= alive->most && now_ms >= alive->sweep_ms) {
        sweep(alive, now_ms);
    }
    if (alive->hosts.n >= alive->most) {
        return false;
    }
    host = xmalloc(sizeof *host + len + 1);
    host->said_ms = now_ms;
    host->len = len;
    memcpy(host->name, name, len + 1);
    (void)map_put(&alive->hosts, host->name, len, host);
    return true;
}

bool alive_is_due(struct alive *alive, const char *name, int64_t now_ms,
                  int64_t interval_ms)
{
    struct host *host = map_get(&alive->hosts, name, strlen(name));

    if (host == NULL) {
        return add_host(alive, name, now_ms);
    }
    if (now_ms < host->said_ms + interval_ms &&
        now_ms > host->said_ms - interval_ms) {
        return false;
    }
    host->said_ms = now_ms;
    return true;
}

bool alive_check(struct alive *alive, const struct event *values,
                 int64_t interval_ms, struct event *event)
{
    interval_ms = doc_ms(values->extra, "interval", interval_ms);
    interval_ms = interval_ms > LEAST_MS ? interval_ms : LEAST_MS;
    if (!alive_is_due(alive, values->component, values->timestamp_ms,
                      interval_ms)) {
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
    event->ttl_ms = INTERVALS * interval_ms;
    return true;
}
