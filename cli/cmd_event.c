/* SPDX-License-Identifier: Apache-2.0 */
/** hyp event: the last checks, and the log as it grows. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"

enum {
    PATH_BYTES = 64 * 1024,
    SEEN_MAX = 20000,
    OVERLAP_MS = 10000, /* rows are committed in batches, not in order */
    FIRST_MS = 60000,
    LOOK_MS = 1000
};

static const struct column columns[] = {
    {"RECEIVED", "received_at", COLUMN_TIME, false},
    {"TYPE", "event_type", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"COMPONENT", "component", COLUMN_TEXT, false},
    {"RESOURCE", "resource", COLUMN_TEXT, false},
    {"CONNECTOR", "connector", COLUMN_TEXT, true},
    {"CONNECTOR NAME", "connector_name", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, true},
    {"OUTPUT", "output", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

int cmd_event_list(struct hyp *hyp)
{
    return listing_show(hyp, "/api/v1/events", columns);
}

/* Ids shown already; the oldest are forgotten. */
struct seen {
    struct map map;
    char *ids[SEEN_MAX];
    size_t at;
};

struct tail {
    struct hyp *hyp;
    struct seen *seen;
    struct table *table; /* NULL: lines for people */
    int64_t from_ms;
};

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static bool is_new(struct seen *seen, const char *id)
{
    size_t len = strlen(id);
    char **slot = &seen->ids[seen->at % SEEN_MAX];

    if (map_get(&seen->map, id, len) != NULL) {
        return false;
    }
    if (*slot != NULL) {
        (void)map_remove(&seen->map, *slot, strlen(*slot));
        free(*slot);
    }
    *slot = xstrdup(id);
    (void)map_put(&seen->map, *slot, len, *slot);
    seen->at++;
    return true;
}

static void print_event(const struct tail *tail, struct doc item)
{
    const struct hyp *hyp = tail->hyp;
    struct buf line;

    buf_init(&line, PATH_BYTES);
    table_add_time(&line, doc_f64(item, "received_at", 0));
    buf_addf(&line, " %s", table_color(hyp, doc_i64(item, "state", -1)));
    table_format(&columns[2], item, &line);
    buf_addf(&line, "%s ", table_color_end(hyp));
    table_add_clean(&line, doc_str(item, "event_type", ""));
    buf_add_char(&line, ' ');
    table_add_clean(&line, doc_str(item, "component", ""));
    if (doc_str(item, "resource", "")[0] != '\0') {
        buf_add_char(&line, '/');
        table_add_clean(&line, doc_str(item, "resource", ""));
    }
    buf_add_str(&line, ": ");
    table_add_clean(&line, doc_str(item, "output", ""));
    (void)printf("%s\n", buf_str(&line));
    buf_fini(&line);
}

static bool on_event(void *ctx, struct doc item)
{
    struct tail *tail = ctx;
    int64_t received_ms = doc_ms(item, "received_at", 0);

    if (is_new(tail->seen, doc_str(item, "id", ""))) {
        if (tail->table != NULL) {
            table_add(tail->table, item);
        } else {
            print_event(tail, item);
        }
    }
    if (received_ms - OVERLAP_MS > tail->from_ms) {
        tail->from_ms = received_ms - OVERLAP_MS;
    }
    return stop_asked == 0;
}

static int look(struct tail *tail)
{
    char from[32];
    struct buf path;
    int64_t limit;
    int code = HYP_USAGE;

    (void)snprintf(from, sizeof from, "%.3f", clock_ms_to_s(tail->from_ms));
    buf_init(&path, PATH_BYTES);
    if (listing_path(tail->hyp, "/api/v1/events/log?order=asc", &path,
                     &limit)) {
        api_add_param(&path, "from", from);
        code = listing_each(tail->hyp, buf_str(&path), 0, on_event, tail, NULL);
        (void)fflush(stdout);
    }
    buf_fini(&path);
    return code;
}

static void catch_stop(void)
{
    struct sigaction stop = {.sa_handler = on_stop};

    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
}

static void seen_free(struct seen *seen)
{
    for (size_t i = 0; i < SEEN_MAX; i++) {
        free(seen->ids[i]);
    }
    map_fini(&seen->map);
    free(seen);
}

int cmd_event_tail(struct hyp *hyp)
{
    const struct timespec wait = {.tv_sec = LOOK_MS / 1000};
    struct tail tail = {.hyp = hyp,
                        .seen = xcalloc(1, sizeof *tail.seen),
                        .from_ms = clock_now_ms() - FIRST_MS};
    int code;

    if (hyp->format != FORMAT_TABLE && hyp->format != FORMAT_WIDE) {
        tail.table = table_new(hyp, columns);
    }
    map_init(&tail.seen->map);
    catch_stop();
    code = look(&tail);
    while (code == HYP_DONE && !stop_asked && !hyp_has(hyp, "once")) {
        (void)nanosleep(&wait, NULL);
        code = look(&tail);
    }
    seen_free(tail.seen);
    table_free(tail.table);
    return code;
}
