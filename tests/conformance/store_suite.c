/* SPDX-License-Identifier: Apache-2.0 */
/** What every store backend has to do, as one suite run on each of them. */
#include "tests/conformance/store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    TEXT_MAX = 4096,
    BIG_ROW = 4 * 1024 * 1024,
    NOW_S = 1700000000
};

struct store_suite *store_suite_of(void **state)
{
    return *state;
}

struct doc store_suite_doc(struct doc_out *out, const char *json)
{
    char *text = xstrdup(json);
    struct errbuf why = {0};
    struct doc doc;

    for (char *p = text; (p = strchr(p, '\'')) != NULL;) {
        *p = '"';
    }
    if (doc_from_json(text, strlen(text), out, &doc, &why) != ERR_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    free(text);
    return doc;
}

void store_suite_raise(struct store *store, const char *row,
                       struct store_fence *fence)
{
    struct buf payload;

    buf_init(&payload, BIG_ROW);
    *fence = (struct store_fence){0};
    (void)snprintf(fence->row, sizeof fence->row, "%s", row);
    assert_int_equal(store_fence_raise(store, NOW_S, fence, &payload), ERR_OK);
    buf_fini(&payload);
}

static struct doc no_progress(void)
{
    static const uint8_t empty[] = {5, 0, 0, 0, 0};

    return (struct doc){empty, sizeof empty};
}

void store_suite_commit(struct store *store, struct store_fence *fence,
                        struct store_batch *batch)
{
    int64_t before = fence->batch;

    assert_int_equal(store_commit(store, fence, batch, no_progress()), ERR_OK);
    assert_int_equal(fence->batch, before + 1);
    store_batch_clear(batch);
}

/* A writer with its fence raised, and what it writes with. */
struct writer {
    struct store *store;
    struct store_fence fence;
    struct store_batch *batch;
    struct doc_out *out;
};

static void writer_open(struct writer *w, void **state, const char *name)
{
    struct store_suite *suite = store_suite_of(state);

    w->store = suite->open(suite->ctx, name);
    assert_non_null(w->store);
    store_suite_raise(w->store, name, &w->fence);
    w->batch = store_batch_new();
    w->out = doc_out_new();
}

static void writer_close(struct writer *w)
{
    doc_out_free(w->out);
    store_batch_free(w->batch);
    store_close(w->store);
}

static void put_json(struct writer *w, enum store_collection into,
                     struct store_key key, const char *json)
{
    store_batch_put(w->batch, into, &key, store_suite_doc(w->out, json));
}

static struct store_key text(const char *t)
{
    return (struct store_key){.text = t};
}

static struct store_key ints(int64_t a, int64_t b)
{
    return (struct store_key){.a = a, .b = b};
}

static struct store_key text_int(const char *t, int64_t a)
{
    return (struct store_key){.text = t, .a = a};
}

/* The row under key is the JSON document; NULL: no row. */
static void check_row_at(struct store *store, enum store_collection from,
                         struct store_key key, const char *json, int line)
{
    struct doc_out *out = doc_out_new();
    struct buf row;
    enum err err;

    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(store, from, &key, &row);
    if (json == NULL) {
        if (err != ERR_NOT_FOUND) {
            fail_msg("line %d: got \"%s\"", line, err_name(err));
        }
    } else {
        struct doc want = store_suite_doc(out, json);

        if (err != ERR_OK || row.len != want.len ||
            memcmp(row.data, want.data, want.len) != 0) {
            fail_msg("line %d: %s: another row or \"%s\"", line, json,
                     err_name(err));
        }
    }
    buf_fini(&row);
    doc_out_free(out);
}

#define check_row(store, from, key, json)                                      \
    check_row_at(store, from, key, json, __LINE__)

static void test_get_put_delete(void **state)
{
    struct writer w;

    writer_open(&w, state, "alarm");
    check_row(w.store, STORE_ALARMS, text("a"), NULL);
    put_json(&w, STORE_ALARMS, text("a"), "{'state':1}");
    put_json(&w, STORE_ALARMS, text("b"), "{'x':{'y':[1,2.5,'z',null,true]}}");
    check_row(w.store, STORE_ALARMS, text("a"), NULL);
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_ALARMS, text("a"), "{'state':1}");
    check_row(w.store, STORE_ALARMS, text("b"),
              "{'x':{'y':[1,2.5,'z',null,true]}}");
    check_row(w.store, STORE_ALARMS, text("A"), NULL);
    check_row(w.store, STORE_ALARMS_RESOLVED, text("a"), NULL);

    put_json(&w, STORE_ALARMS, text("a"), "{'state':2,'component':'c'}");
    store_batch_delete(w.batch, STORE_ALARMS, &(struct store_key){"b", 0, 0});
    store_batch_delete(w.batch, STORE_ALARMS, &(struct store_key){"?", 0, 0});
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_ALARMS, text("a"), "{'state':2,'component':'c'}");
    check_row(w.store, STORE_ALARMS, text("b"), NULL);
    writer_close(&w);
}

static void test_append(void **state)
{
    struct writer w;
    struct store_key key = text_int("a1", 1);

    writer_open(&w, state, "alarm");
    store_batch_append(w.batch, STORE_STEPS, &key,
                       store_suite_doc(w.out, "{'n':1}"));
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_STEPS, key, "{'n':1}");
    /* Of a key that is there after all it replaces, and twice in a batch. */
    store_batch_append(w.batch, STORE_STEPS, &key,
                       store_suite_doc(w.out, "{'n':2}"));
    put_json(&w, STORE_STEPS, text_int("a1", 2), "{'m':0}");
    store_batch_append(w.batch, STORE_STEPS, &(struct store_key){"a1", 3, 0},
                       store_suite_doc(w.out, "{'n':3}"));
    store_batch_append(w.batch, STORE_STEPS, &(struct store_key){"a1", 3, 0},
                       store_suite_doc(w.out, "{'n':4}"));
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_STEPS, key, "{'n':2}");
    check_row(w.store, STORE_STEPS, text_int("a1", 2), "{'m':0}");
    check_row(w.store, STORE_STEPS, text_int("a1", 3), "{'n':4}");
    writer_close(&w);
}

static void add_json(struct writer *w, enum store_collection into,
                     struct store_key key, const char *json)
{
    store_batch_add(w->batch, into, &key, store_suite_doc(w->out, json));
}

/* Of an own collection with indexes and of one without. */
static void test_add(void **state)
{
    struct writer w;
    struct store_key steps = text_int("a1", 1);
    struct store_key points = text_int("alarm", 1);

    writer_open(&w, state, "alarm");
    add_json(&w, STORE_ALARMS, text("a"), "{'state':1}");
    add_json(&w, STORE_STEPS, steps, "{'n':1}");
    add_json(&w, STORE_OUTBOX, points, "{'n':1}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_ALARMS, text("a"), "{'state':1}");
    check_row(w.store, STORE_STEPS, steps, "{'n':1}");
    check_row(w.store, STORE_OUTBOX, points, "{'n':1}");

    /* What is there stays; what stands beside it in the batch is done. */
    add_json(&w, STORE_ALARMS, text("a"), "{'state':2}");
    add_json(&w, STORE_ALARMS, text("b"), "{'$a.b':2}");
    add_json(&w, STORE_STEPS, steps, "{'n':2}");
    add_json(&w, STORE_OUTBOX, points, "{'n':2}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_ALARMS, text("a"), "{'state':1}");
    check_row(w.store, STORE_ALARMS, text("b"), "{'$a.b':2}");
    check_row(w.store, STORE_STEPS, steps, "{'n':1}");
    check_row(w.store, STORE_OUTBOX, points, "{'n':1}");

    /* In the order of the batch. */
    add_json(&w, STORE_ALARMS, text("c"), "{'by':1}");
    add_json(&w, STORE_ALARMS, text("c"), "{'by':2}");
    put_json(&w, STORE_ALARMS, text("d"), "{'by':1}");
    add_json(&w, STORE_ALARMS, text("d"), "{'by':2}");
    add_json(&w, STORE_ALARMS, text("e"), "{'by':1}");
    put_json(&w, STORE_ALARMS, text("e"), "{'by':2}");
    store_batch_delete(w.batch, STORE_ALARMS, &(struct store_key){"a", 0, 0});
    add_json(&w, STORE_ALARMS, text("a"), "{'by':3}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_ALARMS, text("c"), "{'by':1}");
    check_row(w.store, STORE_ALARMS, text("d"), "{'by':1}");
    check_row(w.store, STORE_ALARMS, text("e"), "{'by':2}");
    check_row(w.store, STORE_ALARMS, text("a"), "{'by':3}");
    writer_close(&w);
}

static void test_batch_order(void **state)
{
    struct writer w;
    struct store_key k1 = text_int("p", 1);
    struct store_key k9 = text_int("p", 9);

    writer_open(&w, state, "alarm");
    put_json(&w, STORE_STEPS, text_int("p", 1), "{'v':'old'}");
    put_json(&w, STORE_STEPS, text_int("p", 2), "{'v':'old'}");
    store_suite_commit(w.store, &w.fence, w.batch);

    store_batch_delete_range(w.batch, STORE_STEPS, &k1, &k9);
    put_json(&w, STORE_STEPS, text_int("p", 2), "{'v':'put after range'}");
    put_json(&w, STORE_STEPS, text_int("p", 3), "{'v':1}");
    put_json(&w, STORE_STEPS, text_int("p", 3), "{'v':2}");
    put_json(&w, STORE_STEPS, text_int("p", 4), "{'v':1}");
    store_batch_delete(w.batch, STORE_STEPS, &(struct store_key){"p", 4, 0});
    store_batch_delete(w.batch, STORE_STEPS, &(struct store_key){"p", 5, 0});
    put_json(&w, STORE_STEPS, text_int("p", 5), "{'v':'back'}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_STEPS, k1, NULL);
    check_row(w.store, STORE_STEPS, text_int("p", 2),
              "{'v':'put after range'}");
    check_row(w.store, STORE_STEPS, text_int("p", 3), "{'v':2}");
    check_row(w.store, STORE_STEPS, text_int("p", 4), NULL);
    check_row(w.store, STORE_STEPS, text_int("p", 5), "{'v':'back'}");

    put_json(&w, STORE_STEPS, text_int("p", 7), "{'v':'gone'}");
    store_batch_delete_range(w.batch, STORE_STEPS, &k1, &k9);
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_STEPS, text_int("p", 2), NULL);
    check_row(w.store, STORE_STEPS, text_int("p", 7), NULL);
    writer_close(&w);
}

/* Collect keys as text, each with a blank behind it. */
static bool add_key(void *ctx, const struct store_key *key, struct doc row)
{
    struct buf *keys = ctx;

    (void)row;
    if (key->text != NULL) {
        buf_addf(keys, "%s", key->text);
    }
    if (key->text == NULL || key->a != 0) {
        buf_addf(keys, key->text != NULL ? ":%lld" : "%lld", (long long)key->a);
    }
    if (key->text == NULL) {
        buf_addf(keys, ",%lld", (long long)key->b);
    }
    buf_add_char(keys, ' ');
    return true;
}

/* All keys of a query, read in pages of its limit. */
static void scan_pages(struct store *store, struct store_query query,
                       struct buf *keys)
{
    struct buf next;
    struct errbuf why = {0};
    char cursor[TEXT_MAX] = "";
    int pages = 0;

    buf_init(&next, sizeof cursor - 1);
    query.cursor = cursor;
    do {
        if (store_scan(store, &query, add_key, keys, &next, &why) != ERR_OK) {
            fail_msg("page %d: %s", pages, why.text);
        }
        (void)snprintf(cursor, sizeof cursor, "%s", buf_str(&next));
        assert_true(++pages < TEXT_MAX);
    } while (cursor[0] != '\0');
    buf_fini(&next);
}

static void check_keys(struct store *store, const struct store_query *query,
                       const char *want, const char *name)
{
    static const struct {
        int64_t limit, look;
    } pages_of[] = {{100, 0}, {1, 0}, {2, 0}, {3, 0}, {100, 1}, {2, 3}};

    for (size_t i = 0; i < sizeof pages_of / sizeof pages_of[0]; i++) {
        struct store_query pages = *query;
        struct buf keys;

        buf_init(&keys, TEXT_MAX);
        pages.limit = pages_of[i].limit;
        pages.look = pages_of[i].look;
        scan_pages(store, pages, &keys);
        if (strcmp(buf_str(&keys), want) != 0) {
            fail_msg("%s, pages of %lld, of %lld looked at: got [%s], want "
                     "[%s]",
                     name, (long long)pages.limit, (long long)pages.look,
                     buf_str(&keys), want);
        }
        buf_fini(&keys);
    }
}

static void test_delete_range(void **state)
{
    struct writer w;
    struct store_query points = {.collection = STORE_POINTS};
    struct store_query metrics = {.collection = STORE_METRICS};
    struct store_key first = ints(2, 5);
    struct store_key past = ints(3, 5);
    struct store_key c = text("c");
    struct store_key e = text("e");

    writer_open(&w, state, "perfdata");
    for (int64_t a = 1; a <= 3; a++) {
        for (int64_t b = 0; b <= 10; b += 5) {
            put_json(&w, STORE_POINTS, ints(a, b), "{'v':1}");
        }
    }
    for (char name[] = "a"; name[0] <= 'f'; name[0]++) {
        put_json(&w, STORE_METRICS, text(name), "{'n':1}");
    }
    store_suite_commit(w.store, &w.fence, w.batch);
    store_batch_delete_range(w.batch, STORE_POINTS, &first, &past);
    store_batch_delete_range(w.batch, STORE_METRICS, &c, &e);
    store_suite_commit(w.store, &w.fence, w.batch);
    check_keys(w.store, &points, "1,0 1,5 1,10 2,0 3,5 3,10 ", "points");
    check_keys(w.store, &metrics, "a b e f ", "metrics");
    /* Nothing in it, and turned round. */
    store_batch_delete_range(w.batch, STORE_METRICS, &c, &e);
    store_batch_delete_range(w.batch, STORE_METRICS, &e, &c);
    store_suite_commit(w.store, &w.fence, w.batch);
    check_keys(w.store, &metrics, "a b e f ", "metrics");
    writer_close(&w);
}

static void test_key_order(void **state)
{
    struct writer w;
    struct store_query points = {.collection = STORE_POINTS};
    struct store_key low = ints(-1, INT64_MIN);
    struct store_key high = ints(0, INT64_MAX);

    writer_open(&w, state, "perfdata");
    put_json(&w, STORE_POINTS, ints(INT64_MAX, INT64_MAX), "{}");
    put_json(&w, STORE_POINTS, ints(INT64_MIN, INT64_MIN), "{}");
    put_json(&w, STORE_POINTS, ints(0, 1700000000123), "{}");
    put_json(&w, STORE_POINTS, ints(0, -1), "{}");
    put_json(&w, STORE_POINTS, ints(0, 0), "{}");
    put_json(&w, STORE_POINTS, ints(-1, 7), "{}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_keys(w.store, &points,
               "-9223372036854775808,-9223372036854775808 -1,7 0,-1 0,0 "
               "0,1700000000123 9223372036854775807,9223372036854775807 ",
               "all");
    points.from = &low;
    points.to = &high;
    check_keys(w.store, &points, "-1,7 0,-1 0,0 0,1700000000123 ", "range");
    points.descending = true;
    check_keys(w.store, &points, "0,1700000000123 0,0 0,-1 -1,7 ", "down");
    writer_close(&w);
}

/* Keys sort by bytes, which for UTF-8 is by code point. */
static void test_unicode(void **state)
{
    struct writer w;
    struct store_query query = {.collection = STORE_ALARMS};

    writer_open(&w, state, "alarm");
    put_json(&w, STORE_ALARMS, text("é"), "{'component':'é','ключ':'日本'}");
    put_json(&w, STORE_ALARMS, text("z"), "{'component':'\xF0\x9F\x94\xA5'}");
    put_json(&w, STORE_ALARMS, text("Z"), "{'component':'e'}");
    put_json(&w, STORE_ALARMS, text("\xF0\x9F\x94\xA5"), "{'component':'Z'}");
    put_json(&w, STORE_ALARMS, text("日"), "{'component':'日'}");
    put_json(&w, STORE_ALARMS, text("\xEF\xBF\xBD"), "{'component':''}");
    put_json(&w, STORE_ALARMS, text("a/%b'\"$.c"), "{'component':'\\u0001'}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(w.store, STORE_ALARMS, text("é"),
              "{'component':'é','ключ':'日本'}");
    check_keys(w.store, &query,
               "Z a/%b'\"$.c z é 日 \xEF\xBF\xBD \xF0\x9F\x94\xA5 ", "keys");
    query.sort = "component";
    check_keys(w.store, &query,
               "\xEF\xBF\xBD a/%b'\"$.c \xF0\x9F\x94\xA5 Z é 日 z ",
               "component");
    writer_close(&w);
}

static void test_member_names(void **state)
{
    static const char *const rows[] = {
        "{'_id':7,'state':1}",
        "{'state':1,'_id':{'k':'x'}}",
        "{'a.b':1,'$set':{'$x':1},'':0,'a':{'b':2,'$gt':3}}",
        "{'k':'k','a':'a','b':'b','d':'d','f_state':5,'state':null}",
        "{'state':1,'state':2}",
        "{}",
    };
    struct writer w;

    writer_open(&w, state, "alarm");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_json(&w, STORE_STEPS, text_int("x", (int64_t)i), rows[i]);
        put_json(&w, STORE_ALARMS, text(rows[i]), rows[i]);
    }
    store_suite_commit(w.store, &w.fence, w.batch);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_row(w.store, STORE_STEPS, text_int("x", (int64_t)i), rows[i]);
        check_row(w.store, STORE_ALARMS, text(rows[i]), rows[i]);
    }
    writer_close(&w);
}

static void test_big_rows(void **state)
{
    struct writer w;
    struct store_key key = text("big");
    char *blob = xcalloc(1, BIG_ROW);
    struct buf row;
    struct doc want;

    writer_open(&w, state, "eventstore");
    memset(blob, 'x', BIG_ROW);
    doc_add_strn(w.out, "body", blob, BIG_ROW);
    doc_add_bytes(w.out, "bytes", "a\0b", 3);
    want = doc_out_done(w.out);
    store_batch_put(w.batch, STORE_DEAD, &key, want);
    assert_int_equal(store_batch_count(w.batch), 1);
    assert_true(store_batch_bytes(w.batch) > BIG_ROW);
    store_suite_commit(w.store, &w.fence, w.batch);
    assert_int_equal(store_batch_count(w.batch), 0);
    assert_int_equal(store_batch_bytes(w.batch), 0);

    buf_init(&row, DOC_BYTES_MAX);
    buf_add_str(&row, "before");
    assert_int_equal(store_get(w.store, STORE_DEAD, &key, &row), ERR_OK);
    assert_int_equal(row.len, strlen("before") + want.len);
    assert_memory_equal(row.data, "before", strlen("before"));
    assert_memory_equal(row.data + strlen("before"), want.data, want.len);
    buf_fini(&row);
    free(blob);
    writer_close(&w);
}

static void test_reopen(void **state)
{
    struct writer w;

    writer_open(&w, state, "alarm");
    put_json(&w, STORE_ALARMS, text("a"), "{'state':1}");
    store_suite_commit(w.store, &w.fence, w.batch);
    writer_close(&w);
    writer_open(&w, state, "alarm");
    check_row(w.store, STORE_ALARMS, text("a"), "{'state':1}");
    assert_int_equal(w.fence.epoch, NOW_S + 1);
    assert_int_equal(w.fence.batch, 1);
    assert_int_equal(store_ping(w.store, NULL), ERR_OK);
    writer_close(&w);
}

static void test_readers(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct store *reader = suite->open(suite->ctx, NULL);
    struct writer w;
    struct writer other;
    int64_t n = -1;

    /* A writer that never ran reads as empty. */
    check_row(reader, STORE_ALARMS, text("a"), NULL);
    assert_int_equal(store_count(reader, STORE_ALARMS, NULL, 5, &n), ERR_OK);
    assert_int_equal(n, 0);
    writer_open(&w, state, "alarm");
    writer_open(&other, state, "context");
    check_row(reader, STORE_ALARMS, text("a"), NULL);
    put_json(&w, STORE_ALARMS, text("a"), "{'state':1}");
    check_row(reader, STORE_ALARMS, text("a"), NULL);
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(reader, STORE_ALARMS, text("a"), "{'state':1}");
    check_row(other.store, STORE_ALARMS, text("a"), "{'state':1}");
    put_json(&w, STORE_ALARMS, text("a"), "{'state':2}");
    store_suite_commit(w.store, &w.fence, w.batch);
    check_row(reader, STORE_ALARMS, text("a"), "{'state':2}");
    check_row(other.store, STORE_ALARMS, text("a"), "{'state':2}");
    assert_int_equal(store_ping(reader, NULL), ERR_OK);
    writer_close(&other);
    writer_close(&w);
    store_close(reader);
}

static void test_private_rows(void **state)
{
    struct writer a;
    struct writer b;
    struct store_query all = {.collection = STORE_OUTBOX};
    struct store_key from = text_int("alarm", 0);
    struct store_key to = text_int("alarm", INT64_MAX);

    writer_open(&a, state, "alarm");
    writer_open(&b, state, "context");
    put_json(&a, STORE_OUTBOX, text_int("alarm", 1), "{'w':'a'}");
    put_json(&a, STORE_OUTBOX, text_int("alarm", 2), "{'w':'a'}");
    put_json(&b, STORE_OUTBOX, text_int("context", 1), "{'w':'b'}");
    put_json(&b, STORE_RECEIPTS, text_int("context", 1), "{'w':'b'}");
    store_suite_commit(a.store, &a.fence, a.batch);
    store_suite_commit(b.store, &b.fence, b.batch);
    check_row(a.store, STORE_OUTBOX, text_int("alarm", 1), "{'w':'a'}");
    check_row(b.store, STORE_OUTBOX, text_int("context", 1), "{'w':'b'}");
    check_row(a.store, STORE_RECEIPTS, text_int("alarm", 1), NULL);
    all.from = &from;
    all.to = &to;
    check_keys(a.store, &all, "alarm:1 alarm:2 ", "own rows");
    writer_close(&a);
    writer_close(&b);
}

static void test_fence(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct store *second = NULL;
    struct store_fence fence;
    struct writer w;

    writer_open(&w, state, "alarm");
    assert_int_equal(w.fence.epoch, NOW_S);
    assert_int_equal(w.fence.batch, 0);
    put_json(&w, STORE_ALARMS, text("a"), "{'by':1}");
    store_suite_commit(w.store, &w.fence, w.batch);

    second = suite->open(suite->ctx, "alarm");
    store_suite_raise(second, "alarm", &fence);
    assert_int_equal(fence.epoch, NOW_S + 1);
    assert_int_equal(fence.batch, 1);
    put_json(&w, STORE_ALARMS, text("a"), "{'by':'lost'}");
    put_json(&w, STORE_ALARMS, text("b"), "{'by':'lost'}");
    assert_int_equal(store_commit(w.store, &w.fence, w.batch, no_progress()),
                     ERR_FENCED);
    assert_int_equal(w.fence.batch, 1);
    check_row(second, STORE_ALARMS, text("a"), "{'by':1}");
    check_row(second, STORE_ALARMS, text("b"), NULL);

    /* The other one goes on, the first stays out. */
    store_batch_clear(w.batch);
    put_json(&w, STORE_ALARMS, text("c"), "{'by':2}");
    assert_int_equal(store_commit(w.store, &w.fence, w.batch, no_progress()),
                     ERR_FENCED);
    store_suite_commit(second, &fence, w.batch);
    check_row(second, STORE_ALARMS, text("c"), "{'by':2}");
    store_close(second);
    writer_close(&w);
}

static void add_name(void *ctx, const struct store_progress *progress)
{
    struct buf *names = ctx;

    buf_addf(names, "%s:%u ", progress->row, progress->payload.len);
}

static void check_progress(struct store *store, const char *wanted)
{
    struct buf names;

    buf_init(&names, BIG_ROW);
    assert_int_equal(store_progress_each(store, add_name, &names), ERR_OK);
    assert_string_equal(buf_str(&names), wanted);
    buf_fini(&names);
}

/* Every row of the writer is given, and one is removed by who holds it. */
static void test_fence_remove(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct store *other = suite->open(suite->ctx, "context");
    struct store_fence second;
    struct store_fence third;
    struct store_fence stale;
    struct writer w;

    writer_open(&w, state, "alarm");
    store_suite_raise(other, "context", &stale);
    store_close(other);
    check_progress(w.store, "alarm:0 ");
    store_suite_raise(w.store, "alarm.1", &third);
    store_suite_raise(w.store, "alarm.0", &second);
    store_suite_commit(w.store, &second, w.batch);
    check_progress(w.store, "alarm:0 alarm.0:5 alarm.1:0 ");

    stale = second;
    store_suite_commit(w.store, &second, w.batch);
    assert_int_equal(store_fence_remove(w.store, &stale), ERR_FENCED);
    store_suite_raise(w.store, "alarm.0", &second);
    stale.batch = second.batch;
    assert_int_equal(store_fence_remove(w.store, &stale), ERR_FENCED);
    assert_int_equal(store_fence_remove(w.store, &second), ERR_OK);
    assert_int_equal(store_fence_remove(w.store, &second), ERR_NOT_FOUND);
    check_progress(w.store, "alarm:0 alarm.1:0 ");
    assert_int_equal(store_commit(w.store, &second, w.batch, no_progress()),
                     ERR_FENCED);
    store_suite_commit(w.store, &w.fence, w.batch);
    check_progress(w.store, "alarm:5 alarm.1:0 ");
    writer_close(&w);
}

static void test_fence_rows(void **state)
{
    struct writer w;
    struct store_fence other;

    writer_open(&w, state, "alarm");
    assert_int_equal(store_fence_find(w.store, "alarm.1"), ERR_NOT_FOUND);
    store_suite_raise(w.store, "alarm.1", &other);
    assert_int_equal(store_fence_find(w.store, "alarm.1"), ERR_OK);
    assert_int_equal(store_fence_find(w.store, "alarm."), ERR_NOT_FOUND);
    store_suite_commit(w.store, &w.fence, w.batch);
    store_suite_commit(w.store, &w.fence, w.batch);
    store_suite_commit(w.store, &other, w.batch);
    assert_int_equal(w.fence.batch, 2);
    assert_int_equal(other.batch, 1);
    /* A row nobody raised is nobody's. */
    other = (struct store_fence){"alarm.9", NOW_S, 0};
    assert_int_equal(store_commit(w.store, &other, w.batch, no_progress()),
                     ERR_FENCED);
    /* The clock leads when it is ahead, else the epoch still rises. */
    other = (struct store_fence){.row = "alarm.1"};
    struct buf payload;
    buf_init(&payload, TEXT_MAX);
    assert_int_equal(store_fence_raise(w.store, NOW_S + 500, &other, &payload),
                     ERR_OK);
    assert_int_equal(other.epoch, NOW_S + 500);
    assert_int_equal(store_fence_raise(w.store, 5, &other, &payload), ERR_OK);
    assert_int_equal(other.epoch, NOW_S + 501);
    assert_int_equal(other.batch, 1);
    buf_fini(&payload);
    writer_close(&w);
}

static void test_progress(void **state)
{
    struct writer w;
    struct buf payload;
    struct doc progress;

    writer_open(&w, state, "alarm");
    buf_init(&payload, TEXT_MAX);
    assert_int_equal(store_fence_raise(w.store, 0, &w.fence, &payload), ERR_OK);
    assert_int_equal(payload.len, 0);
    for (int round = 0; round < 2; round++) {
        progress = store_suite_doc(w.out, round == 0 ? "{'senders':{'a':[1,2]}}"
                                                     : "{'epoch':1,'_id':2}");
        assert_int_equal(store_commit(w.store, &w.fence, w.batch, progress),
                         ERR_OK);
        buf_clear(&payload);
        buf_add_str(&payload, "x");
        assert_int_equal(store_fence_raise(w.store, 0, &w.fence, &payload),
                         ERR_OK);
        assert_int_equal(w.fence.batch, round + 1);
        assert_int_equal(payload.len, progress.len + 1);
        assert_memory_equal(payload.data + 1, progress.data, progress.len);
    }
    buf_fini(&payload);
    writer_close(&w);
}

static void test_commit_known(void **state)
{
    struct writer w;
    struct store_fence before;
    bool applied = true;

    writer_open(&w, state, "alarm");
    before = w.fence;
    assert_int_equal(store_commit_known(w.store, &w.fence, &applied), ERR_OK);
    assert_false(applied);
    assert_int_equal(w.fence.batch, 0);
    store_suite_commit(w.store, &w.fence, w.batch);
    /* As one that did not hear of its success. */
    assert_int_equal(store_commit_known(w.store, &before, &applied), ERR_OK);
    assert_true(applied);
    assert_int_equal(before.batch, 1);
    /* Of one that is behind, and of one that lost its epoch. */
    before.batch = -1;
    assert_int_equal(store_commit_known(w.store, &before, &applied),
                     ERR_FENCED);
    before = w.fence;
    store_suite_raise(w.store, "alarm", &w.fence);
    assert_int_equal(store_commit_known(w.store, &before, &applied),
                     ERR_FENCED);
    (void)snprintf(before.row, sizeof before.row, "alarm.7");
    assert_int_equal(store_commit_known(w.store, &before, &applied),
                     ERR_FENCED);
    writer_close(&w);
}

/* A commit of many rows is in whole or not at all, however it ends. */
static void test_atomic(void **state)
{
    enum {
        ROWS = 3000
    };
    struct store_suite *suite = store_suite_of(state);
    struct store *reader = suite->open(suite->ctx, NULL);
    struct writer w;
    struct store_fence old;
    int64_t n = -1;

    writer_open(&w, state, "alarm");
    old = w.fence;
    old.epoch--;
    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < ROWS; i++) {
            put_json(&w, STORE_STEPS, text_int("x", i), "{'v':'abcdefgh'}");
        }
        if (round == 0) {
            assert_int_equal(
                store_commit(w.store, &old, w.batch, no_progress()),
                ERR_FENCED);
            store_batch_clear(w.batch);
        } else {
            store_suite_commit(w.store, &w.fence, w.batch);
        }
        assert_int_equal(store_count(reader, STORE_STEPS, NULL, ROWS + 1, &n),
                         ERR_OK);
        assert_int_equal(n, round * ROWS);
    }
    writer_close(&w);
    store_close(reader);
}

/* Rows for the tables below: under their key, in alarms. */
static const struct {
    const char *key;
    const char *json;
} table_rows[] = {
    {"a", "{'state':1,'component':'web','opened_at':10.5,'entity_id':'e1'}"},
    {"b", "{'state':3,'component':'web','opened_at':9,'entity_id':'e2'}"},
    {"c", "{'state':2,'component':'db','opened_at':10,'entity_id':'e1'}"},
    {"d", "{'state':1,'component':'db'}"},
    {"e", "{'state':null,'component':'Web','opened_at':true}"},
    {"f", "{'component':'','opened_at':'10'}"},
    {"g", "{'state':'1','opened_at':-1,'tags':['x','y'],'n':{'m':5}}"},
    {"h", "{'state':false,'opened_at':10.0}"},
    {"i", "{'state':true,'component':'web2','tags':['y'],'n':{'m':6}}"},
    {"j", "{'state':1.0,'component':'web','opened_at':10.25}"},
    {"k", "{'state':-2.5,'component':'web','entity_id':['e1','e9']}"},
};

static void put_table(struct writer *w)
{
    for (size_t i = 0; i < sizeof table_rows / sizeof table_rows[0]; i++) {
        put_json(w, STORE_ALARMS, text(table_rows[i].key), table_rows[i].json);
    }
    store_suite_commit(w->store, &w->fence, w->batch);
}

struct scan_case {
    const char *name;
    const char *filter;
    const char *sort;
    bool descending;
    const char *from;
    const char *to;
    const char *want;
};

static const struct scan_case scan_cases[] = {
    {"all", "", NULL, false, NULL, NULL, "a b c d e f g h i j k "},
    {"all down", "", NULL, true, NULL, NULL, "k j i h g f e d c b a "},
    {"from", "", NULL, false, "i", NULL, "i j k "},
    {"to", "", NULL, false, NULL, "c", "a b "},
    {"range down", "", NULL, true, "b", "e", "d c b "},
    {"range between keys", "", NULL, false, "aa", "cc", "b c "},
    {"empty range", "", NULL, false, "x", NULL, ""},
    {"range turned round", "", NULL, false, "e", "b", ""},
    {"kinds in order", "", "state", false, NULL, NULL,
     "e f k a d j c b g h i "},
    {"kinds in order down", "", "state", true, NULL, NULL,
     "i h g b c j d a k f e "},
    {"missing first", "", "opened_at", false, NULL, NULL,
     "d i k g b c h j a f e "},
    {"missing last", "", "opened_at", true, NULL, NULL,
     "e f a j h c b g k i d "},
    {"sort in a range", "", "state", false, "b", "h", "e f d c b g "},
    {"sort by a field with no value", "", "changed_at", false, NULL, NULL,
     "a b c d e f g h i j k "},
    {"a list above texts", "", "entity_id", false, "a", "l",
     "d e f g h i j a c b k "},
    {"a list above texts, down", "", "entity_id", true, "a", "l",
     "k b c a j i h g f e d "},
    {"equal", "{'component':'web'}", NULL, false, NULL, NULL, "a b j k "},
    {"equal sorted", "{'component':'web'}", "opened_at", true, NULL, NULL,
     "a j b k "},
    {"equal number of either kind", "{'state':1}", NULL, false, NULL, NULL,
     "a d j "},
    {"equal bool", "{'state':true}", NULL, false, NULL, NULL, "i "},
    {"equal false", "{'state':false}", NULL, false, NULL, NULL, "h "},
    {"equal text of digits", "{'state':'1'}", NULL, false, NULL, NULL, "g "},
    {"equal empty text", "{'component':''}", NULL, false, NULL, NULL, "f "},
    {"member of a list", "{'entity_id':'e1'}", NULL, false, NULL, NULL,
     "a c k "},
    {"member of a list, in", "{'entity_id':{'$in':['e9','e2']}}", NULL, false,
     NULL, NULL, "b k "},
    {"in", "{'component':{'$in':['db','Web','none']}}", NULL, true, NULL, NULL,
     "e d c "},
    {"in nothing", "{'component':{'$in':[]}}", NULL, false, NULL, NULL, ""},
    {"range of numbers", "{'opened_at':{'$gte':10,'$lt':10.5}}", "opened_at",
     false, NULL, NULL, "c h j "},
    {"above", "{'opened_at':{'$gt':10}}", NULL, false, NULL, NULL, "a j "},
    {"below", "{'state':{'$lte':1}}", "state", false, NULL, NULL, "k a d j "},
    {"text range", "{'component':{'$gte':'db','$lt':'web2'}}", "component",
     false, NULL, NULL, "c d a b j k "},
    {"exists", "{'state':{'$exists':true}}", NULL, false, "e", NULL,
     "e g h i j k "},
    {"not indexed", "{'tags':'y'}", NULL, false, NULL, NULL, "g i "},
    {"nested", "{'n.m':{'$gt':5}}", NULL, false, NULL, NULL, "i "},
    {"and", "{'component':'web','state':{'$gte':1}}", "state", true, NULL, NULL,
     "b j a "},
    {"or", "{'$or':[{'component':'db'},{'state':3}]}", NULL, false, NULL, NULL,
     "b c d "},
    {"nothing", "{'component':'nowhere'}", "state", false, NULL, NULL, ""},
};

static struct filter *make_filter(const char *quoted)
{
    char *json = xstrdup(quoted);
    struct filter *filter = NULL;
    struct errbuf why = {0};

    for (char *p = json; (p = strchr(p, '\'')) != NULL;) {
        *p = '"';
    }
    if (filter_parse(json, &filter, &why) != ERR_OK) {
        fail_msg("%s: %s", quoted, why.text);
    }
    free(json);
    return filter;
}

static size_t count_blanks(const char *keys)
{
    size_t n = 0;

    for (; (keys = strchr(keys, ' ')) != NULL; keys++) {
        n++;
    }
    return n;
}

static void check_scan_case(struct store *store, const struct scan_case *c)
{
    struct filter *filter = make_filter(c->filter);
    struct store_key from = text(c->from);
    struct store_key to = text(c->to);
    struct store_query query = {
        .collection = STORE_ALARMS,
        .filter = filter,
        .from = c->from != NULL ? &from : NULL,
        .to = c->to != NULL ? &to : NULL,
        .sort = c->sort,
        .descending = c->descending,
    };
    int64_t n = -1;

    check_keys(store, &query, c->want, c->name);
    if (c->from == NULL && c->to == NULL) {
        assert_int_equal(store_count(store, STORE_ALARMS, filter, 100, &n),
                         ERR_OK);
        if (n != (int64_t)count_blanks(c->want)) {
            fail_msg("%s: counted %lld", c->name, (long long)n);
        }
    }
    filter_free(filter);
}

static void test_scans(void **state)
{
    struct writer w;

    writer_open(&w, state, "alarm");
    put_table(&w);
    for (size_t i = 0; i < sizeof scan_cases / sizeof scan_cases[0]; i++) {
        check_scan_case(w.store, &scan_cases[i]);
    }
    writer_close(&w);
}

static void test_count_limit(void **state)
{
    struct writer w;
    int64_t n = -1;

    writer_open(&w, state, "alarm");
    put_table(&w);
    assert_int_equal(store_count(w.store, STORE_ALARMS, NULL, 3, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(store_count(w.store, STORE_ALARMS, NULL, 0, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(store_count(w.store, STORE_STEPS, NULL, 3, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(store_count(w.store, STORE_ALARMS, NULL, INT64_MAX, &n),
                     ERR_OK);
    assert_int_equal(n, sizeof table_rows / sizeof table_rows[0]);
    writer_close(&w);
}

static bool stop_at_once(void *ctx, const struct store_key *key, struct doc row)
{
    (void)key;
    (void)row;
    ++*(int *)ctx;
    return false;
}

/* A scan stopped by its caller goes on behind the row it stopped at. */
static void test_scan_stopped(void **state)
{
    struct writer w;
    struct buf next;
    struct store_query query = {.collection = STORE_ALARMS, .limit = 5};
    struct buf keys;
    int n = 0;

    writer_open(&w, state, "alarm");
    put_table(&w);
    buf_init(&next, TEXT_MAX);
    buf_init(&keys, TEXT_MAX);
    assert_int_equal(store_scan(w.store, &query, stop_at_once, &n, &next, NULL),
                     ERR_OK);
    assert_int_equal(n, 1);
    query.cursor = buf_str(&next);
    assert_int_equal(store_scan(w.store, &query, add_key, &keys, NULL, NULL),
                     ERR_OK);
    assert_string_equal(buf_str(&keys), "b c d e f ");
    buf_fini(&keys);
    buf_fini(&next);
    writer_close(&w);
}

/* Rows that do not match are looked at up to a bound. */
static void test_looked_at(void **state)
{
    struct writer w;
    struct buf next;
    struct buf keys;
    struct filter *filter = make_filter("{'n.m':{'$gt':4}}");
    struct store_query query = {
        .collection = STORE_ALARMS, .filter = filter, .limit = 100, .look = 5};
    bool whole = true;
    int64_t n = -1;

    writer_open(&w, state, "alarm");
    put_table(&w);
    buf_init(&next, TEXT_MAX);
    buf_init(&keys, TEXT_MAX);
    assert_int_equal(store_scan(w.store, &query, add_key, &keys, &next, NULL),
                     ERR_OK);
    assert_string_equal(buf_str(&keys), "");
    assert_true(next.len > 0);
    assert_int_equal(store_count_some(w.store, &query, &n, &whole), ERR_OK);
    assert_int_equal(n, 0);
    assert_false(whole);
    query.look = 7; /* g is the seventh */
    assert_int_equal(store_count_some(w.store, &query, &n, &whole), ERR_OK);
    assert_int_equal(n, 1);
    assert_false(whole);
    query.look = 100;
    assert_int_equal(store_count_some(w.store, &query, &n, &whole), ERR_OK);
    assert_int_equal(n, 2);
    assert_true(whole);
    filter_free(filter);
    buf_fini(&keys);
    buf_fini(&next);
    writer_close(&w);
}

/* A cursor keeps its place while rows come and go. */
static void test_cursor_moving(void **state)
{
    struct writer w;
    struct buf next;
    struct buf keys;
    struct store_query query = {.collection = STORE_ALARMS, .limit = 2};

    writer_open(&w, state, "alarm");
    put_table(&w);
    buf_init(&next, TEXT_MAX);
    buf_init(&keys, TEXT_MAX);
    assert_int_equal(store_scan(w.store, &query, add_key, &keys, &next, NULL),
                     ERR_OK);
    store_batch_delete(w.batch, STORE_ALARMS, &(struct store_key){"b", 0, 0});
    store_batch_delete(w.batch, STORE_ALARMS, &(struct store_key){"c", 0, 0});
    put_json(&w, STORE_ALARMS, text("aa"), "{}");
    put_json(&w, STORE_ALARMS, text("ba"), "{}");
    store_suite_commit(w.store, &w.fence, w.batch);
    query.cursor = xstrdup(buf_str(&next));
    assert_int_equal(store_scan(w.store, &query, add_key, &keys, &next, NULL),
                     ERR_OK);
    assert_string_equal(buf_str(&keys), "a b ba d ");
    free((void *)(uintptr_t)query.cursor);
    buf_fini(&keys);
    buf_fini(&next);
    writer_close(&w);
}

struct cursor_case {
    const char *name;
    const char *json; /* what is inside; NULL: text as it is */
    const char *text;
};

/* Each is refused by a scan of alarms sorted by state, descending. */
static const struct cursor_case cursor_cases[] = {
    {"not base64", NULL, "???"},
    {"no document", NULL, "AAAA"},
    {"empty document", "{}", NULL},
    {"other collection",
     "{'c':'steps','d':true,'s':'state','v':1,'k':'a','a':0,'b':0}", NULL},
    {"other direction",
     "{'c':'alarms','d':false,'s':'state','v':1,'k':'a','a':0,'b':0}", NULL},
    {"no direction", "{'c':'alarms','s':'state','v':1,'k':'a','a':0,'b':0}",
     NULL},
    {"other sort",
     "{'c':'alarms','d':true,'s':'status','v':1,'k':'a','a':0,'b':0}", NULL},
    {"no sort", "{'c':'alarms','d':true,'v':1,'k':'a','a':0,'b':0}", NULL},
    {"no key", "{'c':'alarms','d':true,'s':'state','v':1,'a':0,'b':0}", NULL},
    {"key of another kind",
     "{'c':'alarms','d':true,'s':'state','v':1,'k':5,'a':0,'b':0}", NULL},
    {"half a key", "{'c':'alarms','d':true,'s':'state','v':1,'k':'a'}", NULL},
};

static void check_cursor_case(struct store *store, const struct cursor_case *c)
{
    struct doc_out *out = doc_out_new();
    struct buf cursor;
    struct buf keys;
    struct errbuf why = {0};
    struct store_query query = {.collection = STORE_ALARMS,
                                .sort = "state",
                                .descending = true,
                                .limit = 5};

    buf_init(&cursor, TEXT_MAX);
    buf_init(&keys, TEXT_MAX);
    if (c->json != NULL) {
        struct doc doc = store_suite_doc(out, c->json);

        str_to_base64(&cursor, doc.data, doc.len);
    }
    query.cursor = c->json != NULL ? buf_str(&cursor) : c->text;
    if (store_scan(store, &query, add_key, &keys, NULL, &why) != ERR_INVALID ||
        keys.len != 0 || strcmp(why.field, "cursor") != 0) {
        fail_msg("%s: not refused", c->name);
    }
    buf_fini(&keys);
    buf_fini(&cursor);
    doc_out_free(out);
}

static void test_cursor_misuse(void **state)
{
    struct writer w;
    char *huge = xcalloc(1, BIG_ROW);

    writer_open(&w, state, "alarm");
    put_table(&w);
    for (size_t i = 0; i < sizeof cursor_cases / sizeof cursor_cases[0]; i++) {
        check_cursor_case(w.store, &cursor_cases[i]);
    }
    memset(huge, 'A', BIG_ROW - 1);
    check_cursor_case(w.store, &(struct cursor_case){"too long", NULL, huge});
    free(huge);
    writer_close(&w);
}

/* Forged but well-formed: any place is as good as another. */
static void test_cursor_forged(void **state)
{
    static const char *const values[] = {
        "1", "'1'", "null", "true", "[1,2]", "{'a':1}", "-1e300",
    };
    struct writer w;

    writer_open(&w, state, "alarm");
    put_table(&w);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf cursor;
        struct buf keys;
        char json[TEXT_MAX];
        struct doc doc;
        struct store_query query = {
            .collection = STORE_ALARMS, .sort = "state", .limit = 50};

        (void)snprintf(json, sizeof json,
                       "{'c':'alarms','d':false,'s':'state','v':%s,'k':'x',"
                       "'a':0,'b':0}",
                       values[i]);
        buf_init(&cursor, TEXT_MAX);
        buf_init(&keys, TEXT_MAX);
        doc = store_suite_doc(w.out, json);
        str_to_base64(&cursor, doc.data, doc.len);
        query.cursor = buf_str(&cursor);
        assert_int_equal(
            store_scan(w.store, &query, add_key, &keys, NULL, NULL), ERR_OK);
        buf_fini(&keys);
        buf_fini(&cursor);
    }
    writer_close(&w);
}

static void test_refused_queries(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct store *reader = suite->open(suite->ctx, NULL);
    struct errbuf why = {0};
    struct buf keys;
    struct store_query query = {.collection = STORE_ALARMS, .limit = 0};

    buf_init(&keys, TEXT_MAX);
    assert_int_equal(store_scan(reader, &query, add_key, &keys, NULL, &why),
                     ERR_INVALID);
    assert_string_equal(why.field, "limit");
    query.limit = 1;
    query.sort = "output";
    assert_int_equal(store_scan(reader, &query, add_key, &keys, NULL, &why),
                     ERR_INVALID);
    assert_string_equal(why.field, "sort");
    buf_fini(&keys);
    store_close(reader);
}

/* Other data may be read from inside a scan. */
static bool get_inside(void *ctx, const struct store_key *key, struct doc row)
{
    struct buf out;
    enum err err;

    (void)row;
    buf_init(&out, TEXT_MAX);
    err = store_get(ctx, STORE_ALARMS, key, &out);
    buf_fini(&out);
    assert_int_equal(err, ERR_OK);
    return true;
}

static void test_get_in_scan(void **state)
{
    struct writer w;
    struct store_query query = {
        .collection = STORE_ALARMS, .sort = "state", .limit = 50};

    writer_open(&w, state, "alarm");
    put_table(&w);
    assert_int_equal(
        store_scan(w.store, &query, get_inside, w.store, NULL, NULL), ERR_OK);
    writer_close(&w);
}

static int setup(void **state)
{
    struct store_suite *suite = store_suite_of(state);

    suite->begin(suite->ctx);
    return 0;
}

static int teardown(void **state)
{
    struct store_suite *suite = store_suite_of(state);

    suite->end(suite->ctx);
    return 0;
}

int store_suite_run(struct store_suite *suite)
{
#define CASE(test)                                                             \
    {                                                                          \
        .name = #test, .test_func = test, .setup_func = setup,                 \
        .teardown_func = teardown, .initial_state = suite                      \
    }
    const struct CMUnitTest tests[] = {
        CASE(test_get_put_delete),
        CASE(test_append),
        CASE(test_add),
        CASE(test_batch_order),
        CASE(test_delete_range),
        CASE(test_key_order),
        CASE(test_unicode),
        CASE(test_member_names),
        CASE(test_big_rows),
        CASE(test_reopen),
        CASE(test_readers),
        CASE(test_private_rows),
        CASE(test_fence),
        CASE(test_fence_remove),
        CASE(test_fence_rows),
        CASE(test_progress),
        CASE(test_commit_known),
        CASE(test_atomic),
        CASE(test_scans),
        CASE(test_count_limit),
        CASE(test_scan_stopped),
        CASE(test_looked_at),
        CASE(test_cursor_moving),
        CASE(test_cursor_misuse),
        CASE(test_cursor_forged),
        CASE(test_refused_queries),
        CASE(test_get_in_scan),
        CASE(store_suite_test_model),
    };
#undef CASE
    return cmocka_run_group_tests_name(suite->name, tests, NULL, NULL);
}
