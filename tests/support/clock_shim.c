/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Preloaded into a process it makes the wall clock of that process what a
 * test wants: the machine's plus the number of seconds (int64_t) in the file
 * that HYP_TEST_CLOCK names, at once when the file changes. The monotonic
 * clock stays.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    NS_PER_US = 1000
};

static const volatile int64_t *offset_s;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("HYP_TEST_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *shared = MAP_FAILED;

    if (fd >= 0) {
        shared = mmap(NULL, sizeof *offset_s, PROT_READ, MAP_SHARED, fd, 0);
        (void)close(fd);
    }
    if (shared == MAP_FAILED) {
        abort(); /* a test that only seems to be one */
    }
    offset_s = shared;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int status = (int)syscall(SYS_clock_gettime, id, now);

    if (status == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) &&
        offset_s != NULL) {
        now->tv_sec += *offset_s;
    }
    return status;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec precise;
    int status = clock_gettime(CLOCK_REALTIME, &precise);

    (void)zone;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / NS_PER_US;
    return status;
}

time_t time(time_t *now)
{
    struct timespec precise;

    (void)clock_gettime(CLOCK_REALTIME, &precise);
    if (now != NULL) {
        *now = precise.tv_sec;
    }
    return precise.tv_sec;
}
