/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Commit N batches to a store that may go away at any time, as a writer of
 * the suite does, and check that each is in exactly once.
 * usage: store_commits URI N
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/str.h"
#include "common/store/store.h"

enum {
    KEPT = 50, /* steps older than this many batches are deleted */
    TELL = 20, /* batches between two lines */
    WAIT_NS = 50 * 1000 * 1000,
    TRIES_MAX = 2000,
    EXIT_REFUSED = 3
};

struct run {
    struct store *store;
    struct store_fence fence;
    struct store_batch *batch;
    struct doc_out *out;
    int away;
    int unknown;
    int unknown_applied;
};

static void check(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "FAILED: %s\n", what);
        exit(1);
    }
}

static void pause_a_little(void)
{
    const struct timespec wait = {.tv_nsec = WAIT_NS};

    (void)nanosleep(&wait, NULL);
}

static void raise_fence(struct run *run)
{
    struct buf payload;
    enum err err;
    int tries = 0;

    buf_init(&payload, DOC_BYTES_MAX);
    (void)snprintf(run->fence.row, sizeof run->fence.row, "alarm");
    do {
        buf_clear(&payload);
        err = store_fence_raise(run->store, 1, &run->fence, &payload);
        check(++tries < TRIES_MAX, "the fence is never raised");
    } while (err == ERR_UNAVAILABLE || err == ERR_UNKNOWN);
    check(err == ERR_OK, err_name(err));
    buf_fini(&payload);
}

static void fill(struct run *run, int64_t n)
{
    struct store_key first = {.text = "x", .a = 0};
    struct store_key past = {.text = "x", .a = (n - KEPT) * 2};
    struct store_key alarm = {.text = "alarm"};
    struct doc row;

    doc_out_reset(run->out);
    doc_add_i64(run->out, "state", n);
    row = doc_out_done(run->out);
    store_batch_clear(run->batch);
    store_batch_delete_range(run->batch, STORE_STEPS, &first, &past);
    for (int64_t i = 0; i < 2; i++) {
        struct store_key step = {.text = "x", .a = n * 2 + i};

        store_batch_append(run->batch, STORE_STEPS, &step, row);
    }
    store_batch_put(run->batch, STORE_ALARMS, &alarm, row);
}

/* Whether the commit of unknown result is in. */
static bool find_out(struct run *run)
{
    bool applied = false;
    enum err err;
    int tries = 0;

    run->unknown++;
    while ((err = store_commit_known(run->store, &run->fence, &applied)) ==
           ERR_UNAVAILABLE) {
        check(++tries < TRIES_MAX, "a commit stays unknown");
        pause_a_little();
    }
    check(err == ERR_OK, err_name(err));
    run->unknown_applied += applied ? 1 : 0;
    return applied;
}

static void commit(struct run *run)
{
    const struct doc progress = {NULL, 0};
    int tries = 0;

    for (;;) {
        enum err err =
            store_commit(run->store, &run->fence, run->batch, progress);

        if (err == ERR_OK || (err == ERR_UNKNOWN && find_out(run))) {
            return;
        }
        check(err == ERR_UNAVAILABLE || err == ERR_UNKNOWN, err_name(err));
        check(++tries < TRIES_MAX, "a commit never succeeds");
        run->away++;
        pause_a_little();
    }
}

static void verify(struct run *run, int64_t n)
{
    struct store_key alarm = {.text = "alarm"};
    struct buf row;
    int64_t steps = 0;

    buf_init(&row, DOC_BYTES_MAX);
    check(store_get(run->store, STORE_ALARMS, &alarm, &row) == ERR_OK,
          "the alarm is there");
    check(doc_i64((struct doc){(const uint8_t *)row.data, (uint32_t)row.len},
                  "state", -1) == n - 1,
          "the last put of the alarm is in");
    check(store_count(run->store, STORE_STEPS, NULL, n * 2 + 1, &steps) ==
                  ERR_OK &&
              steps == (n < KEPT ? n : KEPT + 1) * 2,
          "the steps are as many as they should be");
    check(run->fence.batch == n, "each batch was counted once");
    buf_fini(&row);
}

int main(int argc, char **argv)
{
    struct store_options options = {.writer = "alarm"};
    struct run run = {0};
    struct errbuf why = {0};
    int64_t n = 0;

    check(argc == 3 && str_to_i64(argv[2], 1, INT32_MAX, &n) == ERR_OK,
          "usage: store_commits URI N");
    options.uri = argv[1];
    if (store_open(&options, &run.store, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        return EXIT_REFUSED;
    }
    run.batch = store_batch_new();
    run.out = doc_out_new();
    raise_fence(&run);
    for (int64_t i = 0; i < n; i++) {
        fill(&run, i);
        commit(&run);
        if (i % TELL == 0) {
            (void)printf("%lld\n", (long long)i);
            (void)fflush(stdout);
        }
    }
    verify(&run, n);
    (void)printf("ok: %lld commits, %d times away, %d unknown, %d of them in\n",
                 (long long)n, run.away, run.unknown, run.unknown_applied);
    doc_out_free(run.out);
    store_batch_free(run.batch);
    store_close(run.store);
    return 0;
}
