/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as the file of a time zone: refused, or it answers for any time,
 *  by an offset within a day or so. */
#include <string.h>

#include "common/base/zone.h"
#include "tests/fuzz/fuzz.h"

enum {
    OFFSET_MAX = 30 * 3600
};

static const int64_t times[] = {
    INT64_MIN / 4, -INT64_C(62135596800000), -1,           0,
    1795392000123, INT64_C(4102444800000),   INT64_MAX / 4};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errbuf why = {"", ""};
    struct zone *zone;

    if (zone_from_bytes(data, size, &zone, &why) != ERR_OK) {
        BUG_IF(zone != NULL || why.text[0] == '\0');
        return 0;
    }
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct zone_time t;

        zone_local(zone, times[i], &t);
        BUG_IF(t.offset_s < -OFFSET_MAX || t.offset_s > OFFSET_MAX);
        BUG_IF(t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31);
        BUG_IF(t.weekday < 0 || t.weekday > 6 || t.second < 0);
        BUG_IF(strlen(t.abbr) > ZONE_FILE_MAX);
    }
    zone_free(zone);
    return 0;
}
