/* SPDX-License-Identifier: Apache-2.0 */
/** Time: milliseconds UTC as int64_t; text forms for people. */
#ifndef HYP_BASE_CLOCK_H
#define HYP_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum {
    CLOCK_TEXT_MAX = 32
};

/** Wall clock in milliseconds since 1970 UTC. */
int64_t clock_now_ms(void);
/** Milliseconds that only go forward, from an arbitrary start. */
int64_t clock_mono_ms(void);
/** "2026-11-21T09:30:00.123Z" into text[CLOCK_TEXT_MAX]; returns text. */
char *clock_format(int64_t ms, char *text);
/** Seconds with milliseconds, as events and the API carry time, and back
 *  (rounded to the nearest millisecond; exact for what _to_s gave; beyond
 *  what int64_t holds, the nearest it does; 0 for what is no number). */
double clock_ms_to_s(int64_t ms);
int64_t clock_s_to_ms(double s);
/** Parse a duration: "250ms", "90s", "15m", "3h", "2d", or plain seconds.
 *  *ms is set on ERR_OK only; ERR_INVALID with a reason otherwise. */
MUST_CHECK enum err clock_parse_duration(const char *text, int64_t *ms,
                                         struct errbuf *why);

#endif
