/* SPDX-License-Identifier: Apache-2.0 */
/** Log lines: levels, one line a record, complaints that are held back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    TIMES = 5,
    LONG_TEXT = 5000
};

static void keeps_the_level(void **state)
{
    (void)state;
    log_debug("TEST-A", "not shown");
    log_info("TEST-A", "number %d", 1);
    assert_int_equal(testlog_count("TEST-A"), 1);
    assert_string_equal(testlog_text("TEST-A"), "number 1");
    log_set_level(LOG_DEBUG);
    log_debug("TEST-A", "shown");
    log_set_level(LOG_ERROR);
    log_warning("TEST-A", "not shown");
    log_set_level(LOG_INFO);
    assert_int_equal(testlog_count("TEST-A"), 2);
}

static void one_record_one_line(void **state)
{
    char *text = xcalloc(1, LONG_TEXT);

    (void)state;
    log_info("TEST-B", "%s", "a\nERROR forged\r\nb");
    assert_string_equal(testlog_text("TEST-B"), "a ERROR forged  b");
    memset(text, 'x', LONG_TEXT - 1);
    log_info("TEST-B", "%s", text);
    assert_true(strlen(testlog_text("TEST-B")) < LONG_TEXT - 1);
    free(text);
}

static void complains_once_then_holds_back(void **state)
{
    struct log_complaint complaint = {0};

    (void)state;
    testlog_expect("TEST-C");
    log_settled(&complaint, "TEST-C", "nothing was wrong");
    assert_int_equal(testlog_count("TEST-C"), 0);
    for (int i = 0; i < TIMES; i++) {
        log_complain(&complaint, "TEST-C", "away %d", i);
    }
    assert_int_equal(testlog_count("TEST-C"), 1);
    assert_string_equal(testlog_text("TEST-C"), "away 0");
    assert_int_equal(complaint.held, TIMES - 1);
    complaint.next_ms = 0; /* as if the wait were over */
    log_complain(&complaint, "TEST-C", "still away");
    assert_int_equal(testlog_count("TEST-C"), 3);
    assert_string_equal(testlog_text("TEST-C"),
                        "(happened 4 more times since the line before)");
    log_settled(&complaint, "TEST-C", "back");
    assert_string_equal(testlog_text("TEST-C"), "back");
    log_complain(&complaint, "TEST-C", "away again");
    assert_string_equal(testlog_text("TEST-C"), "away again");
}

static void waits_longer_but_not_for_ever(void **state)
{
    struct log_complaint complaint = {0};
    int64_t before = 0;

    (void)state;
    testlog_expect("TEST-D");
    for (int i = 0; i < 20; i++) {
        complaint.next_ms = 0;
        log_complain(&complaint, "TEST-D", "away");
        assert_true(complaint.wait_ms >= before);
        before = complaint.wait_ms;
    }
    assert_int_equal(before, 300000);
}

static void writes_to_standard_error(void **state)
{
    char name[] = "/tmp/hyp-log-XXXXXX";
    char line[256] = "";
    int fd = mkstemp(name);
    int saved = dup(STDERR_FILENO);
    FILE *file;

    (void)state;
    assert_true(fd >= 0 && saved >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    log_set_sink(NULL, NULL);
    log_info("TEST-E", "hello");
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    (void)close(fd);
    file = fopen(name, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line + strlen("2026-11-21T09:30:00.123Z"),
                        " INFO    TEST-E hello\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(unlink(name), 0);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(keeps_the_level),
        ROW_SINGLE(one_record_one_line),
        ROW_SINGLE(complains_once_then_holds_back),
        ROW_SINGLE(waits_longer_but_not_for_ever),
        ROW_SINGLE(writes_to_standard_error),
    };

    return rows_run("base/log", tables, N_ROWS(tables));
}
