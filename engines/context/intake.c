/* SPDX-License-Identifier: Apache-2.0 */
/** How many entities each connector made in the hour. */
#include "engines/context/intake.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/event/event.h"

enum {
    HOUR_MS = 3600 * 1000,
    KEY_MAX = 2 * (EVENT_CONNECTOR_MAX + 1)
};

struct count {
    int64_t hour;
    int64_t n;
    char key[]; /* both names with their NUL, so that no two pairs share it */
};

void intake_init(struct intake *intake)
{
    map_init(&intake->counts);
    buf_init(&intake->key, KEY_MAX);
}

void intake_fini(struct intake *intake)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&intake->counts, &at, &slot)) {
        free(slot.value);
    }
    map_fini(&intake->counts);
    buf_fini(&intake->key);
}

static struct count *find(struct intake *intake, const char *connector,
                          const char *connector_name)
{
    buf_clear(&intake->key);
    buf_add(&intake->key, connector, strlen(connector) + 1);
    buf_add(&intake->key, connector_name, strlen(connector_name) + 1);
    return map_get(&intake->counts, intake->key.data, intake->key.len);
}

static struct count *add(struct intake *intake)
{
    struct count *count = xcalloc(1, sizeof *count + intake->key.len);

    memcpy(count->key, intake->key.data, intake->key.len);
    (void)map_put(&intake->counts, count->key, intake->key.len, count);
    return count;
}

void intake_note(struct intake *intake, const char *connector,
                 const char *connector_name, int64_t created_ms)
{
    struct count *count = find(intake, connector, connector_name);
    int64_t hour = created_ms / HOUR_MS;

    if (count == NULL) {
        count = add(intake);
    }
    if (hour > count->hour) {
        count->hour = hour;
        count->n = 0;
    }
    if (hour == count->hour) {
        count->n++;
    }
}

int64_t intake_count(struct intake *intake, const char *connector,
                     const char *connector_name, int64_t at_ms)
{
    const struct count *count = find(intake, connector, connector_name);

    return count == NULL || at_ms / HOUR_MS > count->hour ? 0 : count->n;
}
