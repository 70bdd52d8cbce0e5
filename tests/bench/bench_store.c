/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Each operation of a store alone: writes 1,000 a commit on condition of the
 * fence, as the runtime commits; reads as the webserver reads. Prints JSON:
 * of each operation its unit (a row, a page, a count), microseconds of
 * processor time here and of the server, and how many a second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/filter/filter.h"
#include "common/store/store.h"
#include "tests/bench/maker.h"
#include "tests/bench/meter.h"

enum {
    BATCH = 1000,
    PAGE = 50,
    PAGES = 200,
    COUNTS = 10,
    ROWS_LEAST = 10000,
    ROWS_MOST = 10000000,
    CHANGED = 50, /* percent of rows put with a new state */
    STRIDE = 7368787,
    KEY_BYTES = 64,
    EXIT_USAGE = 2
};

struct bench {
    struct store *store;
    struct store_fence fence;
    struct store_batch *batch;
    struct doc_out *out;
    struct maker maker;
    int64_t rows;
    int64_t now_s;
    struct buf got;
};

static _Noreturn void die(const char *what, const struct errbuf *why)
{
    (void)fprintf(stderr, "bench_store: %s: %s\n", what,
                  why != NULL ? why->text : "failed");
    exit(EXIT_FAILURE);
}

static void commit(struct bench *bench)
{
    enum err err;

    doc_out_reset(bench->out);
    err = store_commit(bench->store, &bench->fence, bench->batch,
                       doc_out_done(bench->out));
    if (err != ERR_OK) {
        die("commit", NULL);
    }
    store_batch_clear(bench->batch);
}

static void commit_when_full(struct bench *bench)
{
    if (store_batch_count(bench->batch) >= BATCH) {
        commit(bench);
    }
}

/* An event as a row; its timestamp moves with each turn. */
static struct doc make_row(struct bench *bench)
{
    char text[MAKER_BYTES + 1];
    struct errbuf why = {{0}, {0}};
    struct doc row;

    maker_next(&bench->maker, bench->now_s, text);
    if (doc_from_json(text, MAKER_BYTES, bench->out, &row, &why) != ERR_OK) {
        die("row", &why);
    }
    return row;
}

static const char *row_key(const struct bench *bench, int64_t i, char *text)
{
    (void)snprintf(text, KEY_BYTES, "/resource/bench/bench1/host%04" PRId64,
                   i * STRIDE % bench->rows);
    return text;
}

/* Operations: each returns how many it did. */

static int64_t insert_rows(struct bench *bench)
{
    for (int64_t i = 0; i < bench->rows; i++) {
        char text[KEY_BYTES];
        const struct store_key key = {.text = row_key(bench, i, text)};

        store_batch_append(bench->batch, STORE_EVENTS, &key, make_row(bench));
        commit_when_full(bench);
    }
    commit(bench);
    return bench->rows;
}

static int64_t append_rows(struct bench *bench)
{
    for (int64_t i = 0; i < bench->rows; i++) {
        const struct store_key key = {.a = i, .b = i};

        store_batch_append(bench->batch, STORE_EVENTS_LOG, &key,
                           make_row(bench));
        commit_when_full(bench);
    }
    commit(bench);
    return bench->rows;
}

static int64_t put_rows(struct bench *bench)
{
    for (int64_t i = 0; i < bench->rows; i++) {
        char text[KEY_BYTES];
        const struct store_key key = {.text = row_key(bench, i, text)};

        store_batch_put(bench->batch, STORE_EVENTS, &key, make_row(bench));
        commit_when_full(bench);
    }
    commit(bench);
    return bench->rows;
}

/* Nothing that has an index changes. */
static int64_t update_rows(struct bench *bench)
{
    bench->maker.changes = 0;
    return put_rows(bench);
}

/* The time of each row changes, and the state of half of them. */
static int64_t replace_rows(struct bench *bench)
{
    bench->maker.changes = CHANGED / 100.0;
    bench->now_s++;
    return put_rows(bench);
}

static int64_t get_rows(struct bench *bench)
{
    for (int64_t i = 0; i < bench->rows; i++) {
        char text[KEY_BYTES];
        const struct store_key key = {.text = row_key(bench, i, text)};

        buf_clear(&bench->got);
        if (store_get(bench->store, STORE_EVENTS, &key, &bench->got) !=
            ERR_OK) {
            die("get", NULL);
        }
    }
    return bench->rows;
}

static bool next_row(void *ctx, const struct store_key *key, struct doc row)
{
    int64_t *n = ctx;

    (void)key;
    (void)row;
    (*n)++;
    return true;
}

static int64_t scan_pages(struct bench *bench, const char *sort,
                          const struct filter *filter)
{
    struct errbuf why = {{0}, {0}};
    struct buf cursor;
    struct buf next;
    int64_t rows = 0;
    int64_t pages = 0;

    buf_init(&cursor, DOC_BYTES_MAX);
    buf_init(&next, DOC_BYTES_MAX);
    do {
        const struct store_query query = {.collection = STORE_EVENTS,
                                          .filter = filter,
                                          .sort = sort,
                                          .descending = true,
                                          .cursor = buf_str(&cursor),
                                          .limit = PAGE};

        if (store_scan(bench->store, &query, next_row, &rows, &next, &why) !=
            ERR_OK) {
            die("scan", &why);
        }
        buf_clear(&cursor);
        buf_add(&cursor, next.data, next.len);
        pages++;
    } while (next.len > 0 && pages < PAGES);
    buf_fini(&cursor);
    buf_fini(&next);
    return pages;
}

static int64_t scan_newest(struct bench *bench)
{
    return scan_pages(bench, "timestamp", NULL);
}

static struct filter *parse(const char *text)
{
    struct errbuf why = {{0}, {0}};
    struct filter *filter = NULL;

    if (filter_parse(text, &filter, &why) != ERR_OK) {
        die(text, &why);
    }
    return filter;
}

static int64_t scan_filtered(struct bench *bench)
{
    struct filter *filter = parse("{\"state\":{\"$gte\":2}}");
    int64_t n = scan_pages(bench, "timestamp", filter);

    filter_free(filter);
    return n;
}

static int64_t count_rows(struct bench *bench, const char *text)
{
    struct filter *filter = text != NULL ? parse(text) : NULL;

    for (int i = 0; i < COUNTS; i++) {
        int64_t n;

        if (store_count(bench->store, STORE_EVENTS, filter, INT64_MAX, &n) !=
            ERR_OK) {
            die("count", NULL);
        }
    }
    filter_free(filter);
    return COUNTS;
}

static int64_t count_all(struct bench *bench)
{
    return count_rows(bench, NULL);
}

static int64_t count_indexed(struct bench *bench)
{
    return count_rows(bench, "{\"state\":{\"$gte\":2}}");
}

static int64_t count_looked_at(struct bench *bench)
{
    return count_rows(bench, "{\"resource\":\"disk007\"}");
}

static int64_t delete_ranges(struct bench *bench)
{
    for (int64_t i = 0; i < bench->rows; i += BATCH) {
        const struct store_key first = {.a = i};
        const struct store_key past = {.a = i + BATCH};

        store_batch_delete_range(bench->batch, STORE_EVENTS_LOG, &first, &past);
        commit(bench);
    }
    return bench->rows;
}

static const struct {
    const char *name;
    int64_t (*run)(struct bench *bench);
} operations[] = {
    {"insert", insert_rows},   /* under new keys, in no order */
    {"append", append_rows},   /* under rising keys */
    {"update", update_rows},   /* no indexed value changes */
    {"replace", replace_rows}, /* one or two of three change */
    {"get", get_rows},         /* one by one */
    {"page", scan_newest},     /* 50 rows by an index, newest first */
    {"page_filtered", scan_filtered},
    {"count", count_all},
    {"count_indexed", count_indexed},
    {"count_filtered", count_looked_at}, /* no index: looks at each row */
    {"delete_range", delete_ranges},     /* 1,000 rows each; cost a row */
};

static void run_all(struct bench *bench, int64_t server_pid)
{
    struct meter meter = {.server_pid = server_pid};

    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        struct use use = {0};
        int64_t n;

        meter_start(&meter);
        n = operations[i].run(bench);
        meter_add(&meter, &use);
        (void)printf("%s\"%s\":{\"us\":%.3f,\"server_us\":%.3f,"
                     "\"per_s\":%.1f}",
                     i > 0 ? "," : "", operations[i].name,
                     use.own * 1e6 / (double)n, use.server * 1e6 / (double)n,
                     (double)n / use.wall);
        (void)fflush(stdout);
    }
}

static void open_all(struct bench *bench, const char *uri)
{
    const struct store_options options = {.uri = uri, .writer = "eventstore"};
    struct errbuf why = {{0}, {0}};
    struct buf payload;

    buf_init(&payload, DOC_BYTES_MAX);
    if (store_open(&options, &bench->store, &why) != ERR_OK) {
        die(uri, &why);
    }
    (void)snprintf(bench->fence.row, sizeof bench->fence.row, "eventstore");
    if (store_fence_raise(bench->store, bench->now_s, &bench->fence,
                          &payload) != ERR_OK) {
        die(uri, NULL);
    }
    buf_fini(&payload);
    buf_init(&bench->got, DOC_BYTES_MAX);
    bench->batch = store_batch_new();
    bench->out = doc_out_new();
    maker_init(&bench->maker, bench->rows, 0, 0);
}

/* Usage: bench_store URI ROWS [SERVER_PID]; the store is empty at first. */
int main(int argc, char **argv)
{
    struct bench bench = {.now_s = clock_now_ms() / 1000};
    int64_t server_pid = 0;

    if (argc < 3 || argc > 4 ||
        str_to_i64(argv[2], ROWS_LEAST, ROWS_MOST, &bench.rows) != ERR_OK ||
        (argc == 4 &&
         str_to_i64(argv[3], 1, INT32_MAX, &server_pid) != ERR_OK)) {
        (void)fputs("usage: bench_store URI ROWS [SERVER_PID]\n", stderr);
        return EXIT_USAGE;
    }
    open_all(&bench, argv[1]);
    (void)printf("{\"bench\":\"store\",\"rows\":%lld,\"operations\":{",
                 (long long)bench.rows);
    run_all(&bench, server_pid);
    (void)puts("}}");
    maker_fini(&bench.maker);
    doc_out_free(bench.out);
    store_batch_free(bench.batch);
    buf_fini(&bench.got);
    store_close(bench.store);
    return EXIT_SUCCESS;
}
