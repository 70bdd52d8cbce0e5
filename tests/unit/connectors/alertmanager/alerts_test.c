/* SPDX-License-Identifier: Apache-2.0 */
/** Alerts of Prometheus and Alertmanager as checks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "connectors/alertmanager/alerts.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

#define NOW_MS INT64_C(1700000000000) /* 2023-11-14T22:13:20Z */

enum {
    SHOWN = 4096
};

static const char *const components[] = {"host", "instance"};
static const char *const ignored[] = {"job", "instance"};
static const struct alerts_severity severities[] = {{"critical", 3},
                                                    {"warning", 1}};
static const struct alerts_conf conf = {
    .component_labels = components,
    .n_component_labels = 2,
    .ignored_labels = ignored,
    .n_ignored_labels = 2,
    .severity_label = "severity",
    .severities = severities,
    .n_severities = 2,
    .default_state = 2,
    .default_component = "prometheus",
    .webhook_ttl_ms = 60000,
};

/* want: "component|resource|state|ttl_ms|output|long_output" a line, "!field"
 * for a refused one; or "error: field" of the body */
static const struct alerts_case {
    const char *name;
    const char *in;
    const char *want;
} cases[] = {
    {"firing",
     "[{\"labels\":{\"alertname\":\"Down\",\"instance\":\"web1:9100\","
     "\"severity\":\"critical\",\"job\":\"node\"},\"annotations\":{"
     "\"summary\":\"gone\",\"description\":\"a\\nb\"},"
     "\"endsAt\":\"2023-11-14T22:17:20.5Z\"}]",
     "web1|Down{severity=critical}|3|240500|gone|a\nb\n"},
    {"resolved",
     "[{\"labels\":{\"alertname\":\"Down\",\"host\":\"web1\"},"
     "\"endsAt\":\"2023-11-14T23:13:20+01:00\"}]",
     "web1|Down|0|0|Down|\n"},
    {"no end",
     "[{\"labels\":{\"alertname\":\"Down\"},"
     "\"endsAt\":\"0001-01-01T00:00:00Z\"}]",
     "prometheus|Down|2|0|Down|\n"},
    {"severity of another case",
     "[{\"labels\":{\"alertname\":\"A\",\"severity\":\"Warning\"}}]",
     "prometheus|A{severity=Warning}|1|0|A{severity=Warning}|\n"},
    {"labels in order",
     "[{\"labels\":{\"z\":\"1\",\"alertname\":\"A\",\"b\":\"2\"}}]",
     "prometheus|A{b=2,z=1}|2|0|A{b=2,z=1}|\n"},
    {"no name", "[{\"labels\":{\"host\":\"h\",\"x\":\"1\"}}]",
     "h|{x=1}|2|0|{x=1}|\n"},
    {"no label but the host", "[{\"labels\":{\"host\":\"h\"}}]", "h||2|0|h|\n"},
    {"a port and no host",
     "[{\"labels\":{\"alertname\":\"A\",\"host\":\":9100\"}}]",
     "prometheus|A{host=:9100}|2|0|A{host=:9100}|\n"},
    {"the next label",
     "[{\"labels\":{\"alertname\":\"A\",\"host\":\":1\","
     "\"instance\":\"i:1\"}}]",
     "i|A{host=:1}|2|0|A{host=:1}|\n"},
    {"IPv6 and its port",
     "[{\"labels\":{\"alertname\":\"A\",\"instance\":\"[2001:db8::1]:9100\"}}]",
     "2001:db8::1|A|2|0|A|\n"},
    {"IPv6 alone",
     "[{\"labels\":{\"alertname\":\"A\",\"instance\":\"2001:db8::1\"}}]",
     "2001:db8::1|A|2|0|A|\n"},
    {"not a port",
     "[{\"labels\":{\"alertname\":\"A\",\"instance\":\"urn:x\"}}]",
     "urn:x|A|2|0|A|\n"},
    {"description only",
     "[{\"labels\":{\"alertname\":\"A\"},"
     "\"annotations\":{\"description\":\"one\\ntwo\"}}]",
     "prometheus|A|2|0|one|one\ntwo\n"},
    {"webhook",
     "{\"version\":\"4\",\"status\":\"firing\",\"alerts\":["
     "{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\"},"
     "\"endsAt\":\"0001-01-01T00:00:00Z\"},"
     "{\"status\":\"resolved\",\"labels\":{\"alertname\":\"B\"},"
     "\"endsAt\":\"2023-11-14T22:13:19Z\"}]}",
     "prometheus|A|2|60000|A|\nprometheus|B|0|0|B|\n"},
    {"others of the body are taken",
     "[{\"labels\":{}},{\"labels\":{\"alertname\":\"A\"}},3,"
     "{\"labels\":{\"a\":1}},{\"labels\":{\"a\":\"b\"},\"annotations\":[]},"
     "{\"labels\":{\"a\":\"b\"},\"startsAt\":\"now\"}]",
     "!labels\nprometheus|A|2|0|A|\n!alert\n!labels\n!annotations\n!"
     "startsAt\n"},
    {"nothing", "[]", ""},
    {"no array", "{\"alerts\":{}}", "error: body"},
    {"no JSON", "alert!", "error: "},
    {"too deep", "[[[[[[[[[[[[]]]]]]]]]]]]", "error: "},
};

static enum err on_event(void *ctx, const struct event *event)
{
    buf_addf(ctx, "%s|%s|%d|%" PRId64 "|%s|%s\n", event->component,
             event->resource, event->state, event->ttl_ms, event->output,
             event->long_output);
    return ERR_OK;
}

static void on_refused(void *ctx, const struct errbuf *why)
{
    assert_string_not_equal(why->text, "");
    buf_addf(ctx, "!%s\n", why->field);
}

static void check_alerts(void **state)
{
    const struct alerts_case *row = *state;
    struct errbuf why = {0};
    struct buf got;
    const struct alerts_sink sink = {&got, on_event, on_refused};
    size_t refused;

    buf_init(&got, SHOWN);
    if (alerts_read(&conf, row->in, strlen(row->in), NOW_MS, &sink, &refused,
                    &why) != ERR_OK) {
        assert_string_not_equal(why.text, "");
        buf_addf(&got, "error: %s", why.field);
    }
    assert_string_equal(buf_str(&got), row->want);
    buf_fini(&got);
}

static const struct time_case {
    const char *name;
    const char *in;
    int64_t want; /* -1: refused */
} times[] = {
    {"UTC", "2023-11-14T22:13:20Z", NOW_MS},
    {"nanoseconds", "2023-11-14T22:13:20.123456789Z", NOW_MS + 123},
    {"east", "2023-11-15T03:43:20+05:30", NOW_MS},
    {"west", "2023-11-14T17:13:20-05:00", NOW_MS},
    {"before 1970", "0001-01-01T00:00:00Z", 0},
    {"leap day", "2024-02-29T00:00:00Z", INT64_C(1709164800000)},
    {"no zone", "2023-11-14T22:13:20", -1},
    {"no time", "2023-11-14", -1},
    {"month", "2023-13-14T22:13:20Z", -1},
    {"more behind it", "2023-11-14T22:13:20Zx", -1},
    {"dot without digits", "2023-11-14T22:13:20.Z", -1},
    {"sign", "+023-11-14T22:13:20Z", -1},
    {"empty", "", -1},
};

static void check_time(void **state)
{
    const struct time_case *row = *state;
    int64_t ms = -1;
    enum err err = alerts_time(row->in, &ms);

    assert_int_equal(ms, row->want);
    assert_int_equal(err, row->want < 0 ? ERR_INVALID : ERR_OK);
}

static enum err keep_names(void *ctx, const struct event *event)
{
    assert_true(strlen(event->resource) <= EVENT_RESOURCE_MAX);
    assert_true(strlen(event->component) <= EVENT_COMPONENT_MAX);
    assert_true(utf8_valid(event->resource, strlen(event->resource)));
    buf_addf(ctx, "%s\n", event->resource);
    return ERR_OK;
}

/* Names too long are cut, and stay apart. */
static void test_long_names(void **state)
{
    struct buf body, got;
    const struct alerts_sink sink = {&got, keep_names, on_refused};
    struct errbuf why;
    size_t refused;
    const char *half;

    (void)state;
    buf_init(&body, 65536);
    buf_init(&got, 65536);
    for (int i = 0; i < 2; i++) {
        buf_add_str(&body, i == 0 ? "[{" : "},{");
        buf_add_str(&body, "\"labels\":{\"alertname\":\"A\",\"host\":\"");
        for (int k = 0; k < 300; k++) {
            buf_add_str(&body, "\xC3\xA4");
        }
        buf_add_str(&body, "\",\"x\":\"");
        for (int k = 0; k < 600; k++) {
            buf_add_str(&body, "\xC3\xB6");
        }
        buf_addf(&body, "%d\"}", i);
    }
    buf_add_str(&body, "}]");
    assert_int_equal(alerts_read(&conf, buf_str(&body), body.len, NOW_MS, &sink,
                                 &refused, &why),
                     ERR_OK);
    half = strchr(buf_str(&got), '\n') + 1;
    assert_string_not_equal(half, "");
    assert_int_equal(strlen(half) * 2, got.len);
    assert_int_not_equal(strncmp(buf_str(&got), half, strlen(half)), 0);
    buf_fini(&body);
    buf_fini(&got);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(cases, check_alerts),
        ROWS(times, check_time),
        ROW_SINGLE(test_long_names),
    };

    return rows_run("alerts", tables, N_ROWS(tables));
}
