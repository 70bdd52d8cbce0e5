/* SPDX-License-Identifier: Apache-2.0 */
/** Whether events come through the chain at all. */
#include "engines/alarm/alarm_chain.h"

enum {
    PERCENT = 100
};

static int64_t behind(struct alarm_chain *chain, int64_t now_ms,
                      int64_t chain_ms)
{
    int64_t since_ms;

    /* A clock that was put back starts it anew. */
    if (chain->since_ms == 0 || now_ms < chain->since_ms) {
        chain->since_ms = now_ms;
    }
    since_ms = chain_ms > chain->since_ms ? chain_ms : chain->since_ms;
    return now_ms > since_ms ? now_ms - since_ms : 0;
}

static bool is_time_to_tell(const struct alarm_chain *chain, int64_t now_ms,
                            bool open)
{
    int64_t age_ms = now_ms - chain->told_ms;

    return chain->beats >= ALARM_CHAIN_BEATS &&
           (!open || age_ms < 0 || age_ms >= ALARM_CHAIN_AGAIN_MS);
}

enum alarm_chain_word alarm_chain_look(struct alarm_chain *chain,
                                       int64_t now_ms, int64_t chain_ms,
                                       int64_t limit_ms, bool open)
{
    chain->behind_ms = behind(chain, now_ms, chain_ms);
    if (limit_ms == 0) {
        return open ? ALARM_CHAIN_WELL : ALARM_CHAIN_NOTHING;
    }
    /* A process that slept finds all late at its first look. */
    chain->beats = chain->behind_ms >= limit_ms ? chain->beats + 1 : 0;
    if (is_time_to_tell(chain, now_ms, open)) {
        chain->told_ms = now_ms;
        return ALARM_CHAIN_LATE;
    }
    if (open &&
        chain->behind_ms * PERCENT < limit_ms * ALARM_CHAIN_CLEAR_PERCENT) {
        return ALARM_CHAIN_WELL;
    }
    return ALARM_CHAIN_NOTHING;
}
