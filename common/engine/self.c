/* SPDX-License-Identifier: Apache-2.0 */
/** How an engine judges itself: thresholds with hysteresis, and the words. */
#include "common/engine/self.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/event/event.h"

enum {
    CLEAR_PERCENT = 80, /* of a limit: what is below it is past */
    PERCENT = 100
};

#define MS_A_SECOND 1e3
#define MIB         (1024 * 1024.0)

#define OPTION(key_, field_)                                                   \
    .section = "self", .key = (key_), .live = true,                            \
    .offset = offsetof(struct self_conf, field_)

const struct conf_option self_options[] = {
    {OPTION("interval", interval_ms), .type = CONF_DURATION, .fallback = "60s",
     .min = 0, .max = 3600000,
     .help = "how often the engine tells how it is, as an event; 0: never"},
    {OPTION("lag_minor", lag_minor_ms), .type = CONF_DURATION,
     .fallback = "30s", .min = 0, .max = 86400000,
     .help = "so far behind the sources is a minor problem; 0: never"},
    {OPTION("lag_major", lag_major_ms), .type = CONF_DURATION, .fallback = "5m",
     .min = 0, .max = 86400000, .help = "and so far a major one; 0: never"},
    {OPTION("dead_minor", dead_minor), .type = CONF_INT, .fallback = "1",
     .min = 0, .max = 1000000000, .unit = "messages",
     .help = "so many dead letters in an interval are a minor problem; 0: "
             "never"},
    {OPTION("dead_major", dead_major), .type = CONF_INT, .fallback = "1000",
     .min = 0, .max = 1000000000, .unit = "messages",
     .help = "and so many a major one; 0: never"},
    {OPTION("errors_minor", errors_minor), .type = CONF_INT, .fallback = "1000",
     .min = 0, .max = 1000000000, .unit = "errors",
     .help = "so many publishes refused in an interval are a minor problem; "
             "0: never"},
    {OPTION("errors_major", errors_major), .type = CONF_INT, .fallback = "0",
     .min = 0, .max = 1000000000, .unit = "errors",
     .help = "and so many a major one; 0: never"},
    {OPTION("quiet", quiet_ms), .type = CONF_DURATION, .fallback = "10m",
     .min = 0, .max = 86400000,
     .help = "dead letters and errors are past when there were no more for "
             "so long"},
    {OPTION("memory_minor", memory_minor), .type = CONF_SIZE, .fallback = "2G",
     .min = 0, .max = INT64_C(1) << 50,
     .help = "so much memory of the process is a minor problem; 0: never"},
    {OPTION("memory_major", memory_major), .type = CONF_SIZE, .fallback = "0",
     .min = 0, .max = INT64_C(1) << 50,
     .help = "and so much a major one; 0: never"},
    {0}};

void self_init(struct self *self, const struct self_view *view)
{
    *self = (struct self){
        .told = *view, .told_state = -1, .began_ms = view->now_ms};
    self->dead.before = view->dead;
    self->dead.before_ms = view->now_ms;
    self->errors.before = view->errors;
    self->errors.before_ms = view->now_ms;
}

static int state_of(int64_t value, int64_t minor, int64_t major)
{
    return major > 0 && value >= major   ? STATE_MAJOR
           : minor > 0 && value >= minor ? STATE_MINOR
                                         : STATE_OK;
}

/* What is measured gets worse at a limit, and better well below it. */
static void judge_value(struct self_level *level, int64_t value, int64_t minor,
                        int64_t major)
{
    int now = state_of(value, minor, major);
    int eased = state_of(value, minor * CLEAR_PERCENT / PERCENT,
                         major * CLEAR_PERCENT / PERCENT);

    if (now > level->state) {
        level->state = now;
    } else if (eased < level->state) {
        level->state = eased;
    }
}

/* What is counted is bad while it grows, and for a while after. */
static void judge_count(struct self_level *level, uint64_t count,
                        const struct self_conf *conf, int64_t now_ms,
                        const int64_t limits[2])
{
    int64_t age_ms = now_ms - level->before_ms;
    int now = state_of((int64_t)(count - level->before), limits[0], limits[1]);

    if (now > STATE_OK && count > level->seen) {
        level->last_ms = now_ms;
    }
    if (now > level->state) {
        level->state = now;
    } else if (now_ms - level->last_ms >= conf->quiet_ms) {
        level->state = STATE_OK;
    }
    level->seen = count;
    if (age_ms < 0 || age_ms >= conf->interval_ms) {
        level->before = count;
        level->before_ms = now_ms;
    }
}

/* How far it is behind by its own fault: one that has nothing to do is not, nor
 * one that is held up by another, and not for longer than it runs. */
static int64_t own_lag(const struct self *self, const struct self_view *view)
{
    int64_t runs_ms = view->now_ms - self->began_ms;

    if (view->waiting == 0 || view->held_up) {
        return 0;
    }
    return view->lag_ms < runs_ms ? view->lag_ms : runs_ms;
}

static void judge_all(struct self *self, const struct self_conf *conf,
                      const struct self_view *view)
{
    const int64_t dead[2] = {conf->dead_minor, conf->dead_major};
    const int64_t errors[2] = {conf->errors_minor, conf->errors_major};

    if (view->now_ms < self->began_ms) {
        self->began_ms = view->now_ms; /* the clock was put back */
    }
    judge_value(&self->lag, own_lag(self, view), conf->lag_minor_ms,
                conf->lag_major_ms);
    judge_value(&self->memory, view->resident_bytes, conf->memory_minor,
                conf->memory_major);
    judge_count(&self->dead, view->dead, conf, view->now_ms, dead);
    judge_count(&self->errors, view->errors, conf, view->now_ms, errors);
}

static int worst_of(const struct self *self, const struct self_view *view)
{
    const struct self_level *const levels[] = {&self->lag, &self->dead,
                                               &self->errors, &self->memory};
    int worst = view->store_away ? STATE_CRITICAL : STATE_OK;

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        worst = levels[i]->state > worst ? levels[i]->state : worst;
    }
    return worst;
}

static double passed_s(const struct self *self, const struct self_view *view)
{
    int64_t ms = view->now_ms - self->told.now_ms;

    return ms > 0 ? (double)ms / MS_A_SECOND : 0;
}

static double rate_of(const struct self *self, const struct self_view *view)
{
    double seconds = passed_s(self, view);

    return seconds > 0 ? (double)(view->events - self->told.events) / seconds
                       : 0;
}

static void say_more(struct buf *out)
{
    if (out->len > 0) {
        buf_add_str(out, "; ");
    }
}

static void say_lag(const struct self *self, const struct self_view *view,
                    struct buf *out)
{
    if (self->lag.state == STATE_OK) {
        return;
    }
    say_more(out);
    buf_addf(out, "%.0f s behind the sources, waiting messages: %" PRIu64,
             (double)view->lag_ms / MS_A_SECOND, view->waiting);
}

static void say_count(const struct self_level *level, const char *what,
                      const struct self_view *view, struct buf *out)
{
    if (level->state == STATE_OK) {
        return;
    }
    say_more(out);
    buf_addf(out, "%s: %" PRIu64 " since it started, the last %.0f s ago", what,
             level->seen,
             (double)(view->now_ms - level->last_ms) / MS_A_SECOND);
}

static void say(const struct self *self, const struct self_view *view,
                struct buf *out)
{
    buf_clear(out);
    if (view->store_away) {
        buf_add_str(out, "the store does not answer, so it waits");
    }
    say_lag(self, view, out);
    say_count(&self->dead, "refused messages", view, out);
    say_count(&self->errors, "publishes refused or messages missing", view,
              out);
    if (self->memory.state > STATE_OK) {
        say_more(out);
        buf_addf(out, "it takes %.0f MiB of memory",
                 (double)view->resident_bytes / MIB);
    }
    if (out->len == 0) {
        buf_addf(out, "%.1f events/s", rate_of(self, view));
        if (view->lag_ms >= 0) {
            buf_addf(out, ", %.1f s behind the sources",
                     (double)view->lag_ms / MS_A_SECOND);
        }
    }
}

static void add_limit(struct buf *out, double limit)
{
    buf_add_char(out, ';');
    if (limit > 0) {
        buf_addf(out, "%.15g", limit);
    }
}

/* "name=value<unit>;minor;major;0" */
static void add_perf(struct buf *out, const char *name, double value,
                     const char *unit, const double limits[2])
{
    buf_addf(out, "%s%s=%.9g%s", out->len > 0 ? " " : "", name, value, unit);
    add_limit(out, limits[0]);
    add_limit(out, limits[1]);
    buf_add_str(out, ";0");
}

/* The first two are as the engines of 2015 told them. */
static void add_rates(const struct self *self, const struct self_view *view,
                      struct buf *out)
{
    static const double none[2] = {0, 0};
    double events = (double)(view->events - self->told.events);
    double batches = (double)(view->batches - self->told.batches);
    double cpu_s = (double)(view->cpu_ms - self->told.cpu_ms) / MS_A_SECOND;
    double seconds = passed_s(self, view);

    add_perf(out, "cps_evt_per_sec", rate_of(self, view), "", none);
    add_perf(out, "cps_sec_per_evt", events > 0 ? cpu_s / events : 0, "s",
             none);
    add_perf(out, "batch", batches > 0 ? events / batches : 0, "", none);
    add_perf(out, "cpu", seconds > 0 ? cpu_s / seconds * PERCENT : 0, "%",
             none);
}

static void measure(const struct self *self, const struct self_conf *conf,
                    const struct self_view *view, struct buf *out)
{
    const double lag[2] = {(double)conf->lag_minor_ms / MS_A_SECOND,
                           (double)conf->lag_major_ms / MS_A_SECOND};
    const double memory[2] = {(double)conf->memory_minor,
                              (double)conf->memory_major};
    static const double none[2] = {0, 0};

    buf_clear(out);
    add_rates(self, view, out);
    if (view->lag_ms >= 0) {
        add_perf(out, "lag", (double)view->lag_ms / MS_A_SECOND, "s", lag);
    }
    add_perf(out, "queue", (double)view->waiting, "", none);
    add_perf(out, "memory", (double)view->resident_bytes, "B", memory);
    buf_addf(out,
             " events=%" PRIu64 "c dead_letters=%" PRIu64 "c errors=%" PRIu64
             "c",
             view->events, view->dead, view->errors);
}

bool self_look(struct self *self, const struct self_conf *conf,
               const struct self_view *view, struct self_word *word)
{
    int64_t age_ms = view->now_ms - self->told_ms;

    if (conf->interval_ms == 0) {
        return false;
    }
    judge_all(self, conf, view);
    word->state = worst_of(self, view);
    /* A clock that was put back must not silence it. */
    if (word->state <= self->told_state && age_ms >= 0 &&
        age_ms < conf->interval_ms) {
        return false;
    }
    word->ttl_ms = SELF_SILENCES * conf->interval_ms;
    say(self, view, &word->output);
    measure(self, conf, view, &word->perf);
    return true;
}

void self_told(struct self *self, const struct self_view *view,
               const struct self_word *word)
{
    self->told = *view;
    self->told_ms = view->now_ms;
    self->told_state = word->state;
}
