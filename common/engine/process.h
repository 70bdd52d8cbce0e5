/* SPDX-License-Identifier: Apache-2.0 */
/** An engine as a running program has it: its configuration, its store, its
 *  runtime, and the file that tells how it is. */
#ifndef HYP_ENGINE_PROCESS_H
#define HYP_ENGINE_PROCESS_H

#include "common/bus/bus_amqp.h"
#include "common/bus/partitions.h"
#include "common/conf/conf_program.h"
#include "common/engine/export.h"
#include "common/engine/runtime.h"
#include "common/metrics/reload.h"
#include "common/store/store_conf.h"

enum {
    PROCESS_NAME_BYTES = 128,
    PROCESS_PARTS = 8,
    PROCESS_FILES = 4,
    PROCESS_WAIT_MS = 100, /* of an idle loop: signals and timers are seen */
    PROCESS_EXIT_FENCED = 3
};

/** Section [process]. */
struct process_conf {
    char *status_dir;
    bool metrics_file;
};

extern const struct conf_option process_options[];

struct process {
    const struct engine_ops *ops;
    struct conf_part parts[PROCESS_PARTS];
    struct conf_file files[PROCESS_FILES];
    struct conf_program program;
    char program_name[PROCESS_NAME_BYTES];
    char file[PROCESS_NAME_BYTES];
    struct conf *settings;
    struct reload reload;
    struct process_conf conf;
    struct bus_amqp_conf amqp;
    struct store_conf storage;
    struct partitions partitions;
    struct runtime_conf runtime;
    struct self_conf self;
    void *state;
    char name[PROCESS_NAME_BYTES];   /* "engine-alarm", "engine-alarm.2" */
    char writer[PROCESS_NAME_BYTES]; /* "alarm"; "cleaner.<group>" has its own
                                        rows, and its own file in SQLite */
    struct store *store;
    struct engine_io *io;
    struct export *export;
    struct status_file *status;
    int64_t status_ms; /* when to tell again */
};

/**
 * Read the command line and the engine's files. *process stays where it is
 * until process_free, which is due whatever comes back.
 *
 * more  one more table that the command line may name; NULL: none.
 * Returns CONF_GO_ON or the code to exit with.
 */
MUST_CHECK int process_configure(struct process *process,
                                 const struct engine_ops *ops,
                                 const struct conf_part *more, int argc,
                                 char **argv);
/** Begin to tell how it is, and open its store: one that is away is waited
 *  for. ERR_OK; ERR_UNAVAILABLE: the process was told to end meanwhile; others
 *  are told in the log. */
MUST_CHECK enum err process_open(struct process *process);
/** Make its runtime on a bus, which is borrowed; local as in runtime_setup.
 *  Any failure is told in the log. */
MUST_CHECK enum err process_start(struct process *process, struct bus *bus,
                                  bool local);
/** Once in PROCESS_WAIT_MS: tell how it is. */
void process_tell(struct process *process);
/** Read the configuration again, between two batches, so that all of one is
 *  done by the same options. */
void process_reload(struct process *process);
/** Drop the runtime as it is. */
void process_end(struct process *process);
/** Release all. */
void process_free(struct process *process);

#endif
