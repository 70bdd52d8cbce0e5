/* SPDX-License-Identifier: Apache-2.0 */
/** Objects: versions, revisions, conflicts, and a kind as it was. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/objects.h"
#include "common/store/store_memory.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 65536,
    WALK_FDS = 8
};

struct backend_row {
    const char *name;
    bool sqlite;
};

static const struct backend_row backends[] = {{"memory", false},
                                              {"sqlite", true}};

struct fixture {
    struct store_memory *memory;
    char folder[64]; /* of SQLite */
    struct store *store;
    struct store_fence fence;
    struct doc_out *out;
    int64_t version, revision;
};

static void open_sqlite(struct fixture *f)
{
    char uri[80];
    const struct store_options options = {.uri = uri, .writer = "webserver"};
    struct errbuf why = {0};

    (void)snprintf(f->folder, sizeof f->folder, "/tmp/hyp-objects-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(uri, sizeof uri, "sqlite:%s", f->folder);
    if (store_open(&options, &f->store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static void start(struct fixture *f, const struct backend_row *backend)
{
    struct buf payload;

    *f = (struct fixture){.memory = store_memory_new(), .out = doc_out_new()};
    if (backend != NULL && backend->sqlite) {
        open_sqlite(f);
    } else {
        f->store = store_memory_open(f->memory, "webserver");
    }
    (void)snprintf(f->fence.row, sizeof f->fence.row, "webserver");
    buf_init(&payload, TEXT_MAX);
    assert_int_equal(store_fence_raise(f->store, 1, &f->fence, &payload),
                     ERR_OK);
    buf_fini(&payload);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void stop(struct fixture *f)
{
    store_close(f->store);
    store_memory_free(f->memory);
    doc_out_free(f->out);
    if (f->folder[0] != '\0') {
        assert_int_equal(
            nftw(f->folder, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS), 0);
    }
}

/* spec: a number that stands in it; 0 deletes. */
static enum err change(struct fixture *f, const char *name, int64_t spec,
                       int64_t expected)
{
    struct objects_change change = {.kind = "k",
                                    .name = name,
                                    .author = "me",
                                    .now_ms = 1000,
                                    .expected = expected};

    doc_out_reset(f->out);
    doc_add_i64(f->out, "x", spec);
    if (spec != 0) {
        change.spec = doc_out_done(f->out);
    }
    return objects_commit(f->store, &f->fence, &change, &f->version,
                          &f->revision);
}

static void add_text(void *ctx, struct doc row)
{
    buf_addf(ctx, "%s=%d ", doc_str(row, "name", ""),
             (int)doc_i64(doc_sub(row, "spec"), "x", 0));
}

static void assert_at(struct fixture *f, int64_t revision, const char *want)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    assert_int_equal(objects_each_at(f->store, "k", revision, add_text, &text),
                     ERR_OK);
    assert_string_equal(buf_str(&text), want);
    buf_fini(&text);
}

static void a_kind_as_it_was(void **state)
{
    struct fixture f;

    start(&f, *state);
    assert_at(&f, OBJECTS_NEWEST, "");
    assert_int_equal(change(&f, "b", 1, -1), ERR_OK);
    assert_int_equal(change(&f, "a", 2, 0), ERR_OK);
    assert_int_equal(change(&f, "b", 3, 1), ERR_OK);
    assert_int_equal(f.version, 2);
    assert_int_equal(f.revision, 3);
    assert_int_equal(change(&f, "a", 0, -1), ERR_OK);
    assert_int_equal(change(&f, "a", 5, 0), ERR_OK);
    assert_int_equal(f.version, 3);
    assert_at(&f, 0, "");
    assert_at(&f, 1, "b=1 ");
    assert_at(&f, 2, "a=2 b=1 ");
    assert_at(&f, 3, "a=2 b=3 ");
    assert_at(&f, 4, "b=3 ");
    assert_at(&f, 5, "a=5 b=3 ");
    assert_at(&f, OBJECTS_NEWEST, "a=5 b=3 ");
    stop(&f);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct fixture f;
    struct buf row;

    start(&f, *state);
    buf_init(&row, TEXT_MAX);
    assert_int_equal(change(&f, "a", 0, -1), ERR_NOT_FOUND);
    assert_int_equal(change(&f, "a", 1, 1), ERR_CONFLICT);
    assert_int_equal(f.version, 0);
    assert_int_equal(change(&f, "a", 1, 0), ERR_OK);
    assert_int_equal(change(&f, "a", 2, 0), ERR_CONFLICT);
    assert_int_equal(f.version, 1);
    assert_int_equal(change(&f, "a", 0, 2), ERR_CONFLICT);
    assert_int_equal(objects_get(f.store, "k", "a", &row), ERR_OK);
    assert_int_equal(objects_get(f.store, "k", "b", &row), ERR_NOT_FOUND);
    assert_int_equal(objects_get(f.store, "l", "a", &row), ERR_NOT_FOUND);
    assert_int_equal(objects_revision(f.store, "k", &f.revision), ERR_OK);
    assert_int_equal(f.revision, 1);
    assert_int_equal(objects_revision(f.store, "l", &f.revision), ERR_OK);
    assert_int_equal(f.revision, 0);
    buf_fini(&row);
    stop(&f);
}

static void old_versions_go(void **state)
{
    struct fixture f;
    int64_t n = 0;

    start(&f, *state);
    assert_int_equal(change(&f, "z", 7, 0), ERR_OK);
    for (int i = 1; i <= OBJECTS_KEPT + 20; i++) {
        assert_int_equal(change(&f, "a", i, i - 1), ERR_OK);
    }
    assert_int_equal(
        store_count(f.store, STORE_OBJECT_VERSIONS, NULL, 1000, &n), ERR_OK);
    assert_int_equal(n, OBJECTS_KEPT + 1);
    assert_at(&f, 101, "a=100 z=7 ");
    assert_at(&f, 2, "a=21 z=7 "); /* the oldest that is there */
    stop(&f);
}

/* Each call of the store failing once: all of the change, or nothing. */
struct strike {
    int countdown;
    enum store_fault fault;
    bool reached;
};

static enum store_fault strikes(void *ctx, bool is_commit)
{
    struct strike *strike = ctx;

    if (strike->countdown == 0 || --strike->countdown > 0) {
        return STORE_FAULT_NONE;
    }
    strike->reached = true;
    return is_commit ? strike->fault : STORE_FAULT_UNAVAILABLE;
}

static void failing_stores_leave_it_whole(void **state)
{
    static const enum store_fault faults[] = {STORE_FAULT_UNAVAILABLE,
                                              STORE_FAULT_UNKNOWN_APPLIED,
                                              STORE_FAULT_UNKNOWN_LOST};
    bool reached = true;

    (void)state;
    for (int nth = 1; reached && nth < 50; nth++) {
        for (size_t i = 0; i < N_ROWS(faults); i++) {
            struct strike strike = {.countdown = nth, .fault = faults[i]};
            struct fixture f;
            enum err err;

            start(&f, NULL);
            assert_int_equal(change(&f, "a", 1, 0), ERR_OK);
            store_memory_set_fault(f.memory, strikes, &strike);
            err = change(&f, "a", 2, 1);
            store_memory_set_fault(f.memory, NULL, NULL);
            assert_true(err == ERR_OK || err == ERR_UNAVAILABLE);
            assert_at(&f, OBJECTS_NEWEST, err == ERR_OK ? "a=2 " : "a=1 ");
            if (err != ERR_OK) {
                assert_int_equal(change(&f, "a", 2, 1), ERR_OK);
            }
            assert_at(&f, 2, "a=2 ");
            reached = strike.reached;
            stop(&f);
        }
    }
    assert_false(reached);
}

static void another_writer_is_told(void **state)
{
    struct fixture f;
    struct store_fence other;
    struct buf payload;

    start(&f, *state);
    other = f.fence;
    buf_init(&payload, TEXT_MAX);
    assert_int_equal(store_fence_raise(f.store, 2, &other, &payload), ERR_OK);
    assert_int_equal(change(&f, "a", 1, 0), ERR_FENCED);
    assert_at(&f, OBJECTS_NEWEST, "");
    buf_fini(&payload);
    stop(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(backends, a_kind_as_it_was),
        ROWS(backends, what_does_not_fit_is_refused),
        ROWS(backends, old_versions_go),
        ROW_SINGLE(failing_stores_leave_it_whole),
        ROWS(backends, another_writer_is_told),
    };

    return rows_run("objects", tables, N_ROWS(tables));
}
