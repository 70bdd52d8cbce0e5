/* SPDX-License-Identifier: Apache-2.0 */
/** The status of services, as a table or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/doc/doc.h"
#include "control/probe.h"
#include "control/report.h"

enum {
    LOG_BYTES_MAX = 16 * 1024 * 1024,
    UPTIME_TEXT_MAX = 64
};

/* One row, as it is shown. */
struct row {
    const char *section;
    const char *service;
    struct process process;
    int64_t uptime_s;
    int64_t restarts;
    bool ready;
    struct errbuf why;
};

struct report {
    const struct suite *suite;
    const char *only; /* a service, or NULL: all */
    struct buf log;   /* supervisord's own */
    struct row *rows;
    size_t n;
};

/* A log that cannot be read counts as empty: the rest is still worth showing.*/
static void read_supervisor_log(struct report *report)
{
    char *path = xasprintf("%s/log/supervisord.log", report->suite->var);
    struct errbuf why;
    if (file_read(path, &report->log, &why) != ERR_OK) {
        buf_clear(&report->log);
    }
    free(path);
}

/* supervisord keeps no count: it logs "exited: NAME (" for each end that
 * nobody asked for, since its start. */
static int64_t count_restarts(const struct report *report, const char *name)
{
    static const char begun[] = " supervisord started with pid ";
    const char *log = buf_str(&report->log);
    const char *next;
    int64_t n = 0;
    while ((next = strstr(log, begun)) != NULL) {
        log = next + 1;
    }
    char *sought = xasprintf(" exited: %s (", name);
    while ((next = strstr(log, sought)) != NULL) {
        log = next + 1;
        n++;
    }
    free(sought);
    return n;
}

static void look_at(const struct report *report, struct row *row)
{
    struct process *process = &row->process;
    enum err err = supervisor_get(report->suite->supervisor, row->service,
                                  process, &row->why);
    if (err != ERR_OK) {
        process->state =
            err == ERR_UNAVAILABLE ? PROCESS_STOPPED : PROCESS_UNKNOWN;
        if (err == ERR_UNAVAILABLE) {
            errbuf_set(&row->why, "supervisord does not run");
        }
        return;
    }
    row->ready = probe_ready(report->suite, process, &row->why);
    row->restarts = count_restarts(report, row->service);
    if (process->pid > 0) {
        row->uptime_s = process->now_s - process->started_s;
    }
}

static void collect_section(struct report *report, enum suite_section section)
{
    const struct conf_list *services = &report->suite->conf.services[section];
    report->rows = xrealloc_array(report->rows, report->n + services->n + 1,
                                  sizeof(*report->rows));
    for (size_t i = 0; i < services->n; i++) {
        if (report->only != NULL &&
            strcmp(report->only, services->items[i]) != 0) {
            continue;
        }
        struct row *row = &report->rows[report->n++];
        *row = (struct row){.section = suite_section_name(section),
                            .service = services->items[i]};
        look_at(report, row);
    }
}

static char *format_uptime(int64_t s, char *text)
{
    enum {
        MINUTE = 60,
        HOUR = 3600,
        DAY = 86400
    };
    if (s >= DAY) {
        (void)snprintf(text, UPTIME_TEXT_MAX, "%lldd %lldh",
                       (long long)(s / DAY), (long long)(s % DAY / HOUR));
    } else if (s >= HOUR) {
        (void)snprintf(text, UPTIME_TEXT_MAX, "%lldh %lldm",
                       (long long)(s / HOUR), (long long)(s % HOUR / MINUTE));
    } else {
        (void)snprintf(text, UPTIME_TEXT_MAX, "%lldm %llds",
                       (long long)(s / MINUTE), (long long)(s % MINUTE));
    }
    return text;
}

static void add_table_row(const struct row *row, struct buf *out)
{
    char uptime[UPTIME_TEXT_MAX] = "-";
    char pid[UPTIME_TEXT_MAX] = "-";
    if (row->process.pid > 0) {
        format_uptime(row->uptime_s, uptime);
        (void)snprintf(pid, sizeof(pid), "%d", row->process.pid);
    }
    buf_addf(out, "%-9s  %-22s  %-8s  %7s  %8s  %8lld  %-5s  %s\n",
             row->section, row->service, process_state_name(row->process.state),
             pid, uptime, (long long)row->restarts, row->ready ? "yes" : "no",
             row->ready ? "" : row->why.text);
}

static void add_table(const struct report *report, struct buf *out)
{
    buf_addf(out, "%-9s  %-22s  %-8s  %7s  %8s  %8s  %-5s  %s\n", "SECTION",
             "SERVICE", "STATE", "PID", "UPTIME", "RESTARTS", "READY",
             "WHY NOT");
    for (size_t i = 0; i < report->n; i++) {
        add_table_row(&report->rows[i], out);
    }
}

static void add_json_row(const struct row *row, struct doc_out *doc)
{
    doc_begin_doc(doc, "");
    doc_add_str(doc, "section", row->section);
    doc_add_str(doc, "service", row->service);
    doc_add_str(doc, "state", process_state_name(row->process.state));
    if (row->process.pid > 0) {
        doc_add_i64(doc, "pid", row->process.pid);
        doc_add_i64(doc, "uptime", row->uptime_s);
    } else {
        doc_add_null(doc, "pid");
        doc_add_null(doc, "uptime");
    }
    doc_add_i64(doc, "restarts", row->restarts);
    doc_add_bool(doc, "ready", row->ready);
    if (row->ready) {
        doc_add_null(doc, "why_not");
    } else {
        doc_add_str(doc, "why_not", row->why.text);
    }
    doc_end(doc);
}

static void add_json(const struct report *report, bool ready, struct buf *out)
{
    struct doc_out *doc = doc_out_new();
    doc_add_bool(doc, "ready", ready);
    doc_begin_array(doc, "services");
    for (size_t i = 0; i < report->n; i++) {
        add_json_row(&report->rows[i], doc);
    }
    doc_end(doc);
    doc_to_json(doc_out_done(doc), out);
    buf_add_char(out, '\n');
    doc_out_free(doc);
}

static bool all_ready(const struct report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        if (!report->rows[i].ready) {
            return false;
        }
    }
    return true;
}

bool report_status(const struct suite *suite, const char *only,
                   enum report_form form, struct buf *out)
{
    struct report report = {.suite = suite, .only = only};
    buf_init(&report.log, LOG_BYTES_MAX);
    read_supervisor_log(&report);
    for (unsigned i = 0; i < SUITE_N_SECTIONS; i++) {
        collect_section(&report, (enum suite_section)i);
    }
    bool ready = all_ready(&report);
    if (form == REPORT_JSON) {
        add_json(&report, ready, out);
    } else {
        add_table(&report, out);
    }
    free(report.rows);
    buf_fini(&report.log);
    return ready;
}
