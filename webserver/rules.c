/* SPDX-License-Identifier: Apache-2.0 */
/** The event filter's rules: what they did, and what they would do. */
#include "common/rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rules/tables.h"
#include "common/store/objects.h"
#include "webserver/json_text.h"
#include "webserver/list.h"
#include "webserver/objects.h"
#include "webserver/routes.h"

enum {
    REPLAY_DEFAULT = 10000,
    REPLAY_MAX = 50000,
    SHOWN_MAX = 100, /* events told one by one */
    CURSOR_MAX = 16 * 1024,
    PATH_MAX_BYTES = 1024,
    OBJECTS_MAX = 100 /* that one trial brings along */
};

/* Counters as stored, summed over the partitions. */

struct stats {
    int64_t matches, drops, failures;
    int64_t matched_ms;
    int64_t failed_ms;
    struct buf failure; /* the newest, as JSON */
};

static bool add_counts(void *ctx, const struct store_key *key, struct doc row)
{
    struct stats *stats = ctx;
    struct doc failure = doc_sub(row, "last_failure");
    int64_t matched_ms = doc_ms(row, "matched_at", 0);
    int64_t failed_ms = doc_ms(failure, "at", 0);

    (void)key;
    stats->matches += doc_i64(row, "matches", 0);
    stats->drops += doc_i64(row, "drops", 0);
    stats->failures += doc_i64(row, "failures", 0);
    if (matched_ms > stats->matched_ms) {
        stats->matched_ms = matched_ms;
    }
    if (failed_ms > stats->failed_ms) {
        stats->failed_ms = failed_ms;
        buf_clear(&stats->failure);
        doc_to_json(failure, &stats->failure);
    }
    return true;
}

void rules_add_stats(struct server *server, const char *name, struct buf *out)
{
    const struct store_key from = {.text = name};
    const struct store_key to = {.text = name, .a = INT64_MAX};
    const struct store_query query = {.collection = STORE_RULE_COUNTS,
                                      .from = &from,
                                      .to = &to,
                                      .limit = INT64_MAX};
    struct stats stats = {.matches = 0};

    buf_init(&stats.failure, DOC_BYTES_MAX);
    buf_add_str(out, ",\"stats\":");
    if (store_scan(server->store, &query, add_counts, &stats, NULL, NULL) !=
        ERR_OK) {
        buf_add_str(out, "null");
    } else {
        buf_addf(out,
                 "{\"matches\":%lld,\"drops\":%lld,\"failures\":%lld,"
                 "\"matched_at\":",
                 (long long)stats.matches, (long long)stats.drops,
                 (long long)stats.failures);
        if (stats.matched_ms > 0) {
            json_add_ms(out, stats.matched_ms);
        } else {
            buf_add_str(out, "null");
        }
        buf_addf(out, ",\"last_failure\":%s}",
                 stats.failure.len > 0 ? buf_str(&stats.failure) : "null");
    }
    buf_fini(&stats.failure);
}

/* A trial: events pass rules, and nothing is changed. */

struct tally {
    int64_t matches, drops, failures;
};

struct trial {
    struct server *server;
    struct request *request;
    struct doc body;
    struct rules *rules;
    struct tables *tables; /* that they look values up in */
    struct tally *tallies; /* by number in rules */
    bool pass;             /* the default action */
    bool always;           /* each event is told */
    int64_t limit;
    int64_t tested, passed, changed, dropped, dead;
    int64_t shown;
    int64_t shown_most;
    int64_t reached_ms;     /* when the last of the log was received; 0: none */
    const char *cursor;     /* where the log is gone on with; NULL: its end */
    struct buf next;        /* the same for the next request; "": no more */
    struct doc_out *given;  /* the event that was sent */
    struct doc_out *before; /* the event under way, as it came and went */
    struct doc_out *after;
    struct buf items;
    struct buf changes; /* of the event under way */
    struct buf bad;     /* rules that are stored and no good */
    struct buf tried;   /* by the event under way */
    bool answered;
};

static void trial_init(struct trial *trial, struct server *server,
                       struct request *request, struct doc body)
{
    *trial = (struct trial){.server = server,
                            .request = request,
                            .body = body,
                            .rules = rules_new(),
                            .tables = tables_new(),
                            .pass = true,
                            .limit = REPLAY_DEFAULT,
                            .shown_most = SHOWN_MAX,
                            .given = doc_out_new(),
                            .before = doc_out_new(),
                            .after = doc_out_new()};
    buf_init(&trial->next, CURSOR_MAX);
    buf_init(&trial->items, REQUEST_REPLY_MAX);
    buf_init(&trial->changes, REQUEST_REPLY_MAX);
    buf_init(&trial->bad, REQUEST_REPLY_MAX);
    buf_init(&trial->tried, REQUEST_REPLY_MAX);
}

static void trial_fini(struct trial *trial)
{
    rules_free(trial->rules);
    tables_free(trial->tables);
    free(trial->tallies);
    doc_out_free(trial->given);
    doc_out_free(trial->before);
    doc_out_free(trial->after);
    buf_fini(&trial->next);
    buf_fini(&trial->changes);
    buf_fini(&trial->items);
    buf_fini(&trial->bad);
    buf_fini(&trial->tried);
}

static bool refuse(struct trial *trial, const char *field, const char *expected)
{
    request_problem(trial->request, HTTP_UNPROCESSABLE, field,
                    "%s: expected %s", field, expected);
    return false;
}

/* The rules: those stored, with the given ones in their place. */

/* What has no kind is a rule. */
static bool is_table(struct doc object)
{
    return strcmp(doc_str(object, "kind", ""), table_kind.name) == 0;
}

static bool is_given(struct doc given, bool table, const char *name)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, given);
    while (doc_next(&it, &index, &value)) {
        if (value.type == DOC_DOC && is_table(value.u.doc) == table &&
            strcmp(doc_str(value.u.doc, "name", ""), name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_stored(void *ctx, struct doc row)
{
    struct trial *trial = ctx;
    const char *name = doc_str(row, "name", "");
    bool table = is_table(row);
    struct errbuf why = {0};

    if (is_given(doc_sub(trial->body, "objects"), table, name)) {
        return;
    }
    if ((table ? tables_add(trial->tables, row, &why)
               : rules_add(trial->rules, row, &why)) != ERR_OK) {
        buf_add_str(&trial->bad,
                    trial->bad.len > 0 ? ",{\"name\":" : "{\"name\":");
        json_add_text(&trial->bad, name);
        json_add_member(&trial->bad, "reason", why.text);
        buf_add_char(&trial->bad, '}');
    }
}

static bool add_given(struct trial *trial, struct doc given)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, given);
    while (doc_next(&it, &index, &value)) {
        struct errbuf why = {0};
        char path[PATH_MAX_BYTES];

        if (value.type != DOC_DOC) {
            (void)snprintf(path, sizeof path, "objects[%s]", index);
            return refuse(trial, path, "an object {kind, name, spec}");
        }
        if ((is_table(value.u.doc)
                 ? tables_add(trial->tables, value.u.doc, &why)
                 : rules_add(trial->rules, value.u.doc, &why)) != ERR_OK) {
            (void)snprintf(path, sizeof path, "objects[%s].%s", index,
                           why.field);
            request_problem(trial->request, HTTP_UNPROCESSABLE, path,
                            "objects[%s]: %s", index, why.text);
            return false;
        }
    }
    return true;
}

static bool load_rules(struct trial *trial)
{
    struct doc given = doc_sub(trial->body, "objects");
    enum err err = ERR_OK;

    if (doc_count(given) > OBJECTS_MAX) {
        return refuse(trial, "objects", "at most 100 of them");
    }
    if (!add_given(trial, given)) {
        return false;
    }
    err = objects_each_at(trial->server->store, table_kind.name, OBJECTS_NEWEST,
                          add_stored, trial);
    if (err == ERR_OK && !doc_bool(trial->body, "only", false)) {
        err = objects_each_at(trial->server->store, rule_kind.name,
                              OBJECTS_NEWEST, add_stored, trial);
    }
    if (err != ERR_OK) {
        list_reply_failed(trial->request, err, &(struct errbuf){{0}, {0}});
        return false;
    }
    rules_seal(trial->rules);
    rules_set_tables(trial->rules, trial->tables);
    trial->tallies =
        xcalloc(rules_count(trial->rules) + 1, sizeof trial->tallies[0]);
    return true;
}

/* One event. */

static void on_tried(void *ctx, size_t rule, enum rule_result result,
                     const struct errbuf *why)
{
    static const char *const names[] = {[RULE_NO_MATCH] = "",
                                        [RULE_APPLIED] = "applied",
                                        [RULE_DROPPED] = "dropped",
                                        [RULE_FAILED] = "failed"};
    struct trial *trial = ctx;
    struct buf *out = &trial->tried;

    if (result == RULE_NO_MATCH) {
        return;
    }
    trial->tallies[rule].matches++;
    trial->tallies[rule].drops += result == RULE_DROPPED;
    trial->tallies[rule].failures += result == RULE_FAILED;
    buf_add_str(out, out->len > 0 ? ",{\"name\":" : "{\"name\":");
    json_add_text(out, rules_name(trial->rules, rule));
    json_add_member(out, "result", names[result]);
    json_add_member(out, "reason", result == RULE_FAILED ? why->text : NULL);
    buf_add_char(out, '}');
}

static void add_value(const struct doc_value *value, struct buf *out)
{
    if (value->type == DOC_MISSING) {
        buf_add_str(out, "null");
    } else {
        doc_value_to_json(value, out);
    }
}

static void add_change(const char *prefix, const char *key,
                       const struct doc_value *from, const struct doc_value *to,
                       struct buf *out)
{
    char path[PATH_MAX_BYTES];

    (void)snprintf(path, sizeof path, "%s%s", prefix, key);
    buf_add_str(out, out->data[out->len - 1] == '[' ? "{\"field\":"
                                                    : ",{\"field\":");
    json_add_text(out, path);
    buf_add_str(out, ",\"from\":");
    add_value(from, out);
    buf_add_str(out, ",\"to\":");
    add_value(to, out);
    buf_add_char(out, '}');
}

/* What differs, members of nested documents by their own path. */
static void add_changes(struct doc before, struct doc after, const char *prefix,
                        struct buf *out)
{
    struct doc_iter it;
    struct doc_value from;
    struct doc_value to;
    const char *key;

    doc_iter_init(&it, before);
    while (doc_next(&it, &key, &from)) {
        (void)doc_get(after, key, &to);
        if (from.type == DOC_DOC && to.type == DOC_DOC) {
            char path[PATH_MAX_BYTES];

            (void)snprintf(path, sizeof path, "%.500s%.500s.", prefix, key);
            add_changes(from.u.doc, to.u.doc, path, out);
        } else if (doc_compare(&from, &to) != 0) {
            add_change(prefix, key, &from, &to, out);
        }
    }
    doc_iter_init(&it, after);
    while (doc_next(&it, &key, &to)) {
        if (!doc_get(before, key, &from)) {
            add_change(prefix, key, &from, &to, out);
        }
    }
}

/* What the rules made of it; nothing when it is as it was, whether a rule
 * applied or not. */
static void find_changes(struct trial *trial, struct doc doc,
                         const struct rules_event *run)
{
    struct event before;
    struct errbuf why;

    buf_clear(&trial->changes);
    if (!run->changed || event_from_doc(doc, &before, &why) != ERR_OK) {
        return;
    }
    event_to_doc(&before, trial->before);
    event_to_doc(&run->event, trial->after);
    buf_add_char(&trial->changes, '[');
    add_changes(doc_out_done(trial->before), doc_out_done(trial->after), "",
                &trial->changes);
    if (trial->changes.len == 1) {
        buf_clear(&trial->changes);
    }
}

static void show(struct trial *trial, struct doc before, const char *verdict,
                 const char *reason)
{
    struct buf *out = &trial->items;
    bool changed = trial->changes.len > 0;

    trial->shown++;
    buf_add_str(out, out->len > 0 ? ",{\"id\":" : "{\"id\":");
    json_add_text(out, doc_str(before, "id", ""));
    json_add_member(out, "entity_id", doc_str(before, "entity_id", ""));
    json_add_member(out, "verdict", verdict);
    json_add_member(out, "reason", reason);
    buf_addf(out, ",\"rules\":[%s],\"changes\":", buf_str(&trial->tried));
    buf_add_str(out, changed ? buf_str(&trial->changes) : "[");
    buf_add_str(out, "],\"event\":");
    doc_to_json(changed ? doc_out_done(trial->after) : before, out);
    buf_add_char(out, '}');
}

/* Of many only those are told that something would happen to. */
static void try_event(struct trial *trial, struct doc doc, bool always)
{
    static const char *const verdicts[] = {
        [RULES_PASS] = "pass", [RULES_DROP] = "drop", [RULES_DEAD] = "dead"};
    const struct rules_watch watch = {trial, on_tried};
    struct rules_event run = {.doc = doc, .pass = trial->pass};
    struct errbuf why = {0};
    enum rules_verdict verdict;

    if (event_from_doc(doc, &run.event, &why) != ERR_OK) {
        return;
    }
    buf_clear(&trial->tried);
    verdict = rules_run(trial->rules, &run, &watch, &why);
    find_changes(trial, doc, &run);
    trial->tested++;
    trial->passed += verdict == RULES_PASS;
    trial->dropped += verdict == RULES_DROP;
    trial->dead += verdict == RULES_DEAD;
    trial->changed += verdict == RULES_PASS && trial->changes.len > 0;
    if (always || (trial->shown < trial->shown_most &&
                   (trial->changes.len > 0 || verdict != RULES_PASS))) {
        show(trial, doc, verdicts[verdict],
             verdict == RULES_DEAD ? why.text : NULL);
    }
}

/* Where events come from. */

static bool read_time(struct trial *trial, const char *name, int64_t *ms)
{
    struct doc_value value;
    int64_t before;

    if (!doc_get(trial->body, name, &value)) {
        return true;
    }
    if (value.type == DOC_INT || value.type == DOC_DOUBLE) {
        *ms = doc_ms(trial->body, name, 0);
        return true;
    }
    if (value.type == DOC_STRING && value.u.s.text[0] == '-' &&
        clock_parse_duration(value.u.s.text + 1, &before, NULL) == ERR_OK) {
        *ms = clock_now_ms() - before;
        return true;
    }
    return refuse(trial, name, "seconds since 1970, or text like \"-24h\"");
}

static void on_given(void *ctx, uint32_t index, const struct event *event)
{
    struct trial *trial = ctx;

    (void)index;
    event_to_doc(event, trial->given);
    try_event(trial, doc_out_done(trial->given), true);
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct trial *trial = ctx;
    char path[PATH_MAX_BYTES];

    (void)index;
    (void)text;
    (void)len;
    (void)snprintf(path, sizeof path, "event.%s", why->field);
    request_problem(trial->request, HTTP_UNPROCESSABLE, path, "event: %s",
                    why->text);
    trial->answered = true;
}

static bool try_given(struct trial *trial, const struct doc_value *value)
{
    const struct event_sink sink = {trial, on_given, on_refused};
    int64_t received_ms = clock_now_ms();
    struct buf text;

    if (!read_time(trial, "at", &received_ms)) {
        return false;
    }

    if (value->type != DOC_DOC) {
        return refuse(trial, "event", "an event as it is sent, an object");
    }
    buf_init(&text, DOC_BYTES_MAX);
    doc_to_json(value->u.doc, &text);
    (void)event_parse(trial->server->parser, buf_str(&text), text.len,
                      received_ms, &sink);
    buf_fini(&text);
    return !trial->answered;
}

static bool reply_none(struct trial *trial, enum err err, const char *field)
{
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        list_reply_failed(trial->request, err, &(struct errbuf){{0}, {0}});
    } else {
        request_problem(trial->request, HTTP_NOT_FOUND, field,
                        "%s: there is no such event", field);
    }
    return false;
}

/* The last check of an entity. */
static bool try_entity(struct trial *trial, const char *id)
{
    const struct store_key key = {.text = id};
    struct buf row;
    enum err err;

    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(trial->server->store, STORE_EVENTS, &key, &row);
    if (err == ERR_OK) {
        try_event(trial,
                  (struct doc){(const uint8_t *)row.data, (uint32_t)row.len},
                  true);
    }
    buf_fini(&row);
    return err == ERR_OK || reply_none(trial, err, "entity");
}

static bool on_logged(void *ctx, const struct store_key *key, struct doc row)
{
    struct trial *trial = ctx;

    trial->reached_ms = key->a;
    try_event(trial, row, trial->always);
    return true;
}

/* Logged events, newest first: one by its id, or those of a time. */
static bool try_logged(struct trial *trial, const struct filter *filter,
                       int64_t from_ms, int64_t to_ms)
{
    const struct store_key from = {.a = from_ms};
    const struct store_key to = {.a = to_ms};
    const struct store_query query = {.collection = STORE_EVENTS_LOG,
                                      .filter = filter,
                                      .from = &from,
                                      .to = &to,
                                      .descending = true,
                                      .cursor = trial->cursor,
                                      .limit = trial->limit};
    enum err err = store_scan(trial->server->store, &query, on_logged, trial,
                              &trial->next, NULL);

    if (err == ERR_INVALID) {
        return refuse(trial, "cursor", "what next of an answer was");
    }
    return err == ERR_OK || reply_none(trial, err, "from");
}

static bool try_id(struct trial *trial, const char *id)
{
    struct filter *filter = NULL;
    struct errbuf why;
    struct doc doc;
    bool good;

    doc_out_reset(trial->given);
    doc_add_str(trial->given, "id", id);
    doc = doc_out_done(trial->given);
    if (filter_from_doc(doc, &filter, &why) != ERR_OK) {
        return refuse(trial, "id", "the id of a logged event");
    }
    trial->limit = 1;
    trial->always = true;
    good = try_logged(trial, filter, 0, INT64_MAX);
    buf_clear(&trial->next);
    filter_free(filter);
    return good && (trial->tested > 0 || reply_none(trial, ERR_OK, "id"));
}

static bool try_replay(struct trial *trial)
{
    int64_t from_ms = 0;
    int64_t to_ms = INT64_MAX;

    return read_time(trial, "from", &from_ms) &&
           read_time(trial, "to", &to_ms) &&
           try_logged(trial, NULL, from_ms, to_ms);
}

static bool try_all(struct trial *trial)
{
    struct doc_value value;

    if (doc_get(trial->body, "event", &value)) {
        return try_given(trial, &value);
    }
    if (doc_get(trial->body, "entity", &value) && value.type == DOC_STRING) {
        return try_entity(trial, value.u.s.text);
    }
    if (doc_get(trial->body, "id", &value) && value.type == DOC_STRING) {
        return try_id(trial, value.u.s.text);
    }
    if (doc_get(trial->body, "from", &value)) {
        return try_replay(trial);
    }
    return refuse(trial, "event",
                  "an event; or entity (its last check is tried), id (of a "
                  "logged event) or from (all logged since then)");
}

/* The request and the answer. */

static bool read_members(struct trial *trial)
{
    static const char *const known[] = {
        "event",  "at",      "entity", "id",    "from",
        "to",     "objects", "only",   "limit", "default_action",
        "cursor", "examples"};
    const char *action = doc_str(trial->body, "default_action", "pass");
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, trial->body);
    while (doc_next(&it, &key, &value)) {
        size_t i = 0;

        while (i < sizeof known / sizeof known[0] &&
               strcmp(known[i], key) != 0) {
            i++;
        }
        if (i == sizeof known / sizeof known[0]) {
            request_problem(trial->request, HTTP_UNPROCESSABLE, key,
                            "%.64s: no such member here; there are: event, "
                            "at, entity, id, from, to, objects, only, limit, "
                            "default_action",
                            key);
            return false;
        }
    }
    trial->pass = strcmp(action, "pass") == 0;
    trial->limit = doc_i64(trial->body, "limit", REPLAY_DEFAULT);
    if (trial->limit < 1 || trial->limit > REPLAY_MAX) {
        return refuse(trial, "limit", "a whole number from 1 to 50000");
    }
    trial->shown_most = doc_i64(trial->body, "examples", SHOWN_MAX);
    if (trial->shown_most < 0 || trial->shown_most > SHOWN_MAX) {
        return refuse(trial, "examples", "a whole number from 0 to 100");
    }
    trial->cursor = doc_str(trial->body, "cursor", NULL);
    return trial->pass || strcmp(action, "drop") == 0 ||
           refuse(trial, "default_action", "pass or drop");
}

static void add_tallies(const struct trial *trial, struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < rules_count(trial->rules); i++) {
        const struct tally *tally = &trial->tallies[i];

        if (tally->matches > 0) {
            buf_add_str(out, any ? ",{\"name\":" : "{\"name\":");
            json_add_text(out, rules_name(trial->rules, i));
            buf_addf(out, ",\"matches\":%lld,\"drops\":%lld,\"failures\":%lld}",
                     (long long)tally->matches, (long long)tally->drops,
                     (long long)tally->failures);
            any = true;
        }
    }
}

static void reply(const struct trial *trial)
{
    struct buf *out = request_out(trial->request);

    buf_addf(out,
             "{\"tested\":%lld,\"passed\":%lld,\"changed\":%lld,"
             "\"dropped\":%lld,\"dead\":%lld,\"more\":%s,\"next\":",
             (long long)trial->tested, (long long)trial->passed,
             (long long)trial->changed, (long long)trial->dropped,
             (long long)trial->dead, trial->next.len > 0 ? "true" : "false");
    if (trial->next.len > 0) {
        json_add_text(out, buf_str(&trial->next));
    } else {
        buf_add_str(out, "null");
    }
    buf_add_str(out, ",\"reached_at\":");
    if (trial->reached_ms > 0) {
        json_add_ms(out, trial->reached_ms);
    } else {
        buf_add_str(out, "null");
    }
    buf_add_str(out, ",\"rules\":[");
    add_tallies(trial, out);
    buf_addf(out, "],\"bad_rules\":[%s],\"items\":[", buf_str(&trial->bad));
    buf_add(out, buf_str(&trial->items), trial->items.len);
    buf_add_str(out, "]}");
    request_reply(trial->request, HTTP_OK);
}

void rules_test(struct server *server, struct request *request)
{
    struct doc_out *out = doc_out_new();
    struct trial trial;
    struct doc body;

    if (list_has_store(server, request) &&
        objects_read_body(request, out, &body)) {
        trial_init(&trial, server, request, body);
        if (read_members(&trial) && load_rules(&trial) && try_all(&trial)) {
            reply(&trial);
        }
        trial_fini(&trial);
    }
    doc_out_free(out);
}
