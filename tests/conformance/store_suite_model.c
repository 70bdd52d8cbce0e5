/* SPDX-License-Identifier: Apache-2.0 */
/** Random operations on a store and on a plain model that must agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/str.h"
#include "common/store/store_backend.h"
#include "tests/conformance/store_suite.h"

enum {
    ROWS_MAX = 400, /* more than keys there are */
    ROUNDS = 60,
    OPS_MAX = 30,
    QUERIES = 12,
    CURSOR_MAX = 4096
};

struct model_row {
    struct store_key key;
    uint8_t *data;
    uint32_t len;
};

/* One collection. */
struct table {
    enum store_collection collection;
    struct model_row rows[ROWS_MAX];
    size_t n;
};

struct model {
    uint64_t seed;
    struct table tables[3];
    struct doc_out *out;
};

/* xorshift64*: the same runs again from a printed seed. */
static uint64_t roll(struct model *model, uint64_t sides)
{
    model->seed ^= model->seed >> 12;
    model->seed ^= model->seed << 25;
    model->seed ^= model->seed >> 27;
    return (model->seed * 0x2545F4914F6CDD1DULL >> 33) % sides;
}

static const char *const names[] = {
    "",  "a", "A", "aa", "ab", "b",  "b/c", "é", "日本", "\xF0\x9F\x94\xA5",
    "z", "Z", "~", "_",  "0",  "10", "9",
};
enum {
    N_NAMES = sizeof names / sizeof names[0]
};

static struct store_key random_key(struct model *model,
                                   const struct table *table)
{
    struct store_key key = {0};

    if (store_schema(table->collection)->key != STORE_KEY_INTS) {
        key.text = names[roll(model, N_NAMES)];
    }
    if (store_schema(table->collection)->key != STORE_KEY_TEXT) {
        key.a = (int64_t)roll(model, 15) - 7;
    }
    if (store_schema(table->collection)->key == STORE_KEY_INTS) {
        key.b = (int64_t)roll(model, 15) - 7;
    }
    return key;
}

static void add_random(struct model *model, const char *field)
{
    switch (roll(model, 8)) {
    case 0:
        doc_add_null(model->out, field);
        break;
    case 1:
        doc_add_bool(model->out, field, roll(model, 2) == 0);
        break;
    case 2:
    case 3:
        doc_add_i64(model->out, field, (int64_t)roll(model, 7) - 3);
        break;
    case 4:
        doc_add_f64(model->out, field, (double)roll(model, 13) / 2 - 3);
        break;
    case 5:
    case 6:
        doc_add_str(model->out, field, names[roll(model, N_NAMES)]);
        break;
    default:
        break;
    }
}

/* Lists all count as equal in an order, but conditions look into them. */
static struct doc random_row(struct model *model)
{
    doc_out_reset(model->out);
    add_random(model, "state");
    add_random(model, "opened_at");
    if (roll(model, 8) == 0) {
        doc_begin_array(model->out, "component");
        add_random(model, "");
        add_random(model, "");
        doc_end(model->out);
    } else {
        add_random(model, "component");
    }
    add_random(model, "entity_id");
    doc_add_i64(model->out, "n", (int64_t)roll(model, 1000));
    return doc_out_done(model->out);
}

static enum store_key_kind kind_of(const struct table *table)
{
    return store_schema(table->collection)->key;
}

static struct model_row *find(struct table *table, const struct store_key *key)
{
    for (size_t i = 0; i < table->n; i++) {
        if (store_key_compare(kind_of(table), &table->rows[i].key, key) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

static void model_put(struct table *table, const struct store_key *key,
                      struct doc row)
{
    struct model_row *at = find(table, key);

    if (at == NULL) {
        assert_true(table->n < ROWS_MAX);
        at = &table->rows[table->n++];
        at->key = *key;
    } else {
        free(at->data);
    }
    at->data = xmemdup(row.data, row.len);
    at->len = row.len;
}

static void model_delete_range(struct table *table,
                               const struct store_key *first,
                               const struct store_key *past)
{
    enum store_key_kind kind = kind_of(table);

    for (size_t i = table->n; i > 0; i--) {
        struct model_row *row = &table->rows[i - 1];

        if (store_key_compare(kind, &row->key, first) >= 0 &&
            store_key_compare(kind, &row->key, past) < 0) {
            free(row->data);
            *row = table->rows[--table->n];
        }
    }
}

static void model_delete(struct table *table, const struct store_key *key)
{
    struct model_row *row = find(table, key);

    if (row != NULL) {
        free(row->data);
        *row = table->rows[--table->n];
    }
}

static void random_op(struct model *model, struct table *table,
                      struct store_batch *batch)
{
    struct store_key key = random_key(model, table);
    struct store_key past = random_key(model, table);
    struct doc row;

    switch (roll(model, 14)) {
    case 0:
        past.text = key.text; /* as KEY_TEXT_INT wants it */
        if (kind_of(table) == STORE_KEY_TEXT) {
            past.text = names[roll(model, N_NAMES)];
        }
        store_batch_delete_range(batch, table->collection, &key, &past);
        model_delete_range(table, &key, &past);
        break;
    case 1:
    case 2:
        store_batch_delete(batch, table->collection, &key);
        model_delete(table, &key);
        break;
    case 3:
    case 4:
        row = random_row(model);
        store_batch_append(batch, table->collection, &key, row);
        model_put(table, &key, row);
        break;
    case 5:
    case 6:
        row = random_row(model);
        store_batch_add(batch, table->collection, &key, row);
        if (find(table, &key) == NULL) {
            model_put(table, &key, row);
        }
        break;
    default:
        row = random_row(model);
        store_batch_put(batch, table->collection, &key, row);
        model_put(table, &key, row);
        break;
    }
}

static const char *const filters[] = {
    "",
    "{\"state\":1}",
    "{\"state\":{\"$gte\":0}}",
    "{\"component\":\"a\"}",
    "{\"component\":{\"$in\":[\"a\",\"z\",1,2,true]}}",
    "{\"opened_at\":{\"$gt\":-1,\"$lte\":2.5}}",
    "{\"opened_at\":{\"$lt\":\"b\"}}",
    "{\"component\":{\"$exists\":true},\"state\":{\"$ne\":1}}",
    "{\"$or\":[{\"state\":true},{\"entity_id\":\"b\"}]}",
    "{\"n\":{\"$gt\":500},\"component\":{\"$lt\":2}}",
    "{\"state\":null}",
    "{\"entity_id\":{\"$gt\":\"A\"},\"state\":{\"$lt\":3}}",
};
enum {
    N_FILTERS = sizeof filters / sizeof filters[0]
};

struct want {
    const struct store_query *query;
    const struct model_row *row;
};

static int want_compare(const void *left, const void *right)
{
    const struct want *a = left;
    const struct want *b = right;
    int order = 0;

    if (a->query->sort != NULL) {
        struct doc_value x;
        struct doc_value y;

        store_sort_value((struct doc){a->row->data, a->row->len},
                         a->query->sort, &x);
        store_sort_value((struct doc){b->row->data, b->row->len},
                         b->query->sort, &y);
        order = doc_compare(&x, &y);
    }
    if (order == 0) {
        order = store_key_compare(store_schema(a->query->collection)->key,
                                  &a->row->key, &b->row->key);
    }
    return a->query->descending ? -order : order;
}

static size_t model_scan(const struct table *table,
                         const struct store_query *query, struct want *wants)
{
    enum store_key_kind kind = kind_of(table);
    size_t n = 0;

    for (size_t i = 0; i < table->n; i++) {
        const struct model_row *row = &table->rows[i];

        if ((query->from == NULL ||
             store_key_compare(kind, &row->key, query->from) >= 0) &&
            (query->to == NULL ||
             store_key_compare(kind, &row->key, query->to) < 0) &&
            filter_match(query->filter, (struct doc){row->data, row->len})) {
            wants[n++] = (struct want){query, row};
        }
    }
    qsort(wants, n, sizeof *wants, want_compare);
    return n;
}

struct check {
    const struct want *wants;
    size_t n;
    size_t at;
    enum store_key_kind kind;
};

static bool check_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct check *check = ctx;
    const struct model_row *want;

    assert_true(check->at < check->n);
    want = check->wants[check->at++].row;
    assert_int_equal(store_key_compare(check->kind, key, &want->key), 0);
    assert_int_equal(row.len, want->len);
    assert_memory_equal(row.data, want->data, want->len);
    return true;
}

static void check_pages(struct store *store, struct store_query query,
                        const struct table *table)
{
    struct want wants[ROWS_MAX];
    struct check check = {wants, model_scan(table, &query, wants), 0,
                          kind_of(table)};
    char cursor[CURSOR_MAX] = "";
    struct errbuf why = {0};
    struct buf next;
    int64_t n = -1;

    buf_init(&next, sizeof cursor - 1);
    query.cursor = cursor;
    do {
        assert_int_equal(
            store_scan(store, &query, check_row, &check, &next, &why), ERR_OK);
        (void)snprintf(cursor, sizeof cursor, "%s", buf_str(&next));
    } while (cursor[0] != '\0');
    assert_int_equal(check.at, check.n);
    if (query.from == NULL && query.to == NULL) {
        assert_int_equal(
            store_count(store, query.collection, query.filter, ROWS_MAX, &n),
            ERR_OK);
        assert_int_equal(n, check.n);
    }
    buf_fini(&next);
}

static void random_query(struct model *model, struct store *store,
                         const struct table *table)
{
    static const char *const sorts[] = {"state", "opened_at", "entity_id",
                                        "component"};
    struct store_key from = random_key(model, table);
    struct store_key to = random_key(model, table);
    struct store_query query = {.collection = table->collection};
    struct filter *filter = NULL;

    assert_int_equal(
        filter_parse(filters[roll(model, N_FILTERS)], &filter, NULL), ERR_OK);
    query.filter = filter;
    query.from = roll(model, 3) == 0 ? &from : NULL;
    query.to = roll(model, 3) == 0 ? &to : NULL;
    query.descending = roll(model, 2) == 0;
    query.limit = (int64_t)roll(model, 40) + 1;
    query.sort = sorts[roll(model, 4)];
    if (roll(model, 3) == 0 ||
        !store_schema_indexes(table->collection, query.sort)) {
        query.sort = NULL;
    }
    check_pages(store, query, table);
    filter_free(filter);
}

static void check_gets(struct store *store, const struct table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct model_row *row = &table->rows[i];
        struct buf got;

        buf_init(&got, DOC_BYTES_MAX);
        assert_int_equal(store_get(store, table->collection, &row->key, &got),
                         ERR_OK);
        assert_int_equal(got.len, row->len);
        assert_memory_equal(got.data, row->data, row->len);
        buf_fini(&got);
    }
}

static void run_rounds(struct model *model, struct store *store,
                       struct table *table, const char *writer)
{
    struct store_batch *batch = store_batch_new();
    struct store_fence fence;

    store_suite_raise(store, writer, &fence);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint64_t ops = roll(model, OPS_MAX); ops > 0; ops--) {
            random_op(model, table, batch);
        }
        store_suite_commit(store, &fence, batch);
        for (int i = 0; i < QUERIES; i++) {
            random_query(model, store, table);
        }
    }
    check_gets(store, table);
    store_batch_free(batch);
}

static uint64_t pick_seed(void)
{
    const char *text = getenv("HYP_TEST_SEED");
    int64_t seed = 0;

    if (text != NULL && str_to_i64(text, 1, INT64_MAX, &seed) == ERR_OK) {
        return (uint64_t)seed;
    }
    random_bytes(&seed, sizeof seed);
    return ((uint64_t)seed >> 1) | 1;
}

void store_suite_test_model(void **state)
{
    static const struct {
        enum store_collection collection;
        const char *writer;
    } runs[] = {
        {STORE_ALARMS, "alarm"},
        {STORE_EVENTS_LOG, "eventstore"},
        {STORE_OUTBOX, "context"},
    };
    struct store_suite *suite = store_suite_of(state);
    struct model *model = xcalloc(1, sizeof *model);

    model->seed = pick_seed();
    print_message("# HYP_TEST_SEED=%llu\n", (unsigned long long)model->seed);
    model->out = doc_out_new();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct store *store = suite->open(suite->ctx, runs[i].writer);
        struct table *table = &model->tables[i];

        table->collection = runs[i].collection;
        run_rounds(model, store, table, runs[i].writer);
        store_close(store);
        for (size_t row = 0; row < table->n; row++) {
            free(table->rows[row].data);
        }
    }
    doc_out_free(model->out);
    free(model);
}
