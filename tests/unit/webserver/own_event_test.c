/* SPDX-License-Identifier: Apache-2.0 */
/** What the webserver tells of itself, as a table of looks. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/metrics/status_file.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"

enum {
    LOOKS_MAX = 8,
    SILENT = -1,
    START_S = 1000
};

struct look {
    int s; /* since the first */
    bool ready;
    int64_t disk_minor;
    int state;        /* SILENT: nothing is told */
    const char *part; /* of what is told */
};

struct own_case {
    const char *name;
    int64_t interval_ms;
    struct look looks[LOOKS_MAX];
};

static const struct own_case cases[] = {
    {"at once, then every minute",
     60000,
     {{0, true, 0, 0, "\"output\":\"0 requests since it was told last\""},
      {1, true, 0, SILENT, NULL},
      {60, true, 0, 0, "\"ttl\":180"}}},
    {"a process that is started anew is no news",
     60000,
     {{0, true, 0, 0, ""},
      {1, false, 0, SILENT, NULL},
      {59, false, 0, SILENT, NULL},
      {60, true, 0, 0, ""},
      {61, false, 0, SILENT, NULL},
      {119, false, 0, SILENT, NULL}}},
    {"one that stays away is told at once, its end with the minute",
     60000,
     {{0, true, 0, 0, ""},
      {1, false, 0, SILENT, NULL},
      {60, false, 0, 0, ""},
      {61, false, 0, 2, "\"output\":\"engine-x: "},
      {62, true, 0, SILENT, NULL},
      {121, true, 0, 0, "requests"}}},
    {"a full disk",
     60000,
     {{0, true, 0, 0, "disk_free="},
      {1, true, 101, 1, "are left on the disk"}}},
    {"switched off", 0, {{0, false, 101, SILENT, NULL}}},
};

static void tell_status(struct status_file *file, bool ready)
{
    struct errbuf why = {0};

    assert_int_equal(status_file_write(file, ready, ready ? NULL : "it waits",
                                       clock_now_ms(), &why),
                     ERR_OK);
}

static void check_look(struct web_fixture *f, const struct look *look)
{
    size_t before = broker_depth(f->broker, WEB_QUEUE_EVENTS);
    struct bus_message message;
    char state[32];

    f->conf.disk_minor = look->disk_minor;
    health_look(&f->server.health, f->folder, &f->conf.expect);
    own_event_look(&f->server, (START_S + look->s) * 1000L);
    web_settle(f);
    if (look->state == SILENT) {
        assert_int_equal(broker_depth(f->broker, WEB_QUEUE_EVENTS), before);
        return;
    }
    assert_int_equal(broker_depth(f->broker, WEB_QUEUE_EVENTS), before + 1);
    assert_true(broker_peek(f->broker, WEB_QUEUE_EVENTS, before, &message));
    (void)snprintf(state, sizeof state, "\"state\":%d,", look->state);
    if (memmem(message.body, message.len, state, strlen(state)) == NULL ||
        memmem(message.body, message.len, look->part, strlen(look->part)) ==
            NULL) {
        fail_msg("at %d s: %.*s", look->s, (int)message.len,
                 (const char *)message.body);
    }
}

static void check_case(void **state)
{
    static const char *const set[] = {"expect=engine-x", NULL};
    const struct own_case *row = *state;
    struct status_file *file;
    struct web_fixture f;

    web_start(&f, set);
    f.conf.self_ms = row->interval_ms;
    f.conf.disk_major = 0;
    file = status_file_open(f.folder, "engine-x", NULL, clock_now_ms());
    for (size_t i = 0; i < LOOKS_MAX && (i == 0 || row->looks[i].s > 0); i++) {
        tell_status(file, row->looks[i].ready);
        check_look(&f, &row->looks[i]);
    }
    status_file_close(file);
    web_stop(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
    };

    return rows_run("web own event", tables, N_ROWS(tables));
}
