/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "event-filter": people's rules on the events that pass. */
#include "engines/event-filter/event_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/rules/rules.h"
#include "common/rules/tables.h"
#include "common/store/objects.h"
#include "engines/event-filter/counts.h"

enum {
    GONE_MAX = 256 /* more partitions there never were */
};

struct event_filter {
    int64_t default_action; /* of default_actions */
    struct rules *rules;
    struct tables *tables;  /* that rules look values up in */
    struct count **of_rule; /* by number in rules */
    struct counts counts;
    /* what process found, for the enrich that follows it */
    bool ran;
    struct rules_event run;
};

static const char *const default_actions[] = {"pass", "drop", NULL};

static const struct conf_option event_filter_options[] = {
    {.section = "event-filter",
     .key = "default_action",
     .live = true,
     .type = CONF_CHOICE,
     .offset = offsetof(struct event_filter, default_action),
     .fallback = "pass",
     .choices = default_actions,
     .help = "what becomes of an event that no rule passes or drops"},
    {0}};

static void drop_rules(struct event_filter *filter)
{
    rules_free(filter->rules);
    free(filter->of_rule);
    filter->rules = NULL;
    filter->of_rule = NULL;
}

static void event_filter_fini(void *state)
{
    struct event_filter *filter = state;

    drop_rules(filter);
    tables_free(filter->tables);
    counts_fini(&filter->counts);
}

/* Other partitions count for themselves. */
struct own_counts {
    struct counts *counts;
    int64_t partition;
    int64_t of;
};

/* Rows come in the order of their partitions: the own one before those that
 * are gone, of which this one takes its share. */
static bool read_count(void *ctx, const struct store_key *key, struct doc row)
{
    const struct own_counts *own = ctx;

    if (key->a == own->partition) {
        counts_read(own->counts, row);
    } else if (key->a >= own->of && key->a % own->of == own->partition) {
        counts_adopt(own->counts, row);
    }
    return true;
}

static enum err event_filter_load(void *state, struct engine_io *io)
{
    struct event_filter *filter = state;
    const struct store_query query = {.collection = STORE_RULE_COUNTS,
                                      .limit = INT64_MAX};
    struct own_counts own = {.counts = &filter->counts};

    own.partition = engine_partition(io, &own.of);
    counts_fini(&filter->counts);
    return store_scan(engine_store(io), &query, read_count, &own, NULL, NULL);
}

/* A set in the making. */
struct loading {
    struct event_filter *filter;
    struct rules *rules;
    struct tables *tables; /* that rules look values up in */
    int64_t bad;
};

static void load_one(void *ctx, struct doc row)
{
    struct loading *loading = ctx;
    const char *name = doc_str(row, "name", "");
    struct errbuf why = {0};

    counts_see(&loading->filter->counts, name);
    if (rules_add(loading->rules, row, &why) != ERR_OK) {
        loading->bad++;
        log_error("FILTER-BAD-RULE", "rule %s is passed over: %s", name,
                  why.text);
    }
}

static enum err reload_rules(struct event_filter *filter, struct engine_io *io,
                             const char *kind, int64_t revision)
{
    struct loading loading = {.filter = filter, .rules = rules_new()};
    enum err err;

    counts_begin_round(&filter->counts);
    err = objects_each_at(engine_store(io), kind, revision, load_one, &loading);
    if (err != ERR_OK) {
        rules_free(loading.rules);
        return err;
    }
    counts_end_round(&filter->counts);
    drop_rules(filter);
    rules_seal(loading.rules);
    rules_set_tables(loading.rules, filter->tables);
    filter->rules = loading.rules;
    filter->of_rule =
        xcalloc(rules_count(filter->rules) + 1, sizeof(struct count *));
    for (size_t i = 0; i < rules_count(filter->rules); i++) {
        filter->of_rule[i] =
            counts_take(&filter->counts, rules_name(filter->rules, i));
    }
    engine_gauge(io, "rules", (int64_t)rules_count(filter->rules));
    engine_gauge(io, "bad_rules", loading.bad);
    return ERR_OK;
}

struct loading_tables {
    struct tables *tables;
    int64_t bad;
};

static void load_table(void *ctx, struct doc row)
{
    struct loading_tables *loading = ctx;
    struct errbuf why = {0};

    if (tables_add(loading->tables, row, &why) != ERR_OK) {
        loading->bad++;
        log_error("FILTER-BAD-TABLE", "table %s is passed over: %s",
                  doc_str(row, "name", ""), why.text);
    }
}

static enum err reload_tables(struct event_filter *filter, struct engine_io *io,
                              const char *kind, int64_t revision)
{
    struct loading_tables loading = {.tables = tables_new()};
    enum err err =
        objects_each_at(engine_store(io), kind, revision, load_table, &loading);

    if (err != ERR_OK) {
        tables_free(loading.tables);
        return err;
    }
    if (filter->rules != NULL) {
        rules_set_tables(filter->rules, loading.tables);
    }
    tables_free(filter->tables);
    filter->tables = loading.tables;
    engine_gauge(io, "tables", (int64_t)tables_count(filter->tables));
    engine_gauge(io, "bad_tables", loading.bad);
    return ERR_OK;
}

static enum err event_filter_reload(void *state, struct engine_io *io,
                                    const char *kind, int64_t revision)
{
    return strcmp(kind, table_kind.name) == 0
               ? reload_tables(state, io, kind, revision)
               : reload_rules(state, io, kind, revision);
}

/* Counting. */

struct tally {
    struct event_filter *filter;
    struct engine_io *io;
    const struct event *event;
};

static void note_failure(struct count *count, const struct tally *tally,
                         const struct errbuf *why)
{
    count->failures++;
    count->failed_ms = tally->event->received_ms;
    (void)snprintf(count->failed_event, sizeof count->failed_event, "%s",
                   tally->event->id != NULL ? tally->event->id : "");
    (void)snprintf(count->failed_why, sizeof count->failed_why, "%.255s",
                   why->text);
    engine_count(tally->io, "rule_failures", 1);
}

static void on_tried(void *ctx, size_t rule, enum rule_result result,
                     const struct errbuf *why)
{
    const struct tally *tally = ctx;
    struct count *count = tally->filter->of_rule[rule];

    if (result == RULE_NO_MATCH) {
        return;
    }
    counts_touch(&tally->filter->counts, count);
    count->matches++;
    count->matched_ms = tally->event->received_ms;
    if (result == RULE_DROPPED) {
        count->drops++;
    } else if (result == RULE_FAILED) {
        note_failure(count, tally, why);
    }
}

/* Events. */

static enum rules_verdict run(struct event_filter *filter, struct engine_io *io,
                              const struct event *event,
                              const struct rules_watch *watch,
                              struct errbuf *why)
{
    filter->run = (struct rules_event){.doc = engine_event_doc(io),
                                       .event = *event,
                                       .pass = filter->default_action == 0};
    return rules_run(filter->rules, &filter->run, watch, why);
}

static enum engine_verdict event_filter_process(void *state,
                                                struct engine_io *io,
                                                const struct event *event,
                                                struct errbuf *why)
{
    struct event_filter *filter = state;
    struct tally tally = {filter, io, event};
    const struct rules_watch watch = {&tally, on_tried};
    enum rules_verdict verdict = run(filter, io, event, &watch, why);

    filter->ran = verdict == RULES_PASS;
    switch (verdict) {
    case RULES_PASS:
        return ENGINE_FORWARD;
    case RULES_DROP:
        return ENGINE_DROP;
    case RULES_DEAD:
        break;
    }
    return ENGINE_REJECT;
}

/* A repeat was passed the first time, by the same rules. */
static bool event_filter_enrich(void *state, struct engine_io *io,
                                struct event *event)
{
    struct event_filter *filter = state;
    struct errbuf why;

    if (!filter->ran) {
        (void)run(filter, io, event, NULL, &why);
    }
    filter->ran = false;
    if (filter->run.changed) {
        *event = filter->run.event;
    }
    return filter->run.changed;
}

static bool event_filter_delta(void *state, struct doc_out *out)
{
    struct event_filter *filter = state;

    return counts_delta(&filter->counts, out);
}

static void event_filter_delta_apply(void *state, struct doc delta)
{
    struct event_filter *filter = state;

    counts_apply(&filter->counts, delta);
}

static void write_count(void *ctx, const struct count *count)
{
    struct engine_io *io = ctx;
    int64_t of;
    struct store_key key = {.text = count->name,
                            .a = engine_partition(io, &of)};

    for (struct store_key gone = {.text = count->name, .a = key.a + of};
         count->adopted && gone.a < GONE_MAX; gone.a += of) {
        store_batch_delete(engine_batch(io), STORE_RULE_COUNTS, &gone);
    }
    if (count->gone) {
        store_batch_delete(engine_batch(io), STORE_RULE_COUNTS, &key);
        return;
    }
    doc_out_reset(engine_scratch(io));
    count_add_members(count, engine_scratch(io));
    store_batch_put(engine_batch(io), STORE_RULE_COUNTS, &key,
                    doc_out_done(engine_scratch(io)));
}

static bool event_filter_fold(void *state, struct engine_io *io, size_t most)
{
    struct event_filter *filter = state;

    return counts_fold(&filter->counts, most, write_count, io);
}

static const char *const event_filter_kinds[] = {"eventfilter", "table", NULL};

static const struct engine_metric event_filter_metrics[] = {
    {"rules", "Rules in use", true},
    {"bad_rules", "Rules in the store that are no good and passed over", true},
    {"tables", "Tables in use", true},
    {"bad_tables", "Tables in the store that are no good and passed over",
     true},
    {"rule_failures", "Actions of rules that could not be done", false},
    {0}};

const struct engine_ops event_filter_engine = {
    .name = "event-filter",
    .description =
        "Lets every event pass the rules that people configure: it drops,\n"
        "changes and tags them. Rules are objects of kind eventfilter, "
        "written\n"
        "through the API; they take effect without a restart.",
    .options = event_filter_options,
    .state_size = sizeof(struct event_filter),
    .metrics = event_filter_metrics,
    .kinds = event_filter_kinds,
    .load = event_filter_load,
    .reload = event_filter_reload,
    .process = event_filter_process,
    .enrich = event_filter_enrich,
    .delta = event_filter_delta,
    .delta_apply = event_filter_delta_apply,
    .fold = event_filter_fold,
    .fini = event_filter_fini,
};
