/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether events come through the chain at all. Where they do not, nothing
 * that the chain carries can tell so; the engine at its end can. Pure.
 */
#ifndef HYP_ENGINES_ALARM_ALARM_CHAIN_H
#define HYP_ENGINES_ALARM_ALARM_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ALARM_CHAIN_BEATS = 3,         /**< so many looks in a row must agree */
    ALARM_CHAIN_AGAIN_MS = 60000,  /**< told again while it lasts */
    ALARM_CHAIN_CLEAR_PERCENT = 50 /**< of the limit: below, it is over */
};

enum alarm_chain_word {
    ALARM_CHAIN_NOTHING,
    ALARM_CHAIN_LATE, /**< to be told, or told again */
    ALARM_CHAIN_WELL  /**< it is over */
};

/** Zeroed before the first look. */
struct alarm_chain {
    int64_t since_ms; /**< first look of this life */
    int64_t told_ms;
    int beats; /**< looks in a row that found it late */
    int64_t behind_ms;
};

/**
 * Look, about once a second.
 *
 * chain_ms  chain time; what was before the first look does not count, for
 *           this process was not there to hear it. 0: not known.
 * limit_ms  so far behind is late; 0: never.
 * open      whether the alarm about it is open and not OK.
 */
enum alarm_chain_word alarm_chain_look(struct alarm_chain *chain,
                                       int64_t now_ms, int64_t chain_ms,
                                       int64_t limit_ms, bool open);

#endif
