/* SPDX-License-Identifier: Apache-2.0 */
/** hyp doctor: is all well, and if not, what to do about it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "common/base/clock.h"

enum {
    PATH_BYTES = 16 * 1024,
    LAG_MOST_S = 10,
    TEXT_MAX = 96,
    PERCENT = 100,
    ENTITIES_PAGE = 500,
    OWN_ALARMS_PAGE = 100,
    DISK_LEAST_PERCENT = 10,
    FRESH_MS = 3 * 60 * 1000,
    MIB = 1024 * 1024
};

struct doctor {
    struct hyp *hyp;
    struct table *table; /* with -o; NULL: lines for a reader */
    struct doc_out *item;
    size_t wrong;
};

static const struct column columns[] = {
    {"WELL", "well", COLUMN_BOOL, false},
    {"WHAT", "name", COLUMN_TEXT, false},
    {"FOUND", "found", COLUMN_TEXT, false},
    {"DO", "advice", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static void add_item(struct doctor *doctor, bool good,
                     const char *const told[3])
{
    doc_out_reset(doctor->item);
    doc_add_str(doctor->item, "id", told[0]);
    doc_add_str(doctor->item, "name", told[0]);
    doc_add_bool(doctor->item, "well", good);
    doc_add_str(doctor->item, "found", told[1]);
    doc_add_str(doctor->item, "advice", good ? "" : told[2]);
    table_add(doctor->table, doc_out_done(doctor->item));
}

/* One line: what was looked at, and for what is wrong also what to do. */
static void tell(struct doctor *doctor, bool good, const char *what,
                 const char *found, const char *advice)
{
    const struct hyp *hyp = doctor->hyp;
    const char *const told[] = {what, found, advice};
    struct buf line;

    doctor->wrong += good ? 0 : 1;
    if (doctor->table != NULL) {
        add_item(doctor, good, told);
        return;
    }
    buf_init(&line, PATH_BYTES);
    buf_addf(&line, "%s%s%s  %s: ", table_color(hyp, good ? 0 : 3),
             good ? "ok   " : "WRONG", table_color_end(hyp), what);
    table_add_clean(&line, found);
    (void)printf("%s\n", buf_str(&line));
    buf_fini(&line);
    if (!good) {
        (void)printf("       -> %s\n", advice);
    }
}

static void look_at_key(struct doctor *doctor)
{
    const struct api *api = &doctor->hyp->api;

    tell(doctor, api->key != NULL, "API key", api->key_file,
         "run hyp as the user who owns the installation, or give --key-file");
}

static void look_at_part(struct doctor *doctor, struct doc health,
                         const char *part, const char *what, const char *advice)
{
    struct doc found = doc_sub(health, part);
    bool ready = doc_bool(found, "ready", false);

    tell(doctor, ready, what,
         ready ? "answers" : doc_str(found, "why_not", "away"), advice);
}

static void look_at_engine(struct doctor *doctor, struct doc engine)
{
    const char *name = doc_str(engine, "name", "?");
    bool ready = doc_bool(engine, "ready", false);
    double lag = doc_f64(engine, "lag", NAN);
    char text[512], advice[256];

    (void)snprintf(advice, sizeof advice,
                   "service %s status; service %s log; service %s restart",
                   name, name, name);
    tell(doctor, ready, name,
         ready ? "ready" : doc_str(engine, "why_not", "not ready"), advice);
    if (!ready || isnan(lag)) {
        return;
    }
    (void)snprintf(text, sizeof text, "%.1f s behind", lag);
    if (lag > LAG_MOST_S) {
        tell(doctor, false, name, text,
             "more arrives than it can take, it waits for the store, or an "
             "engine before it stands still: look at 'hyp top' and at the "
             "disk");
    }
}

static void look_at_engines(struct doctor *doctor, struct doc health)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc_sub(health, "engines"));
    while (doc_next(&it, &key, &value)) {
        look_at_engine(doctor, value.u.doc);
    }
}

static void look_at_dead(struct doctor *doctor, struct doc health)
{
    int64_t n = doc_i64(health, "dead", -1);
    char text[64];

    if (n < 0) {
        return; /* without a store that is told already */
    }
    (void)snprintf(text, sizeof text, "%" PRId64, n);
    tell(doctor, n == 0, "dead letters", n == 0 ? "none" : text,
         "messages were refused: 'hyp dead list' says why; mend their source");
}

static void look_at_disk(struct doctor *doctor, struct doc health)
{
    struct doc disk = doc_sub(health, "disk");
    double bytes = doc_f64(disk, "bytes", 0);
    double free_bytes = doc_f64(disk, "free_bytes", 0);
    char text[TEXT_MAX];

    if (bytes <= 0) {
        return;
    }
    (void)snprintf(text, sizeof text, "%.0f MiB free of %.0f", free_bytes / MIB,
                   bytes / MIB);
    tell(doctor, free_bytes * PERCENT >= bytes * DISK_LEAST_PERCENT, "disk",
         text, "make room: at the end the broker takes no events any more");
}

static const char *or_else(const char *text, const char *other)
{
    return text[0] != '\0' ? text : other;
}

/* What the suite has told of itself, by its own alarms. */
static bool on_alarm(void *ctx, struct doc alarm)
{
    struct doctor *doctor = ctx;
    char what[TEXT_MAX];

    if (doc_i64(alarm, "state", 0) > 0) {
        (void)snprintf(what, sizeof what, "alarm on %.80s",
                       or_else(doc_str(alarm, "resource", ""),
                               doc_str(alarm, "connector_name", "?")));
        tell(doctor, false, what, doc_str(alarm, "output", ""),
             "what it means: docs/self-watch.md; 'hyp alarm list' has since "
             "when");
    }
    return true;
}

static void look_at_own_alarms(struct doctor *doctor)
{
    struct buf path;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, "/api/v1/alarms");
    api_add_param(&path, "filter",
                  "{\"$or\":[{\"component\":\"hypervise\"},"
                  "{\"source_type\":\"connector\"}]}");
    if (listing_each(doctor->hyp, buf_str(&path), OWN_ALARMS_PAGE, on_alarm,
                     doctor, NULL) != HYP_DONE) {
        doctor->wrong++;
    }
    buf_fini(&path);
}

struct freshest {
    double at;
};

static bool on_entity(void *ctx, struct doc item)
{
    struct freshest *freshest = ctx;

    freshest->at = fmax(freshest->at, doc_f64(item, "last_event_at", 0));
    return true;
}

/* The host's own metrics show that the whole way is open. */
static void look_at_collectd(struct doctor *doctor)
{
    struct freshest freshest = {0};
    int64_t age_ms;
    struct buf path, text;

    buf_init(&path, PATH_BYTES);
    buf_init(&text, PATH_BYTES);
    buf_add_str(&path, "/api/v1/entities");
    api_add_param(&path, "filter", "{\"connector\":\"collectd\"}");
    if (listing_each(doctor->hyp, buf_str(&path), ENTITIES_PAGE, on_entity,
                     &freshest, NULL) != HYP_DONE) {
        doctor->wrong++;
    } else {
        age_ms = clock_now_ms() - clock_s_to_ms(freshest.at);
        if (freshest.at > 0) {
            buf_add_str(&text, "the last came ");
            table_add_age(&text, age_ms);
            buf_add_str(&text, " ago");
        } else {
            buf_add_str(&text, "none came yet");
        }
        tell(doctor, freshest.at > 0 && age_ms < FRESH_MS, "collectd metrics",
             buf_str(&text),
             "service collectd status; service engine-collectdgw log");
    }
    buf_fini(&path);
    buf_fini(&text);
}

static int examine(struct doctor *doctor)
{
    struct api_answer answer;
    int code = call_get(doctor->hyp, "/api/v1/health", &answer);

    if (code != HYP_DONE) {
        tell(doctor, false, "API", doctor->hyp->api.url,
             "hypcontrol status shows what runs; service webserver log, why "
             "not");
        return code;
    }
    tell(doctor, true, "API", doctor->hyp->api.url, "");
    look_at_part(doctor, answer.doc, "store", "store",
                 "is its disk full, or MongoDB away? service webserver log");
    look_at_part(doctor, answer.doc, "bus", "message broker",
                 "service rabbitmq status; service rabbitmq log");
    look_at_engines(doctor, answer.doc);
    look_at_dead(doctor, answer.doc);
    look_at_disk(doctor, answer.doc);
    api_answer_fini(&answer);
    look_at_own_alarms(doctor);
    look_at_collectd(doctor);
    return HYP_DONE;
}

int cmd_doctor(struct hyp *hyp)
{
    struct doctor doctor = {.hyp = hyp};
    bool items = hyp_option(hyp, "output") != NULL;
    int code;

    if (items) {
        doctor.table = table_new(hyp, columns);
        doctor.item = doc_out_new();
    }
    look_at_key(&doctor);
    code = examine(&doctor);
    if (items) {
        table_finish(doctor.table);
        table_free(doctor.table);
        doc_out_free(doctor.item);
    } else if (doctor.wrong == 0) {
        (void)printf("All is well.\n");
    } else {
        (void)printf("%zu thing%s to look at.\n", doctor.wrong,
                     doctor.wrong == 1 ? "" : "s");
    }
    return code != HYP_DONE ? code : doctor.wrong == 0 ? HYP_DONE : HYP_REFUSED;
}
