/* SPDX-License-Identifier: Apache-2.0 */
/** hyp watch: alarms as they open, change and resolve. */
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
#include "common/filter/filter.h"

enum {
    PATH_BYTES = 256 * 1024,
    MORE_MAX = 128,
    LINE_BYTES = 64 * 1024,
    OVERLAP_MS = 60000, /* a change may be stored later than one behind it */
    INTERVAL_MS = 1000,
    INTERVAL_LEAST_MS = 100,
    AWAY_MS = 5000,   /* between two looks at a server that is away */
    MARKS_MS = 5000,  /* between two looks for what operators do: no index... */
    MARKS_SHARE = 50, /* ...helps there, so no larger a part of the time */
    KNOWN_LOOKS = 10000, /* without it, and an alarm is forgotten */
    NS_PER_MS = 1000000
};

/* For tables by column; as lines the others are no use. */
static const struct column columns[] = {
    {"CHANGED", "changed_at", COLUMN_TIME, false},
    {"ID", "id", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"STATUS", "status", COLUMN_STATUS, false},
    {"MARKS", "ack", COLUMN_MARKS, false},
    {"COMPONENT", "component", COLUMN_TEXT, false},
    {"RESOURCE", "resource", COLUMN_TEXT, false},
    {"OUTPUT", "output", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

struct watching {
    struct hyp *hyp;
    struct filter *filter; /* the user's; NULL: none */
    struct table *table;   /* NULL: lines for people */
    bool first;            /* look */
    int64_t from_ms;       /* changes from here on */
    struct map seen;       /* struct known by id */
    uint64_t looks;
    int64_t marks_ms; /* when to look for marks again */
};

/* An alarm as it was told. */
struct known {
    int64_t steps;
    uint64_t look; /* the last that had it */
    char id[];
};

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

/* Those that no look had for long are too old to come again. */
static void forget(struct watching *watching, uint64_t before)
{
    struct map kept;
    struct map_slot slot;
    size_t at = 0;

    map_init(&kept);
    while (map_next(&watching->seen, &at, &slot)) {
        struct known *known = slot.value;

        if (known->look >= before) {
            (void)map_put(&kept, known->id, slot.key_len, known);
        } else {
            free(known);
        }
    }
    map_fini(&watching->seen);
    watching->seen = kept;
}

/* Whether it changed since it was seen; remembers it. */
static bool is_news(struct watching *watching, struct doc alarm)
{
    const char *id = doc_str(alarm, "id", "");
    size_t len = strlen(id);
    int64_t steps = doc_i64(alarm, "steps_count", 0);
    struct known *known = map_get(&watching->seen, id, len);
    bool news = known == NULL || known->steps != steps;

    if (known == NULL) {
        known = xcalloc(1, sizeof *known + len + 1);
        memcpy(known->id, id, len);
        (void)map_put(&watching->seen, known->id, len, known);
    }
    known->steps = steps;
    known->look = watching->looks;
    return news;
}

static void print_alarm(const struct watching *watching, struct doc alarm)
{
    const struct hyp *hyp = watching->hyp;
    bool over = doc_f64(alarm, "resolved_at", 0) > 0;
    struct buf line;

    buf_init(&line, LINE_BYTES);
    table_add_time(&line, doc_f64(alarm, "changed_at", 0));
    buf_addf(&line, " %s", table_color(hyp, doc_i64(alarm, "state", -1)));
    if (over) {
        buf_add_str(&line, "resolved");
    } else {
        table_format(&columns[2], alarm, &line);
    }
    buf_addf(&line, "%s ", table_color_end(hyp));
    table_add_clean(&line, doc_str(alarm, "component", ""));
    if (doc_str(alarm, "resource", "")[0] != '\0') {
        buf_add_char(&line, '/');
        table_add_clean(&line, doc_str(alarm, "resource", ""));
    }
    buf_add_str(&line, ": ");
    table_add_clean(&line, doc_str(alarm, "output", ""));
    buf_add_str(&line, " [");
    table_format(&columns[3], alarm, &line);
    buf_add_char(&line, ' ');
    table_format(&columns[4], alarm, &line);
    while (line.len > 0 && line.data[line.len - 1] == ' ') {
        buf_truncate(&line, line.len - 1);
    }
    buf_add_char(&line, ']');
    (void)printf("%s\n", buf_str(&line));
    buf_fini(&line);
}

static bool on_alarm(void *ctx, struct doc alarm)
{
    struct watching *watching = ctx;
    int64_t from_ms = doc_ms(alarm, "changed_at", 0) - OVERLAP_MS;

    if (from_ms > watching->from_ms) {
        watching->from_ms = from_ms;
    }
    if (!is_news(watching, alarm) ||
        (watching->first && !hyp_has(watching->hyp, "all"))) {
        return stop_asked == 0;
    }
    if (watching->table != NULL) {
        table_add(watching->table, alarm);
    } else {
        print_alarm(watching, alarm);
    }
    return stop_asked == 0;
}

/* Alarms of the user's filter that the other one lets through too. */
static int look_for(struct watching *watching, const char *opened,
                    const char *more)
{
    struct buf filter;
    struct buf path;
    int code;

    buf_init(&filter, PATH_BYTES);
    buf_init(&path, PATH_BYTES);
    buf_add_str(&filter, "{\"$and\":[");
    if (watching->filter != NULL) {
        filter_format(watching->filter, &filter);
        buf_add_char(&filter, ',');
    }
    buf_addf(&filter, "%s]}", more);
    buf_addf(&path, "/api/v1/alarms?sort=changed_at&opened=%s", opened);
    api_add_param(&path, "search", hyp_option(watching->hyp, "search"));
    api_add_param(&path, "filter", buf_str(&filter));
    code = listing_each(watching->hyp, buf_str(&path), 0, on_alarm, watching,
                        NULL);
    buf_fini(&path);
    buf_fini(&filter);
    return code;
}

/* Open ones first, then resolved ones: one that resolves in between is told
 * as it is then. */
static int look_for_changes(struct watching *watching)
{
    bool all = watching->first && hyp_has(watching->hyp, "all");
    char changed[MORE_MAX];

    (void)snprintf(changed, sizeof changed, "{\"changed_at\":{\"$gte\":%.3f}}",
                   all ? 0.0 : clock_ms_to_s(watching->from_ms));
    return look_for(watching, all ? "true" : "both", changed);
}

/* What operators do to an open alarm is no change of its state. */
static int look_for_marks(struct watching *watching)
{
    static const char *const marks[] = {"ack", "snooze", "ticket", "comment"};
    int64_t begun_ms = clock_mono_ms();
    int64_t took_ms;
    struct buf more;
    int code;

    buf_init(&more, PATH_BYTES);
    buf_add_str(&more, "{\"$or\":[");
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        buf_addf(&more, "%s{\"%s.at\":{\"$gte\":%.3f}}", i > 0 ? "," : "",
                 marks[i], clock_ms_to_s(watching->from_ms));
    }
    buf_add_str(&more, "]}");
    code = look_for(watching, "true", buf_str(&more));
    buf_fini(&more);
    took_ms = (clock_mono_ms() - begun_ms) * MARKS_SHARE;
    watching->marks_ms =
        clock_mono_ms() + (took_ms > MARKS_MS ? took_ms : MARKS_MS);
    return code;
}

static int look(struct watching *watching)
{
    int code;

    watching->looks++;
    code = look_for_changes(watching);
    if (code == HYP_DONE && clock_mono_ms() >= watching->marks_ms) {
        code = look_for_marks(watching);
    }
    (void)fflush(stdout);
    if (watching->looks > KNOWN_LOOKS) {
        forget(watching, watching->looks - KNOWN_LOOKS);
    }
    return code;
}

static void pause_for(int64_t ms)
{
    const struct timespec wait = {.tv_sec = ms / 1000,
                                  .tv_nsec = ms % 1000 * NS_PER_MS};

    if (!stop_asked) {
        (void)nanosleep(&wait, NULL);
    }
}

/* A server that is away after it was there is waited for. */
static int go_on(struct watching *watching, int64_t interval_ms)
{
    int code = look(watching);

    watching->first = false;
    if (code != HYP_DONE || hyp_has(watching->hyp, "once")) {
        return code;
    }
    while (!stop_asked && (code == HYP_DONE || code == HYP_UNREACHABLE)) {
        pause_for(code == HYP_DONE ? interval_ms : AWAY_MS);
        code = stop_asked ? HYP_DONE : look(watching);
    }
    return code;
}

static bool read_options(struct watching *watching, int64_t *interval_ms)
{
    const struct hyp *hyp = watching->hyp;
    const char *interval = hyp_option(hyp, "interval");
    const char *filter = hyp_option(hyp, "filter");
    struct errbuf why = {0};

    *interval_ms = INTERVAL_MS;
    if (interval != NULL &&
        (clock_parse_duration(interval, interval_ms, &why) != ERR_OK ||
         *interval_ms < INTERVAL_LEAST_MS)) {
        hyp_say("--interval: expected a duration from 100ms");
        return false;
    }
    if (filter != NULL &&
        filter_parse(filter, &watching->filter, &why) != ERR_OK) {
        hyp_say("--filter: %s", why.text);
        return false;
    }
    return true;
}

int cmd_watch(struct hyp *hyp)
{
    const struct sigaction stop = {.sa_handler = on_stop};
    struct watching watching = {
        .hyp = hyp, .first = true, .from_ms = clock_now_ms() - OVERLAP_MS};
    int64_t interval_ms;
    int code = HYP_USAGE;

    if (read_options(&watching, &interval_ms)) {
        if (hyp->format != FORMAT_TABLE && hyp->format != FORMAT_WIDE) {
            watching.table = table_new(hyp, columns);
        }
        map_init(&watching.seen);
        (void)sigaction(SIGINT, &stop, NULL);
        (void)sigaction(SIGTERM, &stop, NULL);
        code = go_on(&watching, interval_ms);
        forget(&watching, UINT64_MAX);
        map_fini(&watching.seen);
        table_free(watching.table);
    }
    filter_free(watching.filter);
    return code;
}
