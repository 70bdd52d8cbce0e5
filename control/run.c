/* SPDX-License-Identifier: Apache-2.0 */
/** Starting and stopping services, and waiting until it is so. */
#include "control/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "control/probe.h"

enum {
    MS_PER_S = 1000,
    PROGRESS_WIDTH = 79,
    PROGRESS_MAX = 4096,
    PATIENCE_MS = 8000
};

/* Where one look at all services has got to. */
struct look {
    size_t n_done;
    bool hopeless;     /* waiting longer cannot help */
    struct errbuf why; /* of the first that is not there yet */
};

typedef void look_fn(const struct run *run, const char *name,
                     struct look *look);
typedef enum err ask_fn(struct supervisor *supervisor, const char *name,
                        struct errbuf *why);

static void look_missing(struct look *look, const char *name,
                         const struct errbuf *why)
{
    if (look->why.text[0] == '\0') {
        bool named = str_starts(why->text, name);
        errbuf_set(&look->why, "%s%s%.400s", named ? "" : name,
                   named ? "" : ": ", why->text);
    }
}

/* Given up by supervisord; or ending again and again, as a program does that
 * refuses its configuration (what is only away, it waits for). */
static bool is_hopeless(const struct run *run, const struct process *process)
{
    return process->state == PROCESS_FATAL ||
           (process->state == PROCESS_BACKOFF &&
            clock_mono_ms() > run->begun_ms + PATIENCE_MS);
}

static void look_ready(const struct run *run, const char *name,
                       struct look *look)
{
    struct errbuf why = {0};
    struct process process = {.state = PROCESS_UNKNOWN};
    if (supervisor_get(run->suite->supervisor, name, &process, &why) ==
            ERR_OK &&
        probe_ready(run->suite, &process, &why)) {
        look->n_done++;
        return;
    }
    look->hopeless = look->hopeless || is_hopeless(run, &process);
    look_missing(look, name, &why);
}

static void look_down(const struct run *run, const char *name,
                      struct look *look)
{
    struct errbuf why = {0};
    struct process process = {.state = PROCESS_UNKNOWN};
    enum err err = supervisor_get(run->suite->supervisor, name, &process, &why);
    if (err == ERR_NOT_FOUND ||
        (err == ERR_OK && process_is_down(process.state))) {
        look->n_done++;
        return;
    }
    if (err == ERR_OK) {
        errbuf_set(&why, "still %s", process_state_name(process.state));
    }
    look_missing(look, name, &why);
}

/* One line that is written over itself; nothing where nobody watches. */
static void show_progress(const struct run *run, const struct look *look)
{
    struct buf line;
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    buf_init(&line, PROGRESS_MAX);
    buf_addf(&line, "%s: %zu of %zu, %lld s  %s", run->title, look->n_done,
             run->n, (long long)((clock_mono_ms() - run->begun_ms) / MS_PER_S),
             look->why.text);
    size_t shown = utf8_cut(buf_str(&line), line.len, PROGRESS_WIDTH);
    (void)fprintf(stderr, "\r\033[K%.*s", (int)shown, buf_str(&line));
    buf_fini(&line);
    if (look->n_done == run->n) {
        (void)fputc('\n', stderr);
    }
}

static enum err wait_for(const struct run *run, look_fn *fn, struct errbuf *why)
{
    for (;;) {
        struct look look = {0};
        for (size_t i = 0; i < run->n; i++) {
            fn(run, run->names[i], &look);
        }
        show_progress(run, &look);
        if (look.n_done == run->n) {
            return ERR_OK;
        }
        if (look.hopeless || clock_mono_ms() > run->until_ms) {
            errbuf_set(why, "%s", look.why.text);
            return ERR_UNAVAILABLE;
        }
        suite_pause();
    }
}

/* One that cannot even be asked does not keep the others from being asked. */
static enum err ask_all(const struct run *run, ask_fn *ask, struct errbuf *why)
{
    enum err first = ERR_OK;
    for (size_t i = 0; i < run->n; i++) {
        struct errbuf said = {0};
        enum err err = ask(run->suite->supervisor, run->names[i], &said);
        if (err != ERR_OK && first == ERR_OK) {
            first = err;
            errbuf_set(why, "%s", said.text);
        }
    }
    return first;
}

enum err run_start(const struct run *run, struct errbuf *why)
{
    enum err err = ask_all(run, supervisor_start, why);
    return err == ERR_OK ? wait_for(run, look_ready, why) : err;
}

/* What supervisord does not know is not running. */
static enum err ask_stop(struct supervisor *supervisor, const char *name,
                         struct errbuf *why)
{
    enum err err = supervisor_stop(supervisor, name, why);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err run_stop(const struct run *run, struct errbuf *why)
{
    enum err err = ask_all(run, ask_stop, why);
    return err == ERR_OK ? wait_for(run, look_down, why) : err;
}

static struct run section_run(const struct suite *suite,
                              enum suite_section section, int64_t until_ms)
{
    const struct conf_list *services = &suite->conf.services[section];
    return (struct run){.suite = suite,
                        .title = suite_section_name(section),
                        .names = services->items,
                        .n = services->n,
                        .begun_ms = clock_mono_ms(),
                        .until_ms = until_ms};
}

enum err run_start_suite(const struct suite *suite, int64_t wait_ms,
                         struct errbuf *why)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    enum err err = suite_supervisor_start(suite, why);
    for (unsigned i = 0; i < SUITE_N_SECTIONS && err == ERR_OK; i++) {
        struct run run = section_run(suite, (enum suite_section)i, until_ms);
        err = run_start(&run, why);
    }
    return err;
}

/* Every section is stopped, also after one that did not end in time: what
 * remains running is then ended by supervisord's own end. */
enum err run_stop_suite(const struct suite *suite, int64_t wait_ms,
                        struct errbuf *why)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    if (!supervisor_is_up(suite->supervisor)) {
        return ERR_OK;
    }
    enum err first = ERR_OK;
    for (unsigned i = SUITE_N_SECTIONS; i-- > 0;) {
        struct errbuf said = {0};
        struct run run = section_run(suite, (enum suite_section)i, until_ms);
        enum err err = run_stop(&run, &said);
        if (err != ERR_OK && first == ERR_OK) {
            first = err;
            errbuf_set(why, "%s", said.text);
        }
    }
    enum err err = suite_supervisor_stop(suite, first == ERR_OK ? why : NULL);
    return first == ERR_OK ? err : first;
}
