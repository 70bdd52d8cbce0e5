/* SPDX-License-Identifier: Apache-2.0 */
/** Every exchange, queue and binding, named once. */
#include "common/bus/topology.h"

#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/hash.h"
#include "common/base/str.h"

static const struct {
    const char *name;
    const char *type;
} exchanges[BUS_N_EXCHANGES] = {
    [BUS_EVENTS] = {"events", "topic"},
    [BUS_ALERTS] = {"alerts", "topic"},
    [BUS_DEAD] = {"dead", "fanout"},
    [BUS_CONTROL] = {"control", "topic"},
};

#define GROUP_ENTRY "Engine_cleaner."

/* Queues that are not here are fed through the default exchange. */
static const struct bus_binding bindings[] = {
    {"Engine_cleaner", BUS_EVENTS, "#"},
    {"Engine_collectdgw", -1, "collectd"},
    {"Engine_collectdgw", -1, "collectd.#"},
    {"Engine_dead", BUS_DEAD, ""},
    {"webserver.alerts", BUS_ALERTS, "#"},
    {BUS_QUEUE_WATCH, BUS_ALERTS, "#"},
    {BUS_CONTROL_SUFFIX, BUS_CONTROL, "#"},
    {GROUP_ENTRY, BUS_EVENTS, "#"},
    {NULL, 0, NULL},
};

char *bus_exchange_name(const char *prefix, enum bus_exchange exchange,
                        char *out)
{
    int len = snprintf(out, BUS_NAME_MAX + 1, "%s.%s", prefix,
                       exchanges[exchange].name);

    BUG_IF(len < 0 || len > BUS_NAME_MAX);
    return out;
}

const char *bus_exchange_type(enum bus_exchange exchange)
{
    return exchanges[exchange].type;
}

char *bus_queue_name(const char *engine, int partition, int partitions,
                     char *out)
{
    int len =
        partitions > 1
            ? snprintf(out, BUS_NAME_MAX + 1, "Engine_%s.%d", engine, partition)
            : snprintf(out, BUS_NAME_MAX + 1, "Engine_%s", engine);

    BUG_IF(len < 0 || len > BUS_NAME_MAX);
    return out;
}

bool bus_queue_is_durable(const char *queue)
{
    return strcmp(queue, BUS_QUEUE_WATCH) != 0;
}

size_t bus_partition(const char *component, const char *connector_name,
                     size_t partitions)
{
    const char *name = component[0] != '\0' ? component : connector_name;

    return partitions == 1 ? 0 : hash_fixed(name, strlen(name)) % partitions;
}

char *bus_own_queue_name(const char *queue, const char *engine, int partition,
                         int partitions, char *out)
{
    char own[BUS_NAME_MAX + 1];
    size_t own_len = strlen(bus_queue_name(engine, 0, 1, own));
    bool is_own = str_starts(queue, own) && queue[own_len] == '.';
    int len = partitions > 1 && is_own
                  ? snprintf(out, BUS_NAME_MAX + 1, "%s.%d%s", own, partition,
                             queue + own_len)
                  : snprintf(out, BUS_NAME_MAX + 1, "%s", queue);

    BUG_IF(len < 0 || len > BUS_NAME_MAX);
    return out;
}

char *bus_group_name(const char *name, const char *group, char *out)
{
    int len = *group != '\0'
                  ? snprintf(out, BUS_NAME_MAX + 1, "%s.%s", name, group)
                  : snprintf(out, BUS_NAME_MAX + 1, "%s", name);

    BUG_IF(len < 0 || len > BUS_NAME_MAX);
    return out;
}

bool bus_group_is_valid(const char *group)
{
    size_t len = strlen(group);

    return len > 0 && len <= BUS_GROUP_MAX && strcmp(group, "control") != 0 &&
           strspn(group, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789-_") == len;
}

const char *bus_queue_group(const char *queue)
{
    const char *group = queue + strlen(GROUP_ENTRY);

    return str_starts(queue, GROUP_ENTRY) && bus_group_is_valid(group) ? group
                                                                       : NULL;
}

char *bus_binding_exchange(const char *prefix, const char *queue,
                           const struct bus_binding *binding, char *out)
{
    const char *group = bus_queue_group(queue);
    char name[BUS_NAME_MAX + 1];

    if (binding->exchange < 0) {
        return bus_group_name("amq.topic", "", out);
    }
    (void)bus_exchange_name(prefix, (enum bus_exchange)binding->exchange, name);
    return bus_group_name(name, group != NULL ? group : "", out);
}

static bool is_bound(const struct bus_binding *binding, const char *queue)
{
    size_t len = strlen(queue);
    size_t end = strlen(binding->queue);

    if (binding->queue[end - 1] == '.') {
        return str_starts(queue, binding->queue);
    }
    return binding->queue[0] == '.'
               ? len > end && strcmp(queue + len - end, binding->queue) == 0
               : strcmp(binding->queue, queue) == 0;
}

const struct bus_binding *bus_binding_next(const char *queue, size_t *at)
{
    while (bindings[*at].queue != NULL) {
        const struct bus_binding *binding = &bindings[(*at)++];

        if (is_bound(binding, queue)) {
            return binding;
        }
    }
    return NULL;
}

/* Words between dots, one after the other; at is NULL behind the last. */
struct words {
    const char *at;
    size_t len;
};

static void words_set(struct words *words, const char *at)
{
    words->at = at;
    words->len = at != NULL ? strcspn(at, ".") : 0;
}

static void words_next(struct words *words)
{
    const char *end = words->at + words->len;

    words_set(words, *end == '.' ? end + 1 : NULL);
}

static bool word_is(const struct words *words, char what)
{
    return words->at != NULL && words->len == 1 && *words->at == what;
}

static bool word_matches(const struct words *pattern, const struct words *key)
{
    if (pattern->at == NULL || key->at == NULL) {
        return false;
    }
    return word_is(pattern, '*') ||
           (pattern->len == key->len &&
            memcmp(pattern->at, key->at, key->len) == 0);
}

/* As with globs, only the latest "#" needs to be tried again: an earlier one
 * could do no more than that. */
bool bus_topic_matches(const char *pattern, const char *key)
{
    struct words want;
    struct words have;
    struct words hash = {NULL, 0};  /* what follows the latest "#" */
    struct words retry = {NULL, 0}; /* where it was tried last */

    words_set(&want, pattern);
    words_set(&have, key);
    while (have.at != NULL || want.at != NULL) {
        if (word_is(&want, '#')) {
            words_next(&want);
            hash = want;
            retry = have;
        } else if (word_matches(&want, &have)) {
            words_next(&want);
            words_next(&have);
        } else if (retry.at != NULL) {
            words_next(&retry);
            want = hash;
            have = retry;
        } else {
            return false;
        }
    }
    return true;
}
