/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How the processes of this machine are, from the status files that each of
 * them replaces once a second; rates from what was read before.
 */
#ifndef HYP_WEBSERVER_HEALTH_H
#define HYP_WEBSERVER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"

enum {
    HEALTH_PROCESSES_MAX = 64,
    HEALTH_NAME_MAX = 64
};

struct health_process {
    char name[HEALTH_NAME_MAX];
    bool expected; /**< configured to be there */
    bool present;  /**< has a status file */
    bool live;     /**< and its process tells it */
    bool ready;
    char why_not[256];
    int64_t pid;
    int64_t started_ms, updated_ms;
    double events, errors; /**< counters */
    double lag_s;          /**< NaN: it does not tell */
    double memory;         /**< bytes; NaN: it does not tell */
    double rate;           /**< events a second; NaN: not known yet */
    int64_t rate_ms;       /**< when `events` was counted for the rate */
    double rate_events;
    struct buf metrics; /**< as JSON */
};

struct health {
    struct health_process *processes; /**< HEALTH_PROCESSES_MAX, or NULL */
    size_t n;
};

void health_fini(struct health *health);
/** Read the status files anew: who was told that all is ready hears nothing
 *  older here. expected: names of processes that must be there. */
void health_look(struct health *health, const char *folder,
                 const struct conf_list *expected);
/** Whether every process is present and ready; else why says which not. */
bool health_good(const struct health *health, struct errbuf *why);
/** Append an array of objects. */
void health_write(const struct health *health, struct buf *out);

#endif
