/* SPDX-License-Identifier: Apache-2.0 */
/** The alarm engine alone: a store in memory, a clock in hand, no bus. */
#ifndef HYP_TESTS_ALARM_WORLD_H
#define HYP_TESTS_ALARM_WORLD_H

#include "common/base/buf.h"
#include "common/engine/engine.h"
#include "common/store/store_memory.h"

#define WORLD_EPOCH_MS INT64_C(1700000000000)

struct world;

/** settings: "key=value key=value" of section [alarm], or "". */
struct world *world_new(const char *settings);
void world_free(struct world *world);
/** End without warning and come back from the store. */
void world_restart(struct world *world);
/** Come back as one of several partitions (at first: 0 of 1). */
void world_restart_as(struct world *world, int64_t partition, int64_t of);
/** The store cannot be read at the next loads, so many times. */
void world_restart_failing(struct world *world, int loads);

/** Time passes to so many seconds: the wall clock and the marks. */
void world_at(struct world *world, double s);
/** Only the wall clock, as when the chain stands still. */
void world_wall_at(struct world *world, double s);
/** A beat, as part of the batch. */
void world_beat(struct world *world);
/** One event through the main queue; NULL-able fields as in world_event. */
void world_process(struct world *world, const struct event *event);
/** An event of that entity (resource "r<n>"), now, with a new position. */
struct event world_event(struct world *world, int n, enum event_type type);
/** One message through the action queue. */
void world_extra(struct world *world, const char *json);
/** Commit what is open. most: rows to fold, 0 none. */
void world_commit(struct world *world, size_t most);

/** All rows of a collection as JSON, a line each; borrowed until the next. */
const char *world_rows(struct world *world, enum store_collection from);
/** The messages so far, "<message id> <routing key> <body>", a line each. */
const char *world_messages(const struct world *world);
void world_forget_messages(struct world *world);
int64_t world_count(const struct world *world, const char *name);

#endif
