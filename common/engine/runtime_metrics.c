/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: counters and gauges of an engine, by name. */
#include <string.h>

#include "common/engine/runtime_priv.h"

/* What every engine counts; the others are in its ops. */
static const struct engine_metric own[] = {
    {"events", "Events and other messages worked on", false},
    {"batches", "Batches committed", false},
    {"dropped", "Events that ended here on purpose", false},
    {"repeats", "Inputs that came again and were known", false},
    {"ignored", "Messages of a sender's older life, or ahead of their turn",
     false},
    {"holes", "Gaps in what a sender's messages are numbered by", false},
    {"dead_letters", "Messages refused to the dead letters", false},
    {"publish_refused", "Messages that the broker did not take at once", false},
    {"shed", "Copies withheld from a side branch that is too far behind",
     false},
    {"full", "Whether nothing more is read until what is held is worked on",
     true},
    {"paused", "Whether it waits because a queue after it is too deep", true},
    {"blocked", "Whether the broker takes no messages", true},
    {0}};

static struct runtime_counter *find(struct engine_io *io, const char *name)
{
    /* Nearly always the very literal that was declared. */
    for (size_t i = 0; i < io->n_counters; i++) {
        if (io->counters[i].name == name) {
            return &io->counters[i];
        }
    }
    for (size_t i = 0; i < io->n_counters; i++) {
        if (strcmp(io->counters[i].name, name) == 0) {
            return &io->counters[i];
        }
    }
    return NULL;
}

/* One that nobody declared is shown from its first use on. */
static struct runtime_counter *counter(struct engine_io *io, const char *name)
{
    struct runtime_counter *found = find(io, name);

    if (found != NULL) {
        return found;
    }
    BUG_IF(io->n_counters == RUNTIME_COUNTERS_MAX - 1);
    found = &io->counters[io->n_counters++];
    *found = (struct runtime_counter){.name = name, .help = name};
    return found;
}

static void declare(struct engine_io *io, const struct engine_metric *metrics)
{
    for (; metrics != NULL && metrics->name != NULL; metrics++) {
        struct runtime_counter *declared = counter(io, metrics->name);

        declared->help = metrics->help;
        declared->gauge = metrics->gauge;
    }
}

void metrics_declare(struct engine_io *io)
{
    declare(io, own);
    declare(io, io->ops->metrics);
}

void engine_count(struct engine_io *io, const char *name, uint64_t n)
{
    counter(io, name)->value += (int64_t)n;
}

void engine_gauge(struct engine_io *io, const char *name, int64_t value)
{
    struct runtime_counter *gauge = counter(io, name);

    gauge->value = value;
    gauge->gauge = true;
}

uint64_t metrics_count_of(struct engine_io *io, const char *name)
{
    return (uint64_t)counter(io, name)->value;
}

const struct runtime_counter *runtime_counter(const struct engine_io *io,
                                              size_t i)
{
    return i < io->n_counters ? &io->counters[i] : NULL;
}

int64_t runtime_last_event_ms(const struct engine_io *io)
{
    return io->last_event_ms;
}
