/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a service does its work, and if not, why not. */
#include "control/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/probe.h"
#include "common/metrics/status_file.h"
#include "common/store/store_conf.h"
#include "common/store/store_mongodb_set.h"

enum {
    LOG_TAIL_BYTES = 4096,
    LOGIN_MS = 2000,
    MS_PER_S = 1000
};

typedef bool probe_fn(const struct suite *suite, const struct process *process,
                      struct errbuf *why);

struct probe {
    const char *name;
    probe_fn *fn;
};

/* The last line of text that is not empty; cuts text. */
static const char *last_line(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) {
        text[--len] = '\0';
    }
    const char *newline = strrchr(text, '\n');
    return newline == NULL ? text : newline + 1;
}

/* What a program said last is the best explanation of its end. Gives the
 * line, or NULL. */
static char *last_words(const struct suite *suite, const char *name)
{
    char text[LOG_TAIL_BYTES + 1];
    char *path = xasprintf("%s/log/%s.log", suite->var, name);
    FILE *file = fopen(path, "r");
    free(path);
    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, -LOG_TAIL_BYTES, SEEK_END) != 0) {
        rewind(file);
    }
    text[fread(text, 1, LOG_TAIL_BYTES, file)] = '\0';
    (void)fclose(file);
    const char *line = last_line(text);
    return line[0] == '\0' ? NULL : xstrdup(line);
}

static void explain_down(const struct suite *suite,
                         const struct process *process, struct errbuf *why)
{
    char *words = last_words(suite, process->name);
    if (words != NULL) {
        errbuf_set(why, "ended: %s", words);
    } else if (process->note[0] != '\0') {
        errbuf_set(why, "%s", process->note);
    } else {
        errbuf_set(why, "ended with status %d", process->exit_status);
    }
    free(words);
}

static bool probe_process(const struct suite *suite,
                          const struct process *process, struct errbuf *why)
{
    switch (process->state) {
    case PROCESS_RUNNING:
    case PROCESS_STARTING:
        return true;
    case PROCESS_EXITED:
    case PROCESS_BACKOFF:
    case PROCESS_FATAL:
        explain_down(suite, process, why);
        return false;
    case PROCESS_STOPPED:
    case PROCESS_STOPPING:
    case PROCESS_UNKNOWN:
    default:
        errbuf_set(why, "%s", process_state_name(process->state));
        return false;
    }
}

/* Of a program that tells nothing, only staying there is a sign of health. */
static bool probe_running(const struct suite *suite,
                          const struct process *process, struct errbuf *why)
{
    (void)suite;
    if (process->state == PROCESS_RUNNING) {
        return true;
    }
    errbuf_set(why, "%s", process_state_name(process->state));
    return false;
}

static bool probe_broker(const struct suite *suite,
                         const struct process *process, struct errbuf *why)
{
    struct bus_amqp_conf values = {0};
    const struct conf_part part = {bus_amqp_options, &values};
    struct conf *conf = conf_new(&part, 1);
    char *path = suite_etc_path(suite, "amqp.conf");
    (void)process;
    bool ready = conf_read_file(conf, path, why) == ERR_OK &&
                 conf_read_env(conf, why) == ERR_OK &&
                 conf_check(conf, why) == ERR_OK &&
                 bus_probe(&values, LOGIN_MS, why) == ERR_OK;
    free(path);
    conf_free(conf);
    return ready;
}

static bool probe_mongod(const struct suite *suite,
                         const struct process *process, struct errbuf *why)
{
    struct store_conf values = {0};
    const struct conf_part part = {store_conf_options, &values};
    struct conf *conf = conf_new(&part, 1);
    char *path = suite_etc_path(suite, "storage.conf");
    (void)process;
    bool ready = conf_read_file(conf, path, why) == ERR_OK &&
                 conf_read_env(conf, why) == ERR_OK &&
                 mongodb_set_is_ready(values.uri, why) == ERR_OK;
    free(path);
    conf_free(conf);
    return ready;
}

/* A file of an earlier life names another process. */
static bool status_says_ready(const struct status *status,
                              const struct process *process, struct errbuf *why)
{
    if (status->pid != process->pid) {
        errbuf_set(why, "starting");
        return false;
    }
    if (status->life == STATUS_STALE) {
        errbuf_set(
            why, "hangs: its last sign of life is %lld s old",
            (long long)((clock_now_ms() - status->updated_ms) / MS_PER_S));
        return false;
    }
    if (!status->ready) {
        errbuf_set(why, "%s",
                   status->why_not[0] == '\0' ? "not ready" : status->why_not);
    }
    return status->ready;
}

static bool probe_status(const struct suite *suite,
                         const struct process *process, struct errbuf *why)
{
    struct status status;
    char *path = xasprintf("%s/run/%s.status", suite->var, process->name);
    enum err err = status_file_read(path, clock_now_ms(), &status, why);
    bool ready = false;
    if (err == ERR_NOT_FOUND) {
        errbuf_set(why, "starting");
    } else if (err == ERR_OK) {
        ready = status_says_ready(&status, process, why);
        status_fini(&status);
    }
    free(path);
    return ready;
}

/* Programs that are not ours keep no status file. */
static const struct probe probes[] = {
    {"collectd", probe_running},
    {"epmd", probe_running},
    {"mongod", probe_mongod},
    {"rabbitmq", probe_broker},
};

static const struct probe *find_probe(const char *name)
{
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (strcmp(probes[i].name, name) == 0) {
            return &probes[i];
        }
    }
    return NULL;
}

bool probe_is_ours(const char *name)
{
    return find_probe(name) == NULL;
}

bool probe_ready(const struct suite *suite, const struct process *process,
                 struct errbuf *why)
{
    if (!probe_process(suite, process, why)) {
        return false;
    }
    const struct probe *probe = find_probe(process->name);
    probe_fn *fn = probe == NULL ? probe_status : probe->fn;
    return fn(suite, process, why);
}
