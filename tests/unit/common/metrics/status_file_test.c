/* SPDX-License-Identifier: Apache-2.0 */
/** The status file: when it is written, and what a reader makes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/metrics/status_file.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

static const int64_t start_ms = 1700000000123;

struct fixture {
    char folder[32];
    char *path;
    struct metric_counter events;
    struct metrics *set;
    struct status_file *file;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.folder = "/tmp/hyp-status-XXXXXX"};
    assert_non_null(mkdtemp(f->folder));
    f->path = xasprintf("%s/engine-x.status", f->folder);
    f->set = metrics_new();
    metrics_add_counter(f->set,
                        &(struct metric_info){"events", "Events.", NULL, NULL},
                        &f->events);
    f->file = status_file_open(f->folder, "engine-x", f->set, start_ms);
}

static void end(struct fixture *f)
{
    status_file_close(f->file);
    metrics_free(f->set);
    assert_int_equal(rmdir(f->folder), 0);
    free(f->path);
}

static void write_status(struct fixture *f, bool ready, const char *why_not,
                         int64_t at_ms)
{
    struct errbuf why = {0};
    enum err err = status_file_write(f->file, ready, why_not, at_ms, &why);

    assert_string_equal(why.text, "");
    assert_int_equal(err, ERR_OK);
}

static void read_status(const struct fixture *f, int64_t at_ms,
                        struct status *status)
{
    struct errbuf why = {0};
    enum err err = status_file_read(f->path, at_ms, status, &why);

    assert_string_equal(why.text, "");
    assert_int_equal(err, ERR_OK);
}

static void tells_all(void **state)
{
    struct fixture f;
    struct status status;

    (void)state;
    begin(&f);
    f.events.value = 12;
    write_status(&f, false, "waiting for the broker", start_ms + 50);
    read_status(&f, start_ms + 60, &status);
    assert_string_equal(status.name, "engine-x");
    assert_int_equal(status.pid, getpid());
    assert_int_equal(status.started_ms, start_ms);
    assert_int_equal(status.updated_ms, start_ms + 50);
    assert_int_equal(status.life, STATUS_LIVE);
    assert_false(status.ready);
    assert_string_equal(status.why_not, "waiting for the broker");
    assert_int_equal(doc_i64(status.metrics, "events", -1), 12);
    status_fini(&status);
    end(&f);
}

/* The same for Prometheus, every five seconds, gone with a clean stop. */
static void exports_text(void **state)
{
    struct fixture f;
    struct errbuf why = {0};
    struct buf text;
    char *path;

    (void)state;
    begin(&f);
    path = xasprintf("%s/engine-x.prom", f.folder);
    buf_init(&text, STATUS_BYTES_MAX);
    write_status(&f, true, NULL, start_ms);
    assert_int_equal(file_read(path, &text, &why), ERR_NOT_FOUND);
    status_file_export(f.file);
    f.events.value = 3;
    write_status(&f, true, NULL, start_ms + STATUS_WRITE_MS);
    f.events.value = 4;
    write_status(&f, false, NULL, start_ms + STATUS_EXPORT_MS);
    buf_clear(&text);
    assert_int_equal(file_read(path, &text, &why), ERR_OK);
    assert_non_null(
        strstr(buf_str(&text), "\nevents{process=\"engine-x\"} 3\n"));
    assert_non_null(strstr(
        buf_str(&text), "\nhypervise_process_ready{process=\"engine-x\"} 1\n"));
    write_status(&f, false, NULL,
                 start_ms + STATUS_WRITE_MS + STATUS_EXPORT_MS);
    buf_clear(&text);
    assert_int_equal(file_read(path, &text, &why), ERR_OK);
    assert_non_null(
        strstr(buf_str(&text), "\nevents{process=\"engine-x\"} 4\n"));
    buf_fini(&text);
    free(path);
    end(&f);
}

struct write_case {
    const char *name;
    bool ready;
    const char *why_not;
    int64_t after_ms; /* the first write, {false, "a"} */
    bool written;
};

static const struct write_case writes[] = {
    {"at once again", false, "a", 0, false},
    {"not yet a second", false, "a", 999, false},
    {"a second", false, "a", 1000, true},
    {"now ready", true, NULL, 1, true},
    {"another reason", false, "b", 1, true},
    {"the clock put back", false, "a", -1, true},
};

static void check_write(void **state)
{
    const struct write_case *row = *state;
    struct fixture f;
    struct status status;

    begin(&f);
    write_status(&f, false, "a", start_ms);
    f.events.value = 1;
    write_status(&f, row->ready, row->why_not, start_ms + row->after_ms);
    read_status(&f, start_ms, &status);
    assert_int_equal(doc_i64(status.metrics, "events", -1), row->written);
    if (row->written) {
        assert_int_equal(status.ready, row->ready);
    }
    status_fini(&status);
    end(&f);
}

struct age_case {
    const char *name;
    int64_t after_ms;
    enum status_life want;
};

static const struct age_case ages[] = {
    {"fresh", 0, STATUS_LIVE},
    {"ten seconds", 10000, STATUS_LIVE},
    {"more", 10001, STATUS_STALE},
    {"a little ahead", -10000, STATUS_LIVE},
    {"from the future", -10001, STATUS_STALE},
};

static void check_age(void **state)
{
    const struct age_case *row = *state;
    struct fixture f;
    struct status status;

    begin(&f);
    write_status(&f, true, NULL, start_ms);
    read_status(&f, start_ms + row->after_ms, &status);
    assert_int_equal(status.life, row->want);
    status_fini(&status);
    end(&f);
}

static void knows_the_dead(void **state)
{
    struct fixture f;
    struct status status;
    pid_t child;

    (void)state;
    begin(&f);
    child = fork();
    if (child == 0) {
        enum err err = status_file_write(f.file, true, NULL, start_ms, NULL);

        _exit(err == ERR_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    read_status(&f, start_ms, &status);
    assert_int_equal(status.pid, child);
    assert_int_equal(status.life, STATUS_DEAD);
    assert_true(status.ready);
    status_fini(&status);
    end(&f);
}

static void is_gone_after_a_clean_stop(void **state)
{
    struct fixture f;
    struct status status;
    struct errbuf why = {0};

    (void)state;
    begin(&f);
    write_status(&f, true, NULL, start_ms);
    status_file_close(f.file);
    assert_int_equal(status_file_read(f.path, start_ms, &status, &why),
                     ERR_NOT_FOUND);
    f.file = NULL;
    end(&f);
}

static void goes_on_when_it_cannot_write(void **state)
{
    struct errbuf why = {0};
    struct status_file *file =
        status_file_open("/nonexistent", "x", NULL, start_ms);

    (void)state;
    assert_int_equal(status_file_write(file, true, NULL, start_ms, &why),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "/nonexistent/x.status: "));
    assert_int_equal(status_file_write(file, true, NULL, start_ms, &why),
                     ERR_OK);
    assert_int_equal(status_file_write(file, true, NULL, start_ms + 1000, &why),
                     ERR_UNAVAILABLE);
    status_file_close(file);
}

static void tells_of_a_reload(void **state)
{
    struct status status;
    struct fixture f;

    (void)state;
    begin(&f);
    write_status(&f, true, NULL, start_ms);
    read_status(&f, start_ms, &status);
    assert_int_equal(status.reloads, 0);
    status_fini(&status);
    status_file_reloaded(f.file, "x", "", "no");
    status_file_reloaded(f.file, "a.b, a.c", "d.e", "");
    write_status(&f, true, NULL, start_ms);
    read_status(&f, start_ms, &status);
    assert_int_equal(status.reloads, 2);
    assert_string_equal(doc_str(status.reload, "taken", ""), "a.b, a.c");
    assert_string_equal(doc_str(status.reload, "kept", ""), "d.e");
    assert_string_equal(doc_str(status.reload, "refused", "?"), "");
    status_fini(&status);
    end(&f);
}

static void cuts_a_long_reason(void **state)
{
    static char reason[2 * STATUS_WHY_MAX];
    struct fixture f;
    struct status status;

    (void)state;
    for (size_t i = 0; i + 3 < sizeof reason; i += 3) {
        memcpy(reason + i, "\xE2\x82\xAC", 3);
    }
    begin(&f);
    write_status(&f, false, reason, start_ms);
    read_status(&f, start_ms, &status);
    assert_int_equal(strlen(status.why_not), STATUS_WHY_MAX - 1);
    assert_int_equal(strncmp(status.why_not, reason, STATUS_WHY_MAX - 1), 0);
    status_fini(&status);
    end(&f);
}

struct bad_case {
    const char *name;
    const char *text;
};

static const struct bad_case bad[] = {
    {"empty", ""},
    {"half", "{\"name\":\"x\",\"pi"},
    {"no object", "[]"},
    {"no fields", "{}"},
    {"no pid", "{\"name\":\"x\",\"updated_at\":1}"},
    {"every process", "{\"name\":\"x\",\"updated_at\":1,\"pid\":-1}"},
    {"pid too large", "{\"name\":\"x\",\"updated_at\":1,\"pid\":99999999999}"},
    {"no time", "{\"name\":\"x\",\"pid\":1}"},
};

static void check_bad(void **state)
{
    const struct bad_case *row = *state;
    struct fixture f;
    struct errbuf why = {0};
    struct status status;

    begin(&f);
    assert_int_equal(
        file_replace(f.path, row->text, strlen(row->text), 0600, NULL), ERR_OK);
    assert_int_equal(status_file_read(f.path, start_ms, &status, &why),
                     ERR_INVALID);
    assert_int_equal(strncmp(why.text, f.path, strlen(f.path)), 0);
    end(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(tells_all),
        ROW_SINGLE(exports_text),
        ROWS(writes, check_write),
        ROWS(ages, check_age),
        ROW_SINGLE(knows_the_dead),
        ROW_SINGLE(is_gone_after_a_clean_stop),
        ROW_SINGLE(goes_on_when_it_cannot_write),
        ROW_SINGLE(tells_of_a_reload),
        ROW_SINGLE(cuts_a_long_reason),
        ROWS(bad, check_bad),
    };

    return rows_run("metrics/status_file", tables, N_ROWS(tables));
}
