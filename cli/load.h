/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The load of hyp bench: checks of connectors x components x resources in
 * turn, some with a new state, and how long each change took to come back.
 */
#ifndef HYP_CLI_LOAD_H
#define HYP_CLI_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum {
    LOAD_ENTITIES_MAX = 10000000,
    LOAD_LATENCY_MAX_MS = 60000 /* longer ones count as this */
};

struct load_shape {
    int64_t connectors, components, resources; /**< of each: 1 or more */
    double changes; /**< share of events with a new state, 0 to 1 */
};

struct load {
    struct load_shape shape;
    int64_t n;        /* resources in all */
    int64_t events;   /* made so far */
    int64_t next;     /* the resource whose turn it is */
    uint64_t random;  /* state of the generator */
    uint8_t *states;  /* by resource */
    int64_t *sent_ms; /* when its change was sent; 0: none is under way */
    int64_t pending;
    int64_t n_changes, n_answered;
    int64_t *took; /* changes that took so many ms */
};

/** The product of the shape is at most LOAD_ENTITIES_MAX. */
void load_init(struct load *load, const struct load_shape *shape);
void load_fini(struct load *load);
/** Append the next event as JSON. wall_ms is its timestamp, mono_ms (above 0)
 *  what latency counts from. The first one of each resource is OK. */
void load_next(struct load *load, int64_t wall_ms, int64_t mono_ms,
               struct buf *out);
/** A change of the alarm of a resource was told, by its names. The first one
 *  after a change was sent answers it; all others are passed over. */
void load_answer(struct load *load, const char *component, const char *resource,
                 int64_t mono_ms);
/** So many milliseconds or less took the share (0 to 1) of the answered
 *  changes; -1: none was answered. */
int64_t load_quantile(const struct load *load, double share);

#endif
