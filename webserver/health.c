/* SPDX-License-Identifier: Apache-2.0 */
/** How the processes of this machine are, from their status files. */
#include "webserver/health.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/metrics/status_file.h"
#include "webserver/json_text.h"

enum {
    RATE_MS = 5000
};

static struct health_process *find(struct health *health, const char *name)
{
    struct health_process *p;

    for (size_t i = 0; i < health->n; i++) {
        if (strcmp(health->processes[i].name, name) == 0) {
            return &health->processes[i];
        }
    }
    if (health->n == HEALTH_PROCESSES_MAX || strlen(name) >= HEALTH_NAME_MAX) {
        return NULL;
    }
    if (health->processes == NULL) {
        health->processes = xcalloc(HEALTH_PROCESSES_MAX, sizeof *p);
    }
    p = &health->processes[health->n++];
    *p = (struct health_process){.rate = NAN, .lag_s = NAN, .memory = NAN};
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    buf_init(&p->metrics, STATUS_BYTES_MAX * 2);
    return p;
}

void health_fini(struct health *health)
{
    for (size_t i = 0; i < health->n; i++) {
        buf_fini(&health->processes[i].metrics);
    }
    free(health->processes);
    *health = (struct health){0};
}

/* Events a second, over at least RATE_MS. */
static void update_rate(struct health_process *p, int64_t updated_ms)
{
    int64_t passed_ms = updated_ms - p->rate_ms;

    if (p->rate_ms == 0 || p->events < p->rate_events || passed_ms < 0) {
        p->rate = NAN; /* a new process counts from 0 */
    } else if (passed_ms >= RATE_MS || (isnan(p->rate) && passed_ms > 0)) {
        p->rate = (p->events - p->rate_events) * 1000 / (double)passed_ms;
        if (passed_ms < RATE_MS) {
            return;
        }
    } else {
        return;
    }
    p->rate_ms = updated_ms;
    p->rate_events = p->events;
}

static double sum_of(struct doc metrics, const char *const *names)
{
    double sum = 0;

    for (; *names != NULL; names++) {
        sum += doc_f64(metrics, *names, 0);
    }
    return sum;
}

static void take_metrics(struct health_process *p, struct doc metrics)
{
    static const char *const events[] = {"hypervise_engine_events_total",
                                         "hypervise_connector_events_total",
                                         "hypervise_web_events_total", NULL};
    static const char *const errors[] = {
        "hypervise_engine_dead_letters_total",
        "hypervise_engine_publish_refused_total",
        "hypervise_engine_holes_total",
        "hypervise_connector_refused_total",
        "hypervise_connector_lost_total",
        "hypervise_connector_spoilt_total",
        "hypervise_web_refused_total",
        NULL};

    p->events = sum_of(metrics, events);
    p->errors = sum_of(metrics, errors);
    p->lag_s = doc_f64(
        metrics, "hypervise_engine_lag_seconds",
        doc_f64(metrics, "hypervise_connector_lag_seconds", (double)NAN));
    p->memory = doc_f64(metrics, "hypervise_process_resident_memory_bytes",
                        (double)NAN);
    buf_clear(&p->metrics);
    doc_to_json(metrics, &p->metrics);
}

static void set_why(struct health_process *p, const struct status *status,
                    int64_t now_ms)
{
    if (status->life == STATUS_DEAD) {
        (void)snprintf(p->why_not, sizeof p->why_not,
                       "its process (%lld) is gone: it crashed or was killed",
                       (long long)status->pid);
    } else if (status->life == STATUS_STALE) {
        (void)snprintf(p->why_not, sizeof p->why_not,
                       "it hangs: nothing heard of it for %lld s",
                       (long long)((now_ms - status->updated_ms) / 1000));
    } else {
        (void)snprintf(p->why_not, sizeof p->why_not, "%s", status->why_not);
    }
}

static void take_status(struct health_process *p, const struct status *status,
                        int64_t now_ms)
{
    p->present = true;
    p->live = status->life == STATUS_LIVE;
    p->ready = status->ready && p->live;
    p->pid = status->pid;
    p->started_ms = status->started_ms;
    p->updated_ms = status->updated_ms;
    set_why(p, status, now_ms);
    take_metrics(p, status->metrics);
    update_rate(p, status->updated_ms);
}

static void look_at(struct health *health, const char *folder,
                    const char *file_name)
{
    char path[4096], name[HEALTH_NAME_MAX + sizeof STATUS_SUFFIX];
    struct health_process *p;
    struct status status;
    int64_t now_ms = clock_now_ms();

    if (strlen(file_name) >= sizeof name ||
        !str_ends(file_name, STATUS_SUFFIX)) {
        return;
    }
    (void)snprintf(name, sizeof name, "%.*s",
                   (int)(strlen(file_name) - strlen(STATUS_SUFFIX)), file_name);
    (void)snprintf(path, sizeof path, "%s/%s", folder, file_name);
    if (status_file_read(path, now_ms, &status, NULL) != ERR_OK) {
        return;
    }
    p = find(health, name);
    if (p != NULL) {
        take_status(p, &status, now_ms);
    }
    status_fini(&status);
}

/* What a process told that is gone or hangs is true no more. */
static void forget_values(struct health_process *p)
{
    p->rate = NAN;
    p->rate_ms = 0;
    p->lag_s = NAN;
    p->memory = NAN;
}

static void forget_absent(struct health *health)
{
    size_t kept = 0;

    for (size_t i = 0; i < health->n; i++) {
        if (health->processes[i].present || health->processes[i].expected) {
            if (kept != i) {
                health->processes[kept] = health->processes[i];
            }
            kept++;
        } else {
            buf_fini(&health->processes[i].metrics);
        }
    }
    health->n = kept;
}

static void expect(struct health *health, const struct conf_list *expected)
{
    for (size_t i = 0; i < health->n; i++) {
        health->processes[i].present = false;
        health->processes[i].live = false;
        health->processes[i].expected = false;
        health->processes[i].ready = false;
        (void)snprintf(health->processes[i].why_not,
                       sizeof health->processes[i].why_not, "not started");
    }
    for (size_t i = 0; i < expected->n; i++) {
        struct health_process *p = find(health, expected->items[i]);

        if (p != NULL) {
            p->expected = true;
            (void)snprintf(p->why_not, sizeof p->why_not, "not started");
        }
    }
}

void health_look(struct health *health, const char *folder,
                 const struct conf_list *expected)
{
    const struct dirent *entry;
    DIR *dir;

    expect(health, expected);
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        look_at(health, folder, entry->d_name);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    for (size_t i = 0; i < health->n; i++) {
        if (!health->processes[i].live) {
            forget_values(&health->processes[i]);
        }
    }
    forget_absent(health);
}

bool health_good(const struct health *health, struct errbuf *why)
{
    for (size_t i = 0; i < health->n; i++) {
        const struct health_process *p = &health->processes[i];

        if (!p->ready) {
            errbuf_set(why, "%s: %s", p->name, p->why_not);
            return false;
        }
    }
    return true;
}

static void add_ms(struct buf *out, const char *name, int64_t ms)
{
    buf_addf(out, ",\"%s\":", name);
    if (ms > 0) {
        json_add_ms(out, ms);
    } else {
        buf_add_str(out, "null");
    }
}

static void add_number(struct buf *out, const char *name, double number)
{
    buf_addf(out, ",\"%s\":", name);
    json_add_number(out, round(number * 1000) / 1000);
}

static void write_process(const struct health_process *p, struct buf *out)
{
    buf_add_str(out, "{\"name\":");
    json_add_text(out, p->name);
    buf_addf(out, ",\"ready\":%s", p->ready ? "true" : "false");
    json_add_member(out, "why_not", p->ready ? "" : p->why_not);
    buf_addf(out, ",\"pid\":%lld", (long long)p->pid);
    add_ms(out, "started_at", p->started_ms);
    add_ms(out, "last_seen", p->updated_ms);
    add_number(out, "events", p->events);
    add_number(out, "rate", p->rate);
    add_number(out, "errors", p->errors);
    add_number(out, "lag", p->lag_s);
    add_number(out, "memory", p->memory);
    buf_addf(out, ",\"metrics\":%s}",
             p->metrics.len > 0 ? buf_str(&p->metrics) : "{}");
}

void health_write(const struct health *health, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < health->n; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        write_process(&health->processes[i], out);
    }
    buf_add_char(out, ']');
}
