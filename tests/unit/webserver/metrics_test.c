/* SPDX-License-Identifier: Apache-2.0 */
/** /metrics: texts of several processes as one, and what promtool says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/metrics/status_file.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"
#include "webserver/exposition.h"

enum {
    TEXTS_MAX = 3,
    MODE = 0644
};

struct merge_case {
    const char *name;
    const char *texts[TEXTS_MAX];
    const char *expected;
};

static const struct merge_case merges[] = {
    {"nothing", {""}, ""},
    {"one",
     {"# HELP a A.\n# TYPE a gauge\na{p=\"x\"} 1\n"},
     "# HELP a A.\n# TYPE a gauge\na{p=\"x\"} 1\n"},
    {"lines of a metric together",
     {"# HELP a A.\n# TYPE a gauge\na{p=\"x\"} 1\n"
      "# HELP b B.\n# TYPE b counter\nb{p=\"x\"} 2\n",
      "# HELP b B.\n# TYPE b counter\nb{p=\"y\"} 3\n"
      "# HELP a A.\n# TYPE a gauge\na{p=\"y\"} 4\n"},
     "# HELP a A.\n# TYPE a gauge\na{p=\"x\"} 1\na{p=\"y\"} 4\n"
     "# HELP b B.\n# TYPE b counter\nb{p=\"x\"} 2\nb{p=\"y\"} 3\n"},
    {"the first says what it is",
     {"# HELP a A.\n# TYPE a gauge\na 1\n",
      "# HELP a Other.\n# TYPE a counter\n"},
     "# HELP a A.\n# TYPE a gauge\na 1\n"},
    {"histograms",
     {"# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n"
      "h_sum 1\nh_count 1\n"},
     "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\n"
     "h_count 1\n"},
    {"told twice",
     {"# HELP a A.\n# HELP a B.\n# TYPE a gauge\n# TYPE a gauge\n"},
     "# HELP a A.\n# TYPE a gauge\n"},
    {"what was not announced",
     {"x 1\n# HELP a A.\nb 1\na 1\n# a\n\n"},
     "# HELP a A.\na 1\n"},
    {"cut off",
     {"# HELP a A.\n# TYPE a gauge\na 1", "# HEL"},
     "# HELP a A.\n# TYPE a gauge\na 1\n"},
    {"no name", {"# HELP \n 1\n# TYPE\n"}, ""},
};

static void check_merge(void **state)
{
    const struct merge_case *row = *state;
    struct exposition *all = exposition_new();
    struct buf out;

    buf_init(&out, METRIC_TEXT_MAX);
    for (size_t i = 0; i < TEXTS_MAX && row->texts[i] != NULL; i++) {
        exposition_add(all, row->texts[i], strlen(row->texts[i]));
    }
    exposition_write(all, &out);
    assert_string_equal(buf_str(&out), row->expected);
    buf_fini(&out);
    exposition_free(all);
}

static void bounds_what_it_takes(void **state)
{
    struct exposition *all = exposition_new();
    struct buf text, out;

    (void)state;
    buf_init(&text, METRIC_TEXT_MAX);
    buf_init(&out, 2 * (size_t)EXPOSITION_BYTES_MAX);
    for (int i = 0; i < EXPOSITION_FAMILIES_MAX + 10; i++) {
        buf_addf(&text, "# HELP m%d x\n# TYPE m%d gauge\nm%d 1\n", i, i, i);
    }
    exposition_add(all, text.data, text.len);
    exposition_write(all, &out);
    assert_non_null(strstr(buf_str(&out), "\nm1023 1\n"));
    assert_null(strstr(buf_str(&out), "m1024"));
    for (size_t i = 0; i < EXPOSITION_BYTES_MAX / text.len + 2; i++) {
        exposition_add(all, text.data, text.len);
    }
    buf_clear(&out);
    exposition_write(all, &out);
    assert_true(out.len <= EXPOSITION_BYTES_MAX);
    buf_fini(&text);
    buf_fini(&out);
    exposition_free(all);
}

static struct status_file *tell(struct web_fixture *f, const char *name,
                                const struct metrics *set)
{
    struct status_file *file =
        status_file_open(f->folder, name, set, clock_now_ms());
    struct errbuf why = {0};

    status_file_export(file);
    assert_int_equal(status_file_write(file, true, NULL, clock_now_ms(), &why),
                     ERR_OK);
    return file;
}

static void assert_has(struct web_fixture *f, const char *line)
{
    if (strstr(buf_str(&f->body), line) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", line, buf_str(&f->body));
    }
}

/* Debian's promtool reads it from its standard input; without one, what it
 * would look at is looked at by the tables alone. */
static void check_by_promtool(const char *text, size_t len)
{
    char path[] = "/tmp/hyp-promtool-XXXXXX";
    int fd = mkstemp(path), status = -1;
    pid_t pid;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(fd, STDIN_FILENO);
        (void)execlp("promtool", "promtool", "check", "metrics", NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(fd);
    (void)unlink(path);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 127) {
        print_message("promtool (package prometheus) is not installed\n");
        return;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct told {
    struct metric_counter events;
    struct metric_gauge lag;
    struct metrics *set;
};

static void told_init(struct told *told)
{
    static const struct metric_info events = {
        .name = "hypervise_engine_events_total", .help = "Events"};
    static const struct metric_info lag = {
        .name = "hypervise_engine_lag_seconds", .help = "Lag"};

    *told = (struct told){.set = metrics_new()};
    metrics_add_counter(told->set, &events, &told->events);
    metrics_add_gauge(told->set, &lag, &told->lag);
}

static void shows_the_whole_suite(void **state)
{
    static const char *const set[] = {"expect=engine-alarm,engine-\"x\\y",
                                      NULL};
    struct web_fixture f;
    struct status_file *files[2];
    struct told a, b;

    (void)state;
    web_start(&f, set);
    told_init(&a);
    told_init(&b);
    a.events.value = 7;
    b.lag.value = 0.5;
    files[0] = tell(&f, "engine-alarm", a.set);
    files[1] = tell(&f, "connector-b", b.set);
    web_call(&f, "/metrics", NULL);
    assert_int_equal(f.status, 200);
    assert_non_null(
        strstr(buf_str(&f.head), "Content-Type: text/plain; version=0.0.4"));
    assert_has(&f, "\nhypervise_up{process=\"engine-alarm\"} 1\n");
    assert_has(&f, "\nhypervise_up{process=\"engine-\\\"x\\\\y\"} 0\n");
    assert_has(&f, "\nhypervise_store_up 1\n");
    assert_has(&f, "\nhypervise_broker_up 1\n");
    assert_has(&f, "\nhypervise_process_ready{process=\"connector-b\"} 1\n");
    assert_has(&f,
               "\nhypervise_engine_events_total{process=\"engine-alarm\"} 7\n");
    assert_has(&f,
               "\nhypervise_engine_lag_seconds{process=\"connector-b\"} 0.5\n");
    check_by_promtool(buf_str(&f.body), f.body.len);
    status_file_close(files[0]);
    status_file_close(files[1]);
    metrics_free(a.set);
    metrics_free(b.set);
    web_stop(&f);
}

/* A pid that surely is no process any more. */
static pid_t ended_pid(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

/* What a crashed process told last is not shown as if it were so. */
static void leaves_out_the_dead(void **state)
{
    struct web_fixture f;
    struct errbuf why = {0};
    char *status, *metrics, *text;

    (void)state;
    web_start(&f, NULL);
    status = xasprintf("%s/engine-gone.status", f.folder);
    metrics = xasprintf("%s/engine-gone.prom", f.folder);
    text = xasprintf("{\"name\":\"engine-gone\",\"pid\":%d,\"ready\":true,"
                     "\"updated_at\":%.3f,\"metrics\":{}}",
                     (int)ended_pid(), (double)clock_now_ms() / 1e3);
    assert_int_equal(file_replace(status, text, strlen(text), MODE, &why),
                     ERR_OK);
    free(text);
    text = xstrdup("# HELP gone Gone.\n# TYPE gone gauge\ngone 1\n");
    assert_int_equal(file_replace(metrics, text, strlen(text), MODE, &why),
                     ERR_OK);
    web_call(&f, "/metrics", NULL);
    assert_has(&f, "\nhypervise_up{process=\"engine-gone\"} 0\n");
    assert_null(strstr(buf_str(&f.body), "gone 1"));
    (void)unlink(status);
    (void)unlink(metrics);
    free(status);
    free(metrics);
    free(text);
    web_stop(&f);
}

static void wants_the_key_or_not(void **state)
{
    static const char *const open[] = {"metrics_key=no", NULL};
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    web_method(&f, "GET", "/metrics", "", NULL);
    assert_int_equal(f.status, 401);
    web_stop(&f);
    web_start(&f, open);
    web_method(&f, "GET", "/metrics", "", NULL);
    assert_int_equal(f.status, 200);
    web_method(&f, "GET", "/api/v1/health", "", NULL);
    assert_int_equal(f.status, 401);
    web_stop(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(merges, check_merge),         ROW_SINGLE(bounds_what_it_takes),
        ROW_SINGLE(shows_the_whole_suite), ROW_SINGLE(leaves_out_the_dead),
        ROW_SINGLE(wants_the_key_or_not),
    };

    return rows_run("web metrics", tables, N_ROWS(tables));
}
