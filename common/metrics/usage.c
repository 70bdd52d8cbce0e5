/* SPDX-License-Identifier: Apache-2.0 */
/** What this process takes of its machine. */
#include "common/metrics/usage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    TEXT_MAX = 256,
    MS_A_SECOND = 1000,
    US_A_MS = 1000
};

/* "size resident shared ...", in pages. */
static int64_t resident_pages(void)
{
    char text[TEXT_MAX];
    const char *at;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0) {
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    at = strchr(text, ' ');
    return at != NULL ? strtoll(at, NULL, 10) : 0;
}

static int64_t ms_of(const struct timeval *time)
{
    return time->tv_sec * MS_A_SECOND + time->tv_usec / US_A_MS;
}

void usage_get(struct usage *out)
{
    struct rusage used;

    *out = (struct usage){.resident_bytes =
                              resident_pages() * sysconf(_SC_PAGESIZE)};
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        out->cpu_ms = ms_of(&used.ru_utime) + ms_of(&used.ru_stime);
    }
}
