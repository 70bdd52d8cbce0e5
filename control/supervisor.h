/* SPDX-License-Identifier: Apache-2.0 */
/** supervisord over its unix socket: what runs, start, stop, signal. */
#ifndef HYP_CONTROL_SUPERVISOR_H
#define HYP_CONTROL_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

enum {
    PROCESS_NAME_MAX = 63,
    PROCESS_NOTE_MAX = 255
};

/** supervisord's own numbers. */
enum process_state {
    PROCESS_STOPPED = 0,
    PROCESS_STARTING = 10,
    PROCESS_RUNNING = 20,
    PROCESS_BACKOFF = 30, /**< ended too early; will be tried again */
    PROCESS_STOPPING = 40,
    PROCESS_EXITED = 100,
    PROCESS_FATAL = 200, /**< given up */
    PROCESS_UNKNOWN = 1000
};

struct process {
    char name[PROCESS_NAME_MAX + 1];
    enum process_state state;
    pid_t pid; /**< 0: none */
    int64_t started_s;
    int64_t now_s;
    int exit_status;                 /**< of the life before */
    char note[PROCESS_NOTE_MAX + 1]; /**< why it could not be run, or "" */
};

struct supervisor;

/** Borrows nothing; connects with each call. */
struct supervisor *supervisor_open(const char *socket_path);
void supervisor_close(struct supervisor *supervisor);

/** Whether supervisord answers. */
bool supervisor_is_up(struct supervisor *supervisor);
/** Its process id. ERR_UNAVAILABLE. */
MUST_CHECK enum err supervisor_pid(struct supervisor *supervisor, pid_t *pid,
                                   struct errbuf *why);
/** One process. ERR_NOT_FOUND (no such program file); ERR_UNAVAILABLE. */
MUST_CHECK enum err supervisor_get(struct supervisor *supervisor,
                                   const char *name, struct process *process,
                                   struct errbuf *why);
/** Ask for a start or stop and return at once; ERR_OK too when it is that
 *  way already. ERR_NOT_FOUND; ERR_INVALID (cannot be run); ERR_UNAVAILABLE */
MUST_CHECK enum err supervisor_start(struct supervisor *supervisor,
                                     const char *name, struct errbuf *why);
MUST_CHECK enum err supervisor_stop(struct supervisor *supervisor,
                                    const char *name, struct errbuf *why);
/** Send a signal ("HUP"); ERR_OK when it does not run. */
MUST_CHECK enum err supervisor_signal(struct supervisor *supervisor,
                                      const char *name, const char *signal,
                                      struct errbuf *why);
/** Let supervisord know the programs of its files: new ones (not started), and
 *  none of those whose file is gone. Only names that begin with `prefix` are
 *  looked at; what has changed in others waits for a restart of all. */
MUST_CHECK enum err supervisor_update(struct supervisor *supervisor,
                                      const char *prefix, struct errbuf *why);
/** Ask supervisord to stop everything and end. */
MUST_CHECK enum err supervisor_shutdown(struct supervisor *supervisor,
                                        struct errbuf *why);

/** "running", "stopped", ...; never NULL. */
const char *process_state_name(enum process_state state);
/** Whether no process is there and none is about to be. */
bool process_is_down(enum process_state state);

#endif
