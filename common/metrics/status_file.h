/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a process tells about itself to the others of its machine: a small
 * JSON file, replaced once a second. hypcontrol takes readiness from it, the
 * webserver /health.
 */
#ifndef HYP_METRICS_STATUS_FILE_H
#define HYP_METRICS_STATUS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/metrics/metrics.h"

enum {
    STATUS_NAME_MAX = 64,
    STATUS_WHY_MAX = 256,
    STATUS_WRITE_MS = 1000,  /**< time between two writes */
    STATUS_STALE_MS = 10000, /**< older than this: the process hangs */
    STATUS_EXPORT_MS = 5000, /**< time between two writes for Prometheus */
    STATUS_BYTES_MAX = 262144
};

/** Folder of all status files: NAME.status and NAME.prom each. */
#define STATUS_FOLDER HYP_LOCALSTATEDIR "/run"
#define STATUS_SUFFIX ".status"
#define EXPORT_SUFFIX ".prom"
/** Label that names the process in the text for Prometheus. */
#define EXPORT_LABEL "process"

/* --- writing ---------------------------------------------------------------
 */

struct status_file;

/**
 * Begin; nothing is written yet.
 *
 * folder  e.g. STATUS_FOLDER.
 * name    of the process, e.g. "engine-alarm"; both are copied.
 * set     borrowed until close; NULL: no metrics.
 */
struct status_file *status_file_open(const char *folder, const char *name,
                                     const struct metrics *set, int64_t now_ms);
/**
 * From now on also replace FOLDER/NAME.prom every five seconds: the same
 * metrics as Prometheus text, each with the label process="NAME". It is what
 * the webserver's /metrics and node_exporter's textfile collector read.
 */
void status_file_export(struct status_file *file);
/**
 * Tell how things are; call it as often as is handy. Writes when the last
 * write is a second old or when ready or why_not changed.
 *
 * why_not  what is waited for, when not ready; "" or NULL when ready.
 * Returns ERR_OK (written, or not yet time); ERR_UNAVAILABLE with why: the
 * process can go on, and the next call tries again.
 */
MUST_CHECK enum err status_file_write(struct status_file *file, bool ready,
                                      const char *why_not, int64_t now_ms,
                                      struct errbuf *why);
/** The configuration was read again: what was taken, what needs a restart to
 *  be, why it was refused; "" each where there is nothing. Copies. Told with
 *  the next write, which comes at once. */
void status_file_reloaded(struct status_file *file, const char *taken,
                          const char *kept, const char *refused);
/** Remove the files, as a clean stop does, and release. NULL is fine. */
void status_file_close(struct status_file *file);

/* --- reading ---------------------------------------------------------------
 */

enum status_life {
    STATUS_LIVE,
    STATUS_STALE, /**< its process is there but has not written for long */
    STATUS_DEAD   /**< its process is gone: it ended without a clean stop */
};

struct status {
    char name[STATUS_NAME_MAX];
    int64_t pid;
    int64_t started_ms;
    int64_t updated_ms;
    enum status_life life;
    bool ready; /**< as written; only STATUS_LIVE makes it true of now */
    char why_not[STATUS_WHY_MAX];
    int64_t reloads;      /**< how often the configuration was read again */
    struct doc reload;    /**< the last: taken, kept, refused; borrowed */
    struct doc metrics;   /**< of the process and of its set, as metrics_to_doc
                               writes them; borrowed from: */
    struct doc_out *docs; /**< released by status_fini */
};

/**
 * Read a status file.
 *
 * out  gives, on ERR_OK only: status_fini() it.
 * Returns ERR_OK; ERR_NOT_FOUND (never started, or stopped cleanly);
 * ERR_INVALID (no status file); ERR_UNAVAILABLE (cannot be read).
 */
MUST_CHECK enum err status_file_read(const char *path, int64_t now_ms,
                                     struct status *out, struct errbuf *why);
void status_fini(struct status *status);

#endif
