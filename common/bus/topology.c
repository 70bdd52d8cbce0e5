/* SPDX-License-Identifier: Apache-2.0 */
/** Every exchange, queue and binding, named once. */
#include "common/bus/topology.h"

#include <stdio.h>
#include <string.h>

#include "common/base/err.h"

static const struct {
    const char *name;
    const char *type;
} exchanges[BUS_N_EXCHANGES] = {
    [BUS_EVENTS] = {"events", "topic"},
    [BUS_ALERTS] = {"alerts", "topic"},
    [BUS_DEAD] = {"dead", "fanout"},
    [BUS_CONTROL] = {"control", "topic"},
};

/* Queues that are not here are fed through the default exchange. */
static const struct bus_binding bindings[] = {
    {"Engine_cleaner", BUS_EVENTS, "#"},
    {"Engine_collectdgw", -1, "collectd"},
    {"Engine_collectdgw", -1, "collectd.#"},
    {"Engine_dead", BUS_DEAD, ""},
    {"webserver.alerts", BUS_ALERTS, "#"},
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

const struct bus_binding *bus_binding_next(const char *queue, size_t *at)
{
    while (bindings[*at].queue != NULL) {
        const struct bus_binding *binding = &bindings[(*at)++];

        if (strcmp(binding->queue, queue) == 0) {
            return binding;
        }
    }
    return NULL;
}

static bool word_matches(const char *pattern, size_t pattern_len,
                         const char *word, size_t len)
{
    if (pattern_len == 1 && *pattern == '*') {
        return true;
    }
    return pattern_len == len && memcmp(pattern, word, len) == 0;
}

/* The part after the first word, NULL when it was the last. */
static const char *next_word(const char *text, size_t len)
{
    return text[len] == '.' ? text + len + 1 : NULL;
}

/* As with globs, only the latest "#" needs to be tried again: an earlier one
 * could do no more than that. NULL is the end of the words. */
/* NOLINTNEXTLINE(readability-function-cognitive-complexity): one loop, and
 * parts of it would say less. */
bool bus_topic_matches(const char *pattern, const char *key)
{
    const char *hash = NULL;
    const char *retry = NULL;

    while (key != NULL || pattern != NULL) {
        size_t pattern_len = pattern != NULL ? strcspn(pattern, ".") : 0;
        size_t len = key != NULL ? strcspn(key, ".") : 0;

        if (pattern != NULL && pattern_len == 1 && *pattern == '#') {
            pattern = next_word(pattern, pattern_len);
            hash = pattern;
            retry = key;
            if (pattern == NULL) {
                return true;
            }
        } else if (pattern != NULL && key != NULL &&
                   word_matches(pattern, pattern_len, key, len)) {
            pattern = next_word(pattern, pattern_len);
            key = next_word(key, len);
        } else if (retry != NULL) {
            retry = next_word(retry, strcspn(retry, "."));
            pattern = hash;
            key = retry;
        } else {
            return false;
        }
    }
    return true;
}
