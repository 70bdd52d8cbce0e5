/* SPDX-License-Identifier: Apache-2.0 */
/** The suite on the memory store, and the faults that only this one has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/store/store_memory.h"
#include "tests/conformance/points_suite.h"
#include "tests/conformance/store_suite.h"

static void begin(void *ctx)
{
    *(struct store_memory **)ctx = store_memory_new();
}

static void end(void *ctx)
{
    store_memory_free(*(struct store_memory **)ctx);
}

static struct store *open_handle(void *ctx, const char *writer)
{
    return store_memory_open(*(struct store_memory **)ctx, writer);
}

static enum store_fault commit_fault(void *ctx, bool is_commit)
{
    return is_commit ? *(enum store_fault *)ctx : STORE_FAULT_NONE;
}

static enum store_fault any_fault(void *ctx, bool is_commit)
{
    (void)is_commit;
    return *(enum store_fault *)ctx;
}

static const struct {
    enum store_fault fault;
    enum err want;
    bool applied;
} commit_faults[] = {
    {STORE_FAULT_UNAVAILABLE, ERR_UNAVAILABLE, false},
    {STORE_FAULT_UNKNOWN_APPLIED, ERR_UNKNOWN, true},
    {STORE_FAULT_UNKNOWN_LOST, ERR_UNKNOWN, false},
};

static void test_commit_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commit_faults / sizeof *commit_faults; i++) {
        struct store_memory *memory = store_memory_new();
        struct store *store = store_memory_open(memory, "alarm");
        struct store_batch *batch = store_batch_new();
        struct store_key key = {.text = "a"};
        enum store_fault fault = commit_faults[i].fault;
        struct store_fence fence;
        struct buf row;
        bool applied = !commit_faults[i].applied;

        buf_init(&row, DOC_BYTES_MAX);
        store_suite_raise(store, "alarm", &fence);
        store_memory_set_fault(memory, commit_fault, &fault);
        store_batch_put(batch, STORE_ALARMS, &key, (struct doc){NULL, 0});
        assert_int_equal(
            store_commit(store, &fence, batch, (struct doc){NULL, 0}),
            commit_faults[i].want);
        assert_int_equal(fence.batch, 0);
        assert_int_equal(store_commit_known(store, &fence, &applied), ERR_OK);
        assert_true(applied == commit_faults[i].applied);
        assert_int_equal(store_get(store, STORE_ALARMS, &key, &row),
                         applied ? ERR_OK : ERR_NOT_FOUND);
        fault = STORE_FAULT_NONE;
        assert_int_equal(
            store_commit(store, &fence, batch, (struct doc){NULL, 0}), ERR_OK);
        assert_int_equal(fence.batch, applied ? 2 : 1);
        buf_fini(&row);
        store_batch_free(batch);
        store_close(store);
        store_memory_free(memory);
    }
}

static bool no_row(void *ctx, const struct store_key *key, struct doc row)
{
    (void)ctx;
    (void)key;
    (void)row;
    fail_msg("a row from a store that is away");
    return false;
}

static void test_reads_fail(void **state)
{
    struct store_memory *memory = store_memory_new();
    struct store *store = store_memory_open(memory, "alarm");
    enum store_fault fault = STORE_FAULT_UNAVAILABLE;
    struct store_query query = {.collection = STORE_ALARMS, .limit = 1};
    struct store_fence fence = {.row = "alarm"};
    struct store_key key = {.text = "a"};
    struct errbuf why = {0};
    struct buf buf;
    bool applied = false;
    int64_t n = 7;

    (void)state;
    buf_init(&buf, DOC_BYTES_MAX);
    store_memory_set_fault(memory, any_fault, &fault);
    assert_int_equal(store_ping(store, &why), ERR_UNAVAILABLE);
    assert_string_not_equal(why.text, "");
    assert_int_equal(store_get(store, STORE_ALARMS, &key, &buf),
                     ERR_UNAVAILABLE);
    assert_int_equal(store_scan(store, &query, no_row, NULL, NULL, NULL),
                     ERR_UNAVAILABLE);
    assert_int_equal(store_count(store, STORE_ALARMS, NULL, 1, &n),
                     ERR_UNAVAILABLE);
    assert_int_equal(n, 7);
    assert_int_equal(store_commit_known(store, &fence, &applied),
                     ERR_UNAVAILABLE);
    assert_int_equal(store_fence_raise(store, 1, &fence, &buf),
                     ERR_UNAVAILABLE);
    fault = STORE_FAULT_UNKNOWN_APPLIED;
    assert_int_equal(store_fence_raise(store, 1, &fence, &buf), ERR_UNKNOWN);
    fault = STORE_FAULT_NONE;
    assert_int_equal(store_fence_raise(store, 1, &fence, &buf), ERR_OK);
    assert_int_equal(fence.epoch, 2);
    buf_fini(&buf);
    store_close(store);
    store_memory_free(memory);
}

/* Stays fast in any order of keys: 60,000 rows, deleted again. */
static void test_many_rows(void **state)
{
    enum {
        ROWS = 60000,
        STRIDE = 7919
    };
    struct store_memory *memory = store_memory_new();
    struct store *store = store_memory_open(memory, "perfdata");
    struct store_batch *batch = store_batch_new();
    struct store_fence fence;
    struct store_key from = {.a = 0};
    struct store_key to = {.a = ROWS};
    int64_t n = 0;

    (void)state;
    store_suite_raise(store, "perfdata", &fence);
    for (int64_t i = 0; i < ROWS; i++) {
        struct store_key key = {.a = i * STRIDE % ROWS};

        store_batch_put(batch, STORE_POINTS, &key, (struct doc){NULL, 0});
    }
    store_suite_commit(store, &fence, batch);
    assert_int_equal(store_count(store, STORE_POINTS, NULL, ROWS * 2, &n),
                     ERR_OK);
    assert_int_equal(n, ROWS);
    store_batch_delete_range(batch, STORE_POINTS, &from, &to);
    store_suite_commit(store, &fence, batch);
    assert_int_equal(store_count(store, STORE_POINTS, NULL, ROWS, &n), ERR_OK);
    assert_int_equal(n, 0);
    store_batch_free(batch);
    store_close(store);
    store_memory_free(memory);
}

int main(void)
{
    struct store_memory *memory = NULL;
    struct store_suite suite = {"store conformance: memory", &memory, begin,
                                end, open_handle};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_faults),
        cmocka_unit_test(test_reads_fail),
        cmocka_unit_test(test_many_rows),
    };
    int failed = store_suite_run(&suite) + points_suite_run(&suite);

    return failed +
           cmocka_run_group_tests_name("memory store", tests, NULL, NULL);
}
