/* SPDX-License-Identifier: Apache-2.0 */
/** Every program of the suite reads its configuration again. */
#include "control/reload.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/metrics/status_file.h"
#include "control/probe.h"

/* One service, from the signal to its answer. */
struct asked {
    const char *name;
    int64_t pid;
    int64_t reloads; /* before */
    bool waiting;
    bool good;
    struct buf text;
};

enum {
    TEXT_MAX = 16 * 1024
};

/* False: it tells nothing (yet). */
static bool look(const struct suite *suite, const char *name,
                 struct status *status)
{
    char *path = xasprintf("%s/run/%s" STATUS_SUFFIX, suite->var, name);
    struct errbuf why;
    bool found = status_file_read(path, clock_now_ms(), status, &why) == ERR_OK;

    free(path);
    return found;
}

static void ask(const struct suite *suite, struct asked *asked)
{
    struct process process = {.state = PROCESS_UNKNOWN};
    struct status status;
    struct errbuf why = {{0}, {0}};

    if (!probe_is_ours(asked->name)) {
        asked->good = true;
        buf_addf(&asked->text, "no program of the suite: service %s restart",
                 asked->name);
        return;
    }
    if (supervisor_get(suite->supervisor, asked->name, &process, &why) !=
            ERR_OK ||
        (process.state != PROCESS_RUNNING &&
         process.state != PROCESS_STARTING) ||
        !look(suite, asked->name, &status)) {
        buf_add_str(&asked->text, "does not run");
        return;
    }
    asked->pid = status.pid;
    asked->reloads = status.reloads;
    status_fini(&status);
    if (supervisor_signal(suite->supervisor, asked->name, "HUP", &why) !=
        ERR_OK) {
        buf_add_str(&asked->text, why.text);
        return;
    }
    asked->waiting = true;
}

static void take_answer(struct asked *asked, struct doc reload)
{
    const char *taken = doc_str(reload, "taken", "");
    const char *kept = doc_str(reload, "kept", "");
    const char *refused = doc_str(reload, "refused", "");

    asked->good = refused[0] == '\0' && kept[0] == '\0';
    if (refused[0] != '\0') {
        buf_addf(&asked->text, "refused, goes on as before: %s", refused);
        return;
    }
    if (taken[0] != '\0') {
        buf_addf(&asked->text, "took %s", taken);
    }
    if (kept[0] != '\0') {
        buf_addf(&asked->text, "%sneeds a restart for %s",
                 taken[0] != '\0' ? "; " : "", kept);
    }
    if (asked->text.len == 0) {
        buf_add_str(&asked->text, "nothing new");
    }
}

/* Whether it is still waited for. */
static bool wait_for(const struct suite *suite, struct asked *asked)
{
    struct status status;

    if (!asked->waiting || !look(suite, asked->name, &status)) {
        return asked->waiting;
    }
    if (status.pid != asked->pid) {
        asked->waiting = false;
        asked->good = true;
        buf_add_str(&asked->text, "has started anew");
    } else if (status.reloads != asked->reloads) {
        asked->waiting = false;
        take_answer(asked, status.reload);
    }
    status_fini(&status);
    return asked->waiting;
}

static struct asked *ask_all(const struct suite *suite, size_t *n)
{
    struct asked *all = NULL;

    *n = 0;
    for (unsigned i = 0; i < SUITE_N_SECTIONS; i++) {
        const struct conf_list *services = &suite->conf.services[i];

        all = xrealloc_array(all, *n + services->n + 1, sizeof *all);
        for (size_t j = 0; j < services->n; j++) {
            struct asked *asked = &all[(*n)++];

            *asked = (struct asked){.name = services->items[j]};
            buf_init(&asked->text, TEXT_MAX);
            ask(suite, asked);
        }
    }
    return all;
}

static void wait_for_all(const struct suite *suite, struct asked *all, size_t n,
                         int64_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    bool waiting = true;

    while (waiting && clock_mono_ms() < until_ms) {
        waiting = false;
        for (size_t i = 0; i < n; i++) {
            waiting = wait_for(suite, &all[i]) || waiting;
        }
        if (waiting) {
            suite_pause();
        }
    }
}

bool reload_suite(const struct suite *suite, int64_t wait_ms, struct buf *out)
{
    bool good = true;
    size_t n;
    struct asked *all = ask_all(suite, &n);

    wait_for_all(suite, all, n, wait_ms);
    for (size_t i = 0; i < n; i++) {
        if (all[i].waiting) {
            buf_add_str(&all[i].text, "did not answer in time");
        }
        buf_addf(out, "%-22s  %s\n", all[i].name, buf_str(&all[i].text));
        good = good && all[i].good;
        buf_fini(&all[i].text);
    }
    free(all);
    return good;
}
