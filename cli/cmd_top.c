/* SPDX-License-Identifier: Apache-2.0 */
/** hyp top: one screen of rates and counters, looked at again and again. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/call.h"
#include "cli/table.h"
#include "common/base/clock.h"

enum {
    LINE_BYTES = 64 * 1024,
    INTERVAL_MS = 2000,
    INTERVAL_LEAST_MS = 100,
    NS_PER_MS = 1000000,
    GIB = 1024 * 1024 * 1024
};

static const struct column columns[] = {
    {"PROCESS", "name", COLUMN_TEXT, false},
    {"READY", "ready", COLUMN_BOOL, false},
    {"EVENTS/S", "rate", COLUMN_NUMBER, false},
    {"EVENTS", "events", COLUMN_NUMBER, false},
    {"ERRORS", "errors", COLUMN_NUMBER, false},
    {"LAG S", "lag", COLUMN_NUMBER, false},
    {"MEM MIB", "memory", COLUMN_BYTES, false},
    {"SEEN", "last_seen", COLUMN_AGE, false},
    {"UP", "started_at", COLUMN_AGE, false},
    {"PID", "pid", COLUMN_TEXT, true},
    {"WHY NOT", "why_not", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static const char *part_word(struct doc health, const char *part)
{
    return doc_bool(doc_sub(health, part), "ready", false) ? "up" : "DOWN";
}

static void print_head(const struct hyp *hyp, struct doc health)
{
    const char *status = doc_str(health, "status", "?");
    int64_t state = strcmp(status, "ok") == 0         ? 0
                    : strcmp(status, "degraded") == 0 ? 2
                                                      : 3;
    struct buf line;

    buf_init(&line, LINE_BYTES);
    table_add_time(&line, doc_f64(health, "time", 0));
    buf_addf(&line,
             "  %s%s%s  store %s  broker %s  dead letters %lld  disk "
             "free %.1f GiB\n",
             table_color(hyp, state), status, table_color_end(hyp),
             part_word(health, "store"), part_word(health, "bus"),
             (long long)doc_i64(health, "dead", 0),
             doc_f64(doc_sub(health, "disk"), "free_bytes", NAN) / GIB);
    (void)fputs(buf_str(&line), stdout);
    buf_fini(&line);
}

static void print_engines(const struct hyp *hyp, struct doc health)
{
    struct table *table = table_new(hyp, columns);
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc_sub(health, "engines"));
    while (doc_next(&it, &key, &value)) {
        table_add(table, value.u.doc);
    }
    table_finish(table);
    table_free(table);
}

static int look(struct hyp *hyp, bool screen)
{
    struct api_answer answer;
    int code = call_get(hyp, "/api/v1/health", &answer);

    if (code != HYP_DONE) {
        return code;
    }
    if (screen) {
        (void)fputs("\033[H\033[2J", stdout);
    }
    if (hyp->format == FORMAT_TABLE || hyp->format == FORMAT_WIDE) {
        print_head(hyp, answer.doc);
        (void)putchar('\n');
    }
    print_engines(hyp, answer.doc);
    (void)fflush(stdout);
    api_answer_fini(&answer);
    return HYP_DONE;
}

int cmd_top(struct hyp *hyp)
{
    const struct sigaction stop = {.sa_handler = on_stop};
    const char *text = hyp_option(hyp, "interval");
    struct errbuf why = {0};
    int64_t ms = INTERVAL_MS;
    bool again = hyp->terminal && !hyp_has(hyp, "once");
    struct timespec wait;
    int code;

    if (text != NULL && (clock_parse_duration(text, &ms, &why) != ERR_OK ||
                         ms < INTERVAL_LEAST_MS)) {
        hyp_say("--interval: expected a duration from 100ms");
        return HYP_USAGE;
    }
    wait = (struct timespec){.tv_sec = ms / 1000,
                             .tv_nsec = ms % 1000 * NS_PER_MS};
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    code = look(hyp, again);
    while (code == HYP_DONE && again && !stop_asked) {
        (void)nanosleep(&wait, NULL);
        code = stop_asked ? code : look(hyp, again);
    }
    return code;
}
