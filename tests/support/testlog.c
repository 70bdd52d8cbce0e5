/* SPDX-License-Identifier: Apache-2.0 */
/** Log capture for tests. */
#include "tests/support/testlog.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

enum {
    LINES_MAX = 256,
    EXPECT_MAX = 32,
    ID_MAX = 64,
    TEXT_MAX = 2048
};

struct line {
    enum log_level level;
    char id[ID_MAX];
    char text[TEXT_MAX];
};

/* Of the test that runs now. */
static struct {
    struct line lines[LINES_MAX]; /* a ring, the newest kept */
    size_t n;
    const char *expect[EXPECT_MAX];
    size_t n_expect;
    size_t n_unexpected;
} captured;

static bool is_expected(const char *id)
{
    for (size_t i = 0; i < captured.n_expect; i++) {
        if (strcmp(captured.expect[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static void take_line(void *ctx, enum log_level level, const char *id,
                      const char *text)
{
    struct line *line = &captured.lines[captured.n++ % LINES_MAX];

    (void)ctx;
    line->level = level;
    (void)snprintf(line->id, sizeof line->id, "%s", id);
    (void)snprintf(line->text, sizeof line->text, "%s", text);
    if (level >= LOG_WARNING && !is_expected(id)) {
        captured.n_unexpected++;
        (void)fprintf(stderr, "unexpected log line: %s %s\n", id, text);
    }
}

static void drop_line(void *ctx, enum log_level level, const char *id,
                      const char *text)
{
    (void)ctx;
    (void)level;
    (void)id;
    (void)text;
}

void testlog_mute(void)
{
    log_set_sink(drop_line, NULL);
}

void testlog_start(void)
{
    captured.n = 0;
    captured.n_expect = 0;
    captured.n_unexpected = 0;
    log_set_sink(take_line, NULL);
}

void testlog_expect(const char *id)
{
    if (captured.n_expect < EXPECT_MAX) {
        captured.expect[captured.n_expect++] = id;
    }
}

static size_t n_kept(void)
{
    return captured.n < LINES_MAX ? captured.n : LINES_MAX;
}

size_t testlog_count(const char *id)
{
    size_t n = 0;

    for (size_t i = 0; i < n_kept(); i++) {
        n += strcmp(captured.lines[i].id, id) == 0;
    }
    return n;
}

const char *testlog_text(const char *id)
{
    for (size_t i = 0; i < n_kept(); i++) {
        const struct line *line =
            &captured.lines[(captured.n - 1 - i) % LINES_MAX];

        if (strcmp(line->id, id) == 0) {
            return line->text;
        }
    }
    return "";
}

int testlog_stop(void)
{
    int result = captured.n_unexpected > 0 ? -1 : 0;

    for (size_t i = 0; i < captured.n_expect; i++) {
        if (testlog_count(captured.expect[i]) == 0) {
            (void)fprintf(stderr, "expected log line never came: %s\n",
                          captured.expect[i]);
            result = -1;
        }
    }
    log_set_sink(NULL, NULL);
    return result;
}

int testlog_setup(void **state)
{
    (void)state;
    testlog_start();
    return 0;
}

int testlog_teardown(void **state)
{
    (void)state;
    return testlog_stop();
}
