/* SPDX-License-Identifier: Apache-2.0 */
/** An installed suite: its folders, its sections of services, supervisord. */
#include "control/suite.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/partitions.h"

enum {
    PAUSE_NS = 50 * 1000 * 1000,
    SUPERVISORD_UP_MS = 15000,
    /* Above the longest stopwaitsecs of a program file. */
    SUPERVISORD_DOWN_MS = 120000
};

#define ENGINE_DEFAULTS                                                        \
    "engine-collectdgw, engine-cleaner, engine-event-filter, "                 \
    "engine-context, engine-perfdata, engine-alarm, engine-eventstore"

const struct conf_option suite_options[] = {
    {.section = "hypcontrol",
     .key = "wait",
     .type = CONF_DURATION,
     .offset = offsetof(struct suite_conf, wait_ms),
     .fallback = "60s",
     .min = 1000,
     .max = 3600000,
     .help = "how long start, stop and restart wait, unless --wait says"},
    {.section = "hypcontrol",
     .key = "supervisord",
     .type = CONF_PATH,
     .offset = offsetof(struct suite_conf, supervisord),
     .fallback = "/usr/bin/supervisord",
     .help = "the supervisor's program"},
    {.section = "backends",
     .key = "services",
     .type = CONF_LIST,
     .offset = offsetof(struct suite_conf, services[SECTION_BACKENDS]),
     .fallback = "epmd, rabbitmq",
     .help = "started first, together, and stopped last"},
    {.section = "engines",
     .key = "services",
     .type = CONF_LIST,
     .offset = offsetof(struct suite_conf, services[SECTION_ENGINES]),
     .fallback = ENGINE_DEFAULTS,
     .help = "started when all backends are ready"},
    {.section = "frontends",
     .key = "services",
     .type = CONF_LIST,
     .offset = offsetof(struct suite_conf, services[SECTION_FRONTENDS]),
     .fallback = "webserver, collectd",
     .help = "started when all engines are ready: what takes events in, so "
             "also the connectors in use (connector-nsca, ...)"},
    {0}};

const char *suite_section_name(enum suite_section section)
{
    static const char *const names[SUITE_N_SECTIONS] = {"backends", "engines",
                                                        "frontends"};
    BUG_IF(section >= SUITE_N_SECTIONS);
    return names[section];
}

static bool list_has(const struct conf_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool suite_has_service(const struct suite *suite, const char *name)
{
    for (int section = 0; section < SUITE_N_SECTIONS; section++) {
        if (list_has(&suite->conf.services[section], name)) {
            return true;
        }
    }
    return false;
}

char *suite_etc_path(const struct suite *suite, const char *name)
{
    return xasprintf("%s/%s", suite->etc, name);
}

void suite_pause(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    (void)nanosleep(&pause, NULL);
}

static enum err become(const struct passwd *owner, struct errbuf *why)
{
    if (initgroups(owner->pw_name, owner->pw_gid) != 0 ||
        setgid(owner->pw_gid) != 0 || setuid(owner->pw_uid) != 0) {
        errbuf_set(why, "cannot become user %s: %s", owner->pw_name,
                   strerror(errno));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Everything under the prefix belongs to one user and runs as that user. */
static enum err become_owner(const struct suite *suite, struct errbuf *why)
{
    struct stat info;
    if (stat(suite->var, &info) != 0) {
        errbuf_set(why, "%s: %s; is the suite installed there?", suite->var,
                   strerror(errno));
        return ERR_NOT_FOUND;
    }
    if (info.st_uid == geteuid()) {
        return ERR_OK;
    }
    const struct passwd *owner = getpwuid(info.st_uid);
    if (owner == NULL) {
        errbuf_set(why, "%s belongs to user %u, who does not exist", suite->var,
                   info.st_uid);
        return ERR_INVALID;
    }
    if (geteuid() != 0) {
        errbuf_set(why, "%s belongs to user %s: run this as %s or root",
                   suite->var, owner->pw_name, owner->pw_name);
        return ERR_INVALID;
    }
    return become(owner, why);
}

static enum err read_conf(struct suite *suite, struct errbuf *why)
{
    const struct conf_part part = {suite_options, &suite->conf};
    char *path = suite_etc_path(suite, "hypcontrol.conf");
    suite->settings = conf_new(&part, 1);
    enum err err = conf_read_file(suite->settings, path, why);
    if (err == ERR_OK) {
        err = conf_read_env(suite->settings, why);
    }
    free(path);
    return err;
}

/* A service that runs as several processes is as many services. */
static enum err read_partitions(struct suite *suite, struct errbuf *why)
{
    struct partitions partitions = {{0}};
    const struct conf_part part = {partitions_options, &partitions};
    struct conf *conf = conf_new(&part, 1);
    char *path = suite_etc_path(suite, "partitions.conf");
    enum err err = conf_read_file(conf, path, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        err = conf_read_env(conf, why);
    }
    if (err == ERR_OK) {
        err = partitions_check(&partitions, why);
    }
    if (err == ERR_OK) {
        partitions_spread(&partitions, &suite->conf.services[SECTION_ENGINES]);
    }
    free(path);
    conf_free(conf);
    return err;
}

enum err suite_open(struct suite *suite, const char *prefix, struct errbuf *why)
{
    *suite = (struct suite){0};
    suite->etc =
        prefix == NULL ? xstrdup(HYP_SYSCONFDIR) : xasprintf("%s/etc", prefix);
    suite->var = prefix == NULL ? xstrdup(HYP_LOCALSTATEDIR)
                                : xasprintf("%s/var", prefix);
    enum err err = become_owner(suite, why);
    if (err == ERR_OK) {
        err = read_conf(suite, why);
    }
    if (err == ERR_OK) {
        err = read_partitions(suite, why);
    }
    if (err != ERR_OK) {
        suite_close(suite);
        return err;
    }
    char *socket = xasprintf("%s/run/supervisor.sock", suite->var);
    suite->supervisor = supervisor_open(socket);
    free(socket);
    return ERR_OK;
}

void suite_close(struct suite *suite)
{
    supervisor_close(suite->supervisor);
    conf_free(suite->settings);
    free(suite->var);
    free(suite->etc);
    *suite = (struct suite){0};
}

/* supervisord becomes a daemon by itself; what is run here ends at once. The
 * services get an environment that does not depend on who started them. */
static enum err spawn_supervisord(const struct suite *suite, struct errbuf *why)
{
    char *path = suite_etc_path(suite, "supervisord.conf");
    char *home = xasprintf("HOME=%s", suite->var);
    char option[] = "-c";
    char path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
                           "/usr/bin:/sbin:/bin";
    char language[] = "LANG=C.UTF-8";
    char *const argv[] = {suite->conf.supervisord, option, path, NULL};
    char *const env[] = {path_variable, language, home, NULL};
    int status = 0;
    pid_t pid;
    int failed =
        posix_spawn(&pid, suite->conf.supervisord, NULL, NULL, argv, env);
    if (failed != 0) {
        errbuf_set(why, "%s: %s; install the package supervisor",
                   suite->conf.supervisord, strerror(failed));
    } else if (waitpid(pid, &status, 0) != pid || status != 0) {
        errbuf_set(why, "%s -c %s failed", suite->conf.supervisord, path);
        failed = EIO;
    }
    free(home);
    free(path);
    return failed == 0 ? ERR_OK : ERR_UNAVAILABLE;
}

enum err suite_supervisor_start(const struct suite *suite, struct errbuf *why)
{
    if (supervisor_is_up(suite->supervisor)) {
        return ERR_OK;
    }
    int64_t until_ms = clock_mono_ms() + SUPERVISORD_UP_MS;
    enum err err = spawn_supervisord(suite, why);
    pid_t pid;
    while (err == ERR_OK) {
        err = supervisor_pid(suite->supervisor, &pid, why);
        if (err == ERR_OK || clock_mono_ms() > until_ms) {
            return err;
        }
        suite_pause();
        err = ERR_OK;
    }
    return err;
}

enum err suite_supervisor_stop(const struct suite *suite, struct errbuf *why)
{
    pid_t pid;
    if (supervisor_pid(suite->supervisor, &pid, NULL) != ERR_OK) {
        return ERR_OK;
    }
    int64_t until_ms = clock_mono_ms() + SUPERVISORD_DOWN_MS;
    enum err err = supervisor_shutdown(suite->supervisor, why);
    while (err == ERR_OK && kill(pid, 0) == 0) {
        if (clock_mono_ms() > until_ms) {
            errbuf_set(why, "supervisord (process %d) does not end", pid);
            return ERR_UNAVAILABLE;
        }
        suite_pause();
    }
    return err;
}
