/* SPDX-License-Identifier: Apache-2.0 */
/** The status file of a process: written by it, read by the others. */
#include "common/metrics/status_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/metrics/usage.h"

enum {
    STATUS_MODE = 0644
};

#define MS_A_SECOND 1e3

/* What can be told of any process. */
struct process_metrics {
    struct metric_gauge ready, resident_bytes, cpu_seconds, started, told;
    struct metrics *set;
};

struct status_file {
    char *path;
    char name[STATUS_NAME_MAX];
    const struct metrics *set;
    int64_t started_ms;
    int64_t written_ms;
    bool written;
    bool ready; /* as last written */
    char why_not[STATUS_WHY_MAX];
    struct process_metrics process;
    bool export;
    int64_t export_ms; /* not before */
    char *export_path;
    int64_t reloads;
    char *taken, *kept, *refused; /* of the last one */
    struct doc_out *out;
    struct buf text;
};

static void add_process_metrics(struct process_metrics *process)
{
    const struct {
        const char *name, *help;
        struct metric_gauge *gauge;
    } gauges[] = {
        {"hypervise_process_ready",
         "Whether the process does its work: 1 yes, 0 no", &process->ready},
        {"hypervise_process_resident_memory_bytes",
         "Memory that the process takes", &process->resident_bytes},
        {"hypervise_process_start_time_seconds",
         "When the process started, in seconds since 1970", &process->started},
        {"hypervise_process_told_time_seconds",
         "When the process last told how it is, in seconds since 1970",
         &process->told},
    };
    const struct metric_info cpu = {
        .name = "hypervise_process_cpu_seconds_total",
        .help = "Processor time that the process took, user and system"};

    process->set = metrics_new();
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        const struct metric_info info = {.name = gauges[i].name,
                                         .help = gauges[i].help};

        metrics_add_gauge(process->set, &info, gauges[i].gauge);
    }
    metrics_add_total(process->set, &cpu, &process->cpu_seconds);
}

static void update_process_metrics(struct status_file *file, int64_t now_ms)
{
    struct process_metrics *process = &file->process;
    struct usage usage;

    usage_get(&usage);
    process->ready.value = file->ready ? 1 : 0;
    process->resident_bytes.value = (double)usage.resident_bytes;
    process->cpu_seconds.value = (double)usage.cpu_ms / MS_A_SECOND;
    process->started.value = (double)file->started_ms / MS_A_SECOND;
    process->told.value = (double)now_ms / MS_A_SECOND;
}

struct status_file *status_file_open(const char *folder, const char *name,
                                     const struct metrics *set, int64_t now_ms)
{
    struct status_file *file = xcalloc(1, sizeof *file);

    file->path = xasprintf("%s/%s" STATUS_SUFFIX, folder, name);
    file->export_path = xasprintf("%s/%s" EXPORT_SUFFIX, folder, name);
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    file->set = set;
    file->started_ms = now_ms;
    file->out = doc_out_new();
    add_process_metrics(&file->process);
    buf_init(&file->text, STATUS_BYTES_MAX);
    return file;
}

void status_file_export(struct status_file *file)
{
    file->export = true;
}

/* Whether nothing new needs to be written yet. */
static bool is_fresh(const struct status_file *file, bool ready,
                     const char *why_not, int64_t now_ms)
{
    int64_t age = now_ms - file->written_ms;

    return file->written && age >= 0 && age < STATUS_WRITE_MS &&
           ready == file->ready && strcmp(why_not, file->why_not) == 0;
}

static void format_status(struct status_file *file, int64_t now_ms)
{
    struct doc_out *out = file->out;

    doc_out_reset(out);
    doc_add_str(out, "name", file->name);
    doc_add_i64(out, "pid", getpid());
    doc_add_ms(out, "started_at", file->started_ms);
    doc_add_bool(out, "ready", file->ready);
    doc_add_str(out, "why_not", file->why_not);
    doc_add_ms(out, "updated_at", now_ms);
    if (file->reloads > 0) {
        doc_add_i64(out, "reloads", file->reloads);
        doc_begin_doc(out, "reload");
        doc_add_str(out, "taken", file->taken);
        doc_add_str(out, "kept", file->kept);
        doc_add_str(out, "refused", file->refused);
        doc_end(out);
    }
    doc_begin_doc(out, "metrics");
    metrics_to_doc(file->process.set, out);
    if (file->set != NULL) {
        metrics_to_doc(file->set, out);
    }
    doc_end(out);
    buf_clear(&file->text);
    doc_to_json(doc_out_done(out), &file->text);
    buf_add_char(&file->text, '\n');
}

static void format_export(struct status_file *file)
{
    const struct metric_label process = {EXPORT_LABEL, file->name};

    buf_clear(&file->text);
    metrics_format(file->process.set, &process, &file->text);
    if (file->set != NULL) {
        metrics_format(file->set, &process, &file->text);
    }
}

static enum err replace(const struct status_file *file, const char *path,
                        struct errbuf *why)
{
    if (file->text.overflow) {
        errbuf_set(why, "%s: more than %d bytes", path, (int)STATUS_BYTES_MAX);
        return ERR_UNAVAILABLE;
    }
    return file_replace(path, buf_str(&file->text), file->text.len, STATUS_MODE,
                        why);
}

static enum err write_export(struct status_file *file, int64_t now_ms,
                             struct errbuf *why)
{
    int64_t age = now_ms - file->export_ms;

    if (!file->export || (age >= 0 && age < STATUS_EXPORT_MS)) {
        return ERR_OK;
    }
    file->export_ms = now_ms;
    format_export(file);
    return replace(file, file->export_path, why);
}

enum err status_file_write(struct status_file *file, bool ready,
                           const char *why_not, int64_t now_ms,
                           struct errbuf *why)
{
    char cut[STATUS_WHY_MAX];
    const char *text = why_not != NULL ? why_not : "";
    enum err err;
    size_t len = utf8_cut(text, strlen(text), sizeof cut - 1);

    memcpy(cut, text, len);
    cut[len] = '\0';
    if (is_fresh(file, ready, cut, now_ms)) {
        return ERR_OK;
    }
    file->ready = ready;
    memcpy(file->why_not, cut, len + 1);
    update_process_metrics(file, now_ms);
    format_status(file, now_ms);
    /* Also after a failure: it is tried again when it is due, not at each
     * call. */
    file->written = true;
    file->written_ms = now_ms;
    err = replace(file, file->path, why);
    return err == ERR_OK ? write_export(file, now_ms, why) : err;
}

void status_file_reloaded(struct status_file *file, const char *taken,
                          const char *kept, const char *refused)
{
    free(file->taken);
    free(file->kept);
    free(file->refused);
    file->taken = xstrdup(taken);
    file->kept = xstrdup(kept);
    file->refused = xstrdup(refused);
    file->reloads++;
    file->written = false;
}

void status_file_close(struct status_file *file)
{
    if (file == NULL) {
        return;
    }
    (void)unlink(file->path); /* may never have been written */
    (void)unlink(file->export_path);
    free(file->path);
    free(file->export_path);
    free(file->taken);
    free(file->kept);
    free(file->refused);
    metrics_free(file->process.set);
    doc_out_free(file->out);
    buf_fini(&file->text);
    free(file);
}

/* --- reading ---------------------------------------------------------------
 */

static enum status_life life_of(const struct status *status, int64_t now_ms)
{
    int64_t age = now_ms - status->updated_ms;

    if (kill((pid_t)status->pid, 0) != 0 && errno == ESRCH) {
        return STATUS_DEAD;
    }
    /* From the future: the clock was put back while the process hung. */
    return age > STATUS_STALE_MS || age < -STATUS_STALE_MS ? STATUS_STALE
                                                           : STATUS_LIVE;
}

static enum err take_fields(struct doc doc, int64_t now_ms, struct status *out)
{
    const char *name = doc_str(doc, "name", "");
    int64_t pid = doc_i64(doc, "pid", 0);

    if (name[0] == '\0' || pid < 1 || pid > INT32_MAX ||
        doc_ms(doc, "updated_at", -1) < 0) {
        return ERR_INVALID;
    }
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    (void)snprintf(out->why_not, sizeof out->why_not, "%s",
                   doc_str(doc, "why_not", ""));
    out->pid = pid;
    out->started_ms = doc_ms(doc, "started_at", 0);
    out->updated_ms = doc_ms(doc, "updated_at", 0);
    out->ready = doc_bool(doc, "ready", false);
    out->reloads = doc_i64(doc, "reloads", 0);
    out->reload = doc_sub(doc, "reload");
    out->metrics = doc_sub(doc, "metrics");
    out->life = life_of(out, now_ms);
    return ERR_OK;
}

static enum err parse_status(const char *path, const struct buf *text,
                             int64_t now_ms, struct status *out,
                             struct errbuf *why)
{
    struct errbuf inner = {0};
    struct doc doc;

    if (doc_from_json(buf_str(text), text->len, out->docs, &doc, &inner) !=
        ERR_OK) {
        errbuf_set(why, "%s: %s", path, inner.text);
        return ERR_INVALID;
    }
    if (take_fields(doc, now_ms, out) != ERR_OK) {
        errbuf_set(why, "%s: no status file; expected name, pid and updated_at",
                   path);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err status_file_read(const char *path, int64_t now_ms, struct status *out,
                          struct errbuf *why)
{
    struct status status = {0};
    struct buf text;
    enum err err;

    buf_init(&text, STATUS_BYTES_MAX);
    err = file_read(path, &text, why);
    if (err == ERR_LIMIT) {
        err = ERR_INVALID;
    }
    if (err == ERR_OK) {
        status.docs = doc_out_new();
        err = parse_status(path, &text, now_ms, &status, why);
        if (err == ERR_OK) {
            *out = status;
        } else {
            status_fini(&status);
        }
    }
    buf_fini(&text);
    return err;
}

void status_fini(struct status *status)
{
    doc_out_free(status->docs);
    *status = (struct status){0};
}
