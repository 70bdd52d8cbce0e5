/* SPDX-License-Identifier: Apache-2.0 */
/** The suite on a real MongoDB: $HYP_TEST_MONGODB, a uri of a replica set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/backup/backup.h"
#include "common/base/mem.h"
#include "tests/conformance/backup_suite.h"
#include "tests/conformance/points_suite.h"
#include "tests/conformance/store_suite.h"
#include "tests/support/mongo_drop.h"

enum {
    URI_MAX = 512,
    SKIPPED = 77,
    RACE_KEYS = 300
};

struct place {
    const char *server;
    char uri[URI_MAX];
    int n;
};

static void begin(void *ctx)
{
    struct place *place = ctx;
    char database[64];

    (void)snprintf(database, sizeof database, "hyp_test_%d_%d", (int)getpid(),
                   place->n++);
    mongo_uri_with(place->server, database, place->uri, sizeof place->uri);
}

static void end(void *ctx)
{
    struct place *place = ctx;

    mongo_drop(place->uri);
}

static struct store *open_handle(void *ctx, const char *writer)
{
    const struct place *place = ctx;
    struct store_options options = {.uri = place->uri, .writer = writer};
    struct store *store = NULL;
    struct errbuf why = {0};

    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return store;
}

/* Two writers of one collection, at the same time and on the same keys: one
 * puts its row, the other adds one unless there is one. They commit key after
 * key together, so that each wins the start now and then. */

static struct store *race_store(struct place *place, const char *row,
                                struct store_fence *fence)
{
    struct store *store = open_handle(place, "context");
    struct buf payload;
    enum err err;

    buf_init(&payload, DOC_BYTES_MAX);
    (void)snprintf(fence->row, sizeof fence->row, "%s", row);
    do {
        err = store_fence_raise(store, 1, fence, &payload);
    } while (err == ERR_UNAVAILABLE || err == ERR_UNKNOWN);
    buf_fini(&payload);
    return err == ERR_OK ? store : NULL;
}

static bool race_commit(struct store *store, struct store_fence *fence,
                        const struct store_batch *batch)
{
    const struct doc progress = {NULL, 0};
    bool applied = false;
    enum err err;

    do {
        err = store_commit(store, fence, batch, progress);
        while (err == ERR_UNKNOWN) {
            err = store_commit_known(store, fence, &applied);
            err = err == ERR_UNAVAILABLE      ? ERR_UNKNOWN
                  : err == ERR_OK && !applied ? ERR_UNAVAILABLE
                                              : err;
        }
    } while (err == ERR_UNAVAILABLE);
    return err == ERR_OK;
}

static bool race_wait(int other)
{
    char byte = 0;

    return write(other, &byte, 1) == 1 && read(other, &byte, 1) == 1;
}

static bool race(struct place *place, bool owner, int other)
{
    struct store_fence fence = {.epoch = 0};
    struct store *store =
        race_store(place, owner ? "context.0" : "context.1", &fence);
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    bool ok = store != NULL;

    for (int i = 0; ok && i < RACE_KEYS; i++) {
        char id[32];
        const struct store_key key = {.text = id};

        (void)snprintf(id, sizeof id, "key%d", i);
        doc_out_reset(out);
        doc_add_str(out, "by", owner ? "owner" : "other");
        store_batch_clear(batch);
        if (owner) {
            store_batch_put(batch, STORE_ENTITIES, &key, doc_out_done(out));
        } else {
            store_batch_add(batch, STORE_ENTITIES, &key, doc_out_done(out));
        }
        ok = race_wait(other) && race_commit(store, &fence, batch);
    }
    doc_out_free(out);
    store_batch_free(batch);
    store_close(store);
    return ok;
}

static pid_t race_start(struct place *place, bool owner, int other)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(race(place, owner, other) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return pid;
}

static bool race_ended_well(pid_t pid)
{
    int status = -1;

    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool is_owners(void *ctx, const struct store_key *key, struct doc row)
{
    int *n_owners = ctx;

    (void)key;
    *n_owners += strcmp(doc_str(row, "by", ""), "owner") == 0;
    return true;
}

static int test_race(struct place *place)
{
    const struct store_query all = {.collection = STORE_ENTITIES,
                                    .limit = INT64_MAX};
    int n_owners = 0;
    struct store *store;
    int pair[2];
    pid_t owner;
    pid_t other;
    bool ok;

    begin(place);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return 1;
    }
    /* Before this process uses the driver, which does not survive a fork. */
    owner = race_start(place, true, pair[0]);
    other = race_start(place, false, pair[1]);
    ok = race_ended_well(owner);
    ok = race_ended_well(other) && ok;
    (void)close(pair[0]);
    (void)close(pair[1]);
    store = open_handle(place, NULL);
    ok = ok &&
         store_scan(store, &all, is_owners, &n_owners, NULL, NULL) == ERR_OK;
    store_close(store);
    end(place);
    (void)printf("race for %d rows: the owner has %d\n", RACE_KEYS, n_owners);
    return ok && n_owners == RACE_KEYS ? 0 : 1;
}

static const char *uri_of(void *ctx)
{
    const struct place *place = ctx;

    return place->uri;
}

/* Broken off while collections were exchanged: nobody opens that, until it is
 * restored again. */

static struct place broken;

static struct store *open_broken(struct errbuf *why)
{
    const struct store_options options = {.uri = broken.uri,
                                          .writer = "context"};
    struct store *store = NULL;

    return store_open(&options, &store, why) == ERR_OK ? store : NULL;
}

static void test_broken_off(void **state)
{
    char path[] = "/tmp/hyp-backup-XXXXXX";
    char *file;
    struct backup_summary summary;
    struct store_fence fence = {.epoch = 0};
    struct errbuf why = {0};

    (void)state;
    begin(&broken);
    assert_non_null(mkdtemp(path));
    file = xasprintf("%s/backup", path);
    store_close(race_store(&broken, "context", &fence));
    assert_int_equal(backup_make(broken.uri, file, NULL, &summary, &why),
                     ERR_OK);
    mongo_put(broken.uri, "meta", "{\"_id\": \"restore\", \"schema\": 0}");
    assert_null(open_broken(&why));
    assert_non_null(strstr(why.text, "broken off"));
    assert_int_equal(backup_restore(file, broken.uri, STORE_FILL_EMPTY, NULL,
                                    &summary, &why),
                     ERR_INVALID);
    assert_int_equal(backup_restore(file, broken.uri, STORE_FILL_REPLACE, NULL,
                                    &summary, &why),
                     ERR_OK);
    store_close(open_broken(&why));
    /* Back from what a later version had made of it. */
    mongo_put(broken.uri, "meta", "{\"_id\": \"later\", \"schema\": 99}");
    assert_null(open_broken(&why));
    assert_int_equal(backup_restore(file, broken.uri, STORE_FILL_REPLACE, NULL,
                                    &summary, &why),
                     ERR_OK);
    store_close(open_broken(&why));
    (void)unlink(file);
    (void)rmdir(path);
    free(file);
    end(&broken);
}

/* A name that nobody knows is told; it may be known later. */
static void test_unknown_name(void **state)
{
    const struct store_options options = {
        .uri = "mongodb+srv://user:secret@store.test.invalid/x"};
    struct store *store = NULL;
    struct errbuf why = {0};

    (void)state;
    assert_int_equal(store_open(&options, &store, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "store.test.invalid"));
    assert_null(strstr(why.text, "secret"));
}

static int run_broken_off(const struct place *place)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_broken_off),
                                       cmocka_unit_test(test_unknown_name)};

    broken = (struct place){.server = place->server, .n = 2000};
    return cmocka_run_group_tests_name("backup: broken off", tests, NULL, NULL);
}

/* From each kind of store into each other. */
static int test_backups(struct place *place)
{
    struct place other = {.server = place->server, .n = 1000};
    struct backup_folder folder;
    const struct backup_place here = {place, begin, end, uri_of};
    const struct backup_place there = {&other, begin, end, uri_of};
    const struct backup_place files = {&folder, backup_folder_begin,
                                       backup_folder_end, backup_folder_uri};
    struct backup_suite suites[] = {
        {"backup: mongodb to mongodb", here, there},
        {"backup: mongodb to sqlite", here, files},
        {"backup: sqlite to mongodb", files, here},
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        failed += backup_suite_run(&suites[i]);
    }
    return failed;
}

int main(void)
{
    struct place place = {.server = getenv("HYP_TEST_MONGODB")};
    struct store_suite suite = {"store conformance: mongodb", &place, begin,
                                end, open_handle};

    if (place.server == NULL) {
        (void)fprintf(stderr, "HYP_TEST_MONGODB is not set: skipped\n");
        return SKIPPED;
    }
    return test_race(&place) + run_broken_off(&place) + test_backups(&place) +
           store_suite_run(&suite) + points_suite_run(&suite);
}
