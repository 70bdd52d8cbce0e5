/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Time zones of the machine's tz database (TZif files): read whole when
 * opened, pure from then on. NULL stands for UTC wherever a zone is taken.
 */
#ifndef HYP_BASE_ZONE_H
#define HYP_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    ZONE_NAME_MAX = 64,
    ZONE_FILE_MAX = 64 * 1024
};

#define ZONE_FOLDER "/usr/share/zoneinfo"

struct zone;

/** Open a zone by its name ("Europe/Paris"); gives *out, NULL for "UTC".
 *  ERR_INVALID: there is none of the name; ERR_UNAVAILABLE: its file cannot be
 *  read. */
MUST_CHECK enum err zone_open(const char *name, struct zone **out,
                              struct errbuf *why);
/** From the contents of a TZif file of version 2 or later; gives *out.
 *  ERR_INVALID: they are none. */
MUST_CHECK enum err zone_from_bytes(const void *data, size_t len,
                                    struct zone **out, struct errbuf *why);
void zone_free(struct zone *zone);

/** What a clock on the wall shows, and the calendar beside it. */
struct zone_time {
    int64_t year;
    int month;        /**< 1..12 */
    int day;          /**< 1..31 */
    int weekday;      /**< 0: Monday */
    int second;       /**< of the day */
    int64_t local;    /**< seconds since 1970-01-01 00:00:00 on that clock */
    int64_t offset_s; /**< east of UTC */
    const char *abbr; /**< "CET", borrowed */
};

/** Seconds east of UTC at a moment; *abbr (may be NULL) borrows its name. */
int64_t zone_offset_s(const struct zone *zone, int64_t ms, const char **abbr);
void zone_local(const struct zone *zone, int64_t ms, struct zone_time *out);

/** Whether the format's conversions are all among
 *  %Y %m %d %H %M %S %y %e %j %I %p %a %A %b %B %F %T %R %z %Z %s %%. */
bool zone_format_is_good(const char *format);
/** Append the time as strftime of the C locale writes it; format is good. */
void zone_format(const struct zone *zone, int64_t ms, const char *format,
                 struct buf *out);

#endif
