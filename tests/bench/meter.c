/* SPDX-License-Identifier: Apache-2.0 */
/** What a stretch of work used. */
#include "tests/bench/meter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_BYTES = 64,
    STAT_BYTES = 1024
};

static double read_clock(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Fields 14 and 15 of its stat, in ticks; 0 when it cannot be read. */
static double server_cpu(int64_t pid)
{
    char path[PATH_BYTES];
    char text[STAT_BYTES];
    unsigned long user = 0;
    unsigned long system = 0;
    const char *after;
    size_t len;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    after = strrchr(text, ')');
    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers. */
    if (after == NULL || sscanf(after,
                                ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
                                "%*u %lu %lu",
                                &user, &system) != 2) {
        return 0;
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static struct use read_all(const struct meter *meter)
{
    return (struct use){
        .wall = read_clock(CLOCK_MONOTONIC),
        .own = read_clock(CLOCK_PROCESS_CPUTIME_ID),
        .server = meter->server_pid > 0 ? server_cpu(meter->server_pid) : 0,
    };
}

void meter_start(struct meter *meter)
{
    meter->begin = read_all(meter);
}

void meter_add(const struct meter *meter, struct use *sum)
{
    struct use now = read_all(meter);

    sum->wall += now.wall - meter->begin.wall;
    sum->own += now.own - meter->begin.own;
    sum->server += now.server - meter->begin.server;
}
