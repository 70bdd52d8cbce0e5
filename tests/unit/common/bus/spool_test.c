/* SPDX-License-Identifier: Apache-2.0 */
/** The spool: order, limits, and every way in which a disk can spoil it. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/bus/spool.h"
#include "tests/support/unit.h"

enum {
    PATH_ROOM = 512,
    FILE_ROOM = 1024 * 1024,
    TORTURE_RECORDS = 5,
    HEADER = 8,
    RECORD = 20
};

struct fixture {
    char folder[32];
    char spool[64];
    struct buf out;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    (void)snprintf(f->folder, sizeof f->folder, "/tmp/spool_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->spool, sizeof f->spool, "%s/s", f->folder);
    buf_init(&f->out, SPOOL_RECORD_MAX);
    *state = f;
    return 0;
}

static void remove_files(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    remove_files(f->spool);
    (void)rmdir(f->spool);
    remove_files(f->folder);
    (void)rmdir(f->folder);
    buf_fini(&f->out);
    free(f);
    return 0;
}

static struct spool *open_sized(const struct fixture *f, int64_t max,
                                int64_t segment)
{
    const struct spool_conf conf = {f->spool, max, segment};
    struct spool *spool = NULL;
    struct errbuf why = {0};
    enum err err = spool_open(&conf, &spool, &why);

    if (err != ERR_OK) {
        fail_msg("open: %s: %s", err_name(err), why.text);
    }
    return spool;
}

static struct spool *open_it(const struct fixture *f)
{
    return open_sized(f, 64 * 1024 * 1024, 1024 * 1024);
}

static void append(struct spool *spool, const char *text)
{
    struct errbuf why = {0};
    uint64_t number;

    if (spool_append(spool, text, strlen(text), &number, &why) != ERR_OK) {
        fail_msg("append %s: %s", text, why.text);
    }
}

static void append_n(struct spool *spool, size_t from, size_t to)
{
    char text[32];

    for (size_t i = from; i < to; i++) {
        (void)snprintf(text, sizeof text, "record %zu", i);
        append(spool, text);
    }
}

/* The next record, "" when there is none. */
static const char *next(struct fixture *f, struct spool *spool,
                        uint64_t *number)
{
    struct errbuf why = {0};
    enum err err = spool_next(spool, &f->out, number, &why);

    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK ? buf_str(&f->out) : "";
}

static void expect_n(struct fixture *f, struct spool *spool, size_t from,
                     size_t to)
{
    char text[32];
    uint64_t number;

    for (size_t i = from; i < to; i++) {
        (void)snprintf(text, sizeof text, "record %zu", i);
        assert_string_equal(next(f, spool, &number), text);
    }
    assert_string_equal(next(f, spool, &number), "");
    assert_false(spool_has_next(spool));
}

static struct spool_state state_of(const struct spool *spool)
{
    struct spool_state state;

    spool_get_state(spool, &state);
    return state;
}

static size_t count_segments(const struct fixture *f)
{
    DIR *dir = opendir(f->spool);
    const struct dirent *entry;
    size_t n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        n += strstr(entry->d_name, ".seg") != NULL;
    }
    (void)closedir(dir);
    return n;
}

/* --- how it should be -------------------------------------------------------
 */

static void test_in_order(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_it(f);

    assert_false(spool_has_next(spool));
    append_n(spool, 0, 10);
    expect_n(f, spool, 0, 10);
    append_n(spool, 10, 20);
    expect_n(f, spool, 10, 20);
    assert_int_equal(state_of(spool).records, 20);
    spool_close(spool);
}

static void test_what_waits_comes_again(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_it(f);
    uint64_t number;

    append_n(spool, 0, 10);
    for (int i = 0; i < 6; i++) {
        (void)next(f, spool, &number);
    }
    spool_release(spool, 4);
    spool_close(spool);
    spool = open_it(f);
    assert_int_equal(state_of(spool).records, 6);
    assert_int_equal(state_of(spool).first, 5);
    append_n(spool, 10, 12);
    expect_n(f, spool, 4, 12);
    spool_release(spool, 12);
    spool_close(spool);
    spool = open_it(f);
    assert_int_equal(state_of(spool).records, 0);
    append_n(spool, 12, 13);
    expect_n(f, spool, 12, 13);
    spool_close(spool);
}

static void test_segments_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 1024 * 1024, SPOOL_SEGMENT_LEAST);

    append_n(spool, 0, 2000);
    assert_true(count_segments(f) > 10);
    expect_n(f, spool, 0, 2000);
    spool_release(spool, 1000);
    assert_int_equal(state_of(spool).records, 1000);
    spool_release(spool, 2000);
    assert_int_equal(count_segments(f), 1);
    assert_true(state_of(spool).bytes <= 2 * SPOOL_SEGMENT_LEAST);
    assert_int_equal(state_of(spool).damaged_bytes, 0);
    assert_int_equal(state_of(spool).lost, 0);
    spool_close(spool);
}

/* A spool that is emptied all the time stays small. */
static void test_renewed_when_empty(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 64 * 1024 * 1024, 16 * 1024 * 1024);
    char text[1000];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (uint64_t i = 1; i <= 3000; i++) {
        append(spool, text);
        spool_skip(spool);
        spool_release(spool, i);
        assert_true(state_of(spool).bytes < 300 * 1024);
    }
    assert_int_equal(count_segments(f), 1);
    spool_close(spool);
}

static void test_skip(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 1024 * 1024, SPOOL_SEGMENT_LEAST);

    append_n(spool, 0, 500);
    spool_skip(spool);
    assert_false(spool_has_next(spool));
    append_n(spool, 500, 1000);
    expect_n(f, spool, 500, 1000);
    spool_close(spool);
    spool = open_it(f);
    expect_n(f, spool, 0, 1000);
    spool_close(spool);
}

/* Anything in any order against a plain list of numbers. */
static void test_against_model(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 4 * 1024 * 1024, SPOOL_SEGMENT_LEAST);
    uint64_t appended = 0, read = 0, released = 0, number;
    char text[400], want[32];
    unsigned int seed = 20261121;

    for (int i = 0; i < 20000; i++) {
        int dice = rand_r(&seed) % 100;
        int width = rand_r(&seed) % 300;

        if (dice < 45) {
            (void)snprintf(text, sizeof text, "%llu:%*s",
                           (unsigned long long)++appended, width, "");
            append(spool, text);
        } else if (dice < 85) {
            const char *got = next(f, spool, &number);

            if (read == appended) {
                assert_string_equal(got, "");
                continue;
            }
            (void)snprintf(want, sizeof want,
                           "%llu:", (unsigned long long)++read);
            assert_int_equal(number, read);
            assert_int_equal(strncmp(got, want, strlen(want)), 0);
        } else if (dice < 97) {
            released += (read - released) / 2;
            spool_release(spool, released);
        } else {
            spool_close(spool);
            spool = open_sized(f, 4 * 1024 * 1024, SPOOL_SEGMENT_LEAST);
            read = released;
        }
        assert_int_equal(state_of(spool).records, appended - released);
    }
    assert_int_equal(state_of(spool).damaged_bytes, 0);
    spool_close(spool);
}

static void test_empty_and_binary(void **state)
{
    static const char binary[] = "a\0b\xA7Re\x5C\0\0c";
    struct fixture *f = *state;
    struct spool *spool = open_it(f);
    struct errbuf why;
    uint64_t number;

    append(spool, "");
    assert_int_equal(spool_append(spool, binary, sizeof binary, &number, &why),
                     ERR_OK);
    append(spool, "end");
    (void)next(f, spool, &number);
    assert_int_equal(number, 1);
    assert_int_equal(f->out.len, 0);
    (void)next(f, spool, &number);
    assert_int_equal(f->out.len, sizeof binary);
    assert_memory_equal(f->out.data, binary, sizeof binary);
    assert_string_equal(next(f, spool, &number), "end");
    spool_close(spool);
}

/* --- limits -----------------------------------------------------------------
 */

static void test_full(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 64 * 1024, 16 * 1024);
    struct errbuf why;
    char text[1000] = {0};
    uint64_t number;
    size_t n = 0;
    enum err err;

    while ((err = spool_append(spool, text, sizeof text, &number, &why)) ==
           ERR_OK) {
        n++;
        assert_true(state_of(spool).bytes <= 64 * 1024);
    }
    assert_int_equal(err, ERR_LIMIT);
    assert_non_null(strstr(why.text, "full"));
    assert_true(n > 55);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(spool_next(spool, &f->out, &number, &why), ERR_OK);
    }
    spool_release(spool, number);
    assert_int_equal(spool_append(spool, text, sizeof text, &number, &why),
                     ERR_OK);
    spool_close(spool);
}

static void test_too_large(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_it(f);
    char *text = xcalloc(1, SPOOL_RECORD_MAX + 1);
    struct errbuf why;
    uint64_t number;

    assert_int_equal(
        spool_append(spool, text, SPOOL_RECORD_MAX + 1, &number, &why),
        ERR_LIMIT);
    assert_int_equal(spool_append(spool, text, SPOOL_RECORD_MAX, &number, &why),
                     ERR_OK);
    assert_int_equal(spool_next(spool, &f->out, &number, &why), ERR_OK);
    assert_int_equal(f->out.len, SPOOL_RECORD_MAX);
    free(text);
    spool_close(spool);
}

static void test_one_process(void **state)
{
    struct fixture *f = *state;
    const struct spool_conf conf = {f->spool, 1024 * 1024, 64 * 1024};
    struct spool *spool = open_it(f);
    struct spool *other = NULL;
    struct errbuf why;

    assert_int_equal(spool_open(&conf, &other, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, f->spool));
    assert_null(other);
    spool_close(spool);
    assert_int_equal(spool_open(&conf, &other, &why), ERR_OK);
    spool_close(other);
}

static void test_no_folder(void **state)
{
    struct fixture *f = *state;
    const struct spool_conf conf = {"/dev/null/spool", 1024 * 1024, 64 * 1024};
    struct spool *spool = NULL;
    struct errbuf why;

    (void)f;
    assert_int_equal(spool_open(&conf, &spool, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "/dev/null/spool"));
    assert_null(spool);
}

/* --- a disk that is full ----------------------------------------------------
 */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The disk takes every number of bytes, also in the middle of a record. */
static void test_disk_full(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_it(f);
    struct errbuf why;
    uint64_t number;
    size_t n = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 0; room < 400; room++) {
        limit_files(room);
        while (spool_append(spool, "0123456789", 10, &number, &why) == ERR_OK) {
            n++;
        }
        assert_non_null(strstr(why.text, "cannot be written"));
    }
    limit_files(RLIM_INFINITY);
    assert_int_equal(n, (400 - 1 - HEADER) / (RECORD + 10));
    append(spool, "last");
    spool_close(spool);
    spool = open_it(f);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(next(f, spool, &number), "0123456789");
    }
    assert_string_equal(next(f, spool, &number), "last");
    assert_string_equal(next(f, spool, &number), "");
    assert_int_equal(state_of(spool).damaged_bytes, 0);
    spool_close(spool);
}

/* --- a disk that spoils what it holds ---------------------------------------
 */

static void segment_path(const struct fixture *f, uint64_t first, char *path)
{
    (void)snprintf(path, PATH_ROOM, "%s/%016llx.seg", f->spool,
                   (unsigned long long)first);
}

/* Put content in place of the only segment. */
static void spoil(const struct fixture *f, const void *data, size_t len)
{
    char path[PATH_ROOM];
    struct errbuf why;

    remove_files(f->spool);
    segment_path(f, 1, path);
    assert_int_equal(file_replace(path, data, len, 0600, &why), ERR_OK);
}

static void make_segment(struct fixture *f, struct buf *bytes)
{
    struct spool *spool = open_it(f);
    char path[PATH_ROOM];
    struct errbuf why;

    append_n(spool, 0, TORTURE_RECORDS);
    spool_close(spool);
    segment_path(f, 1, path);
    buf_init(bytes, FILE_ROOM);
    assert_int_equal(file_read(path, bytes, &why), ERR_OK);
}

static void test_truncated_anywhere(void **state)
{
    struct fixture *f = *state;
    const size_t each = RECORD + strlen("record 0");
    struct buf bytes;

    make_segment(f, &bytes);
    assert_int_equal(bytes.len, HEADER + TORTURE_RECORDS * each);
    for (size_t len = 0; len <= bytes.len; len++) {
        size_t whole = len < HEADER ? 0 : (len - HEADER) / each;
        size_t rest = len < HEADER ? 0 : (len - HEADER) % each;
        struct spool *spool;

        spoil(f, bytes.data, len);
        spool = open_it(f);
        append_n(spool, whole, whole + 2);
        expect_n(f, spool, 0, whole + 2);
        assert_int_equal(state_of(spool).damaged_bytes, whole > 0 ? rest : 0);
        spool_release(spool, whole + 2);
        spool_close(spool);
    }
    buf_fini(&bytes);
}

/* Read all; which of the records came. They come in order. */
static unsigned int read_set(struct fixture *f, struct spool *spool)
{
    unsigned int set = 0;
    int last = -1;

    for (;;) {
        uint64_t number;
        const char *text = next(f, spool, &number);
        int i;

        if (*text == '\0') {
            return set;
        }
        assert_int_equal(sscanf(text, "record %d", &i), 1);
        assert_true(i > last && i <= TORTURE_RECORDS);
        assert_int_equal(f->out.len, strlen("record 0"));
        set |= 1U << i;
        last = i;
    }
}

static void test_flipped_anywhere(void **state)
{
    struct fixture *f = *state;
    const size_t each = RECORD + strlen("record 0");
    const unsigned int all = (1U << TORTURE_RECORDS) - 1;
    struct buf bytes;

    make_segment(f, &bytes);
    for (size_t at = 0; at < bytes.len * 8; at++) {
        size_t byte = at / 8;
        struct spool *spool;
        unsigned int want = all;

        if (byte >= HEADER) {
            want &= ~(1U << (byte - HEADER) / each);
        }
        bytes.data[byte] = (char)(bytes.data[byte] ^ (1 << at % 8));
        spoil(f, bytes.data, bytes.len);
        bytes.data[byte] = (char)(bytes.data[byte] ^ (1 << at % 8));
        spool = open_it(f);
        append_n(spool, TORTURE_RECORDS, TORTURE_RECORDS + 1);
        assert_int_equal(read_set(f, spool), want | 1U << TORTURE_RECORDS);
        assert_int_equal(state_of(spool).damaged_bytes, want == all ? 0 : each);
        assert_true(state_of(spool).lost <= 1);
        spool_close(spool);
    }
    buf_fini(&bytes);
}

/* Whatever the file of what is done holds: nothing is lost. */
static void test_released_spoilt(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_it(f);
    char path[PATH_ROOM];
    struct buf bytes;
    struct errbuf why;

    append_n(spool, 0, 10);
    spool_skip(spool);
    spool_release(spool, 6);
    spool_close(spool);
    (void)snprintf(path, sizeof path, "%s/released", f->spool);
    buf_init(&bytes, FILE_ROOM);
    assert_int_equal(file_read(path, &bytes, &why), ERR_OK);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 1;
        assert_int_equal(file_replace(path, bytes.data, bytes.len, 0600, &why),
                         ERR_OK);
        bytes.data[i] ^= 1;
        spool = open_it(f);
        expect_n(f, spool, 0, 10);
        spool_close(spool);
        assert_int_equal(file_replace(path, bytes.data, i, 0600, &why), ERR_OK);
        spool = open_it(f);
        expect_n(f, spool, 0, 10);
        spool_close(spool);
    }
    buf_fini(&bytes);
}

static void test_segment_gone(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 1024 * 1024, SPOOL_SEGMENT_LEAST);
    char path[PATH_ROOM];
    uint64_t number = 0;
    size_t n = 0;

    append_n(spool, 0, 1000);
    segment_path(f, 1, path);
    assert_int_equal(unlink(path), 0);
    while (*next(f, spool, &number) != '\0') {
        n++;
    }
    assert_int_equal(number, 1000);
    assert_int_equal(n + state_of(spool).lost, 1000);
    assert_true(state_of(spool).damaged_bytes > 0);
    spool_close(spool);
}

/* What stands inside a record is never taken for one of its own, unless its
 * number could stand there. */
static void test_record_in_record(void **state)
{
    struct fixture *f = *state;
    struct spool *spool;
    struct errbuf why;
    uint64_t number;
    struct buf bytes;

    make_segment(f, &bytes);
    bytes.data[HEADER + 8] = 77; /* the number of the first: no longer whole */
    remove_files(f->spool);
    spool = open_it(f);
    assert_int_equal(spool_append(spool, bytes.data, bytes.len, &number, &why),
                     ERR_OK);
    append(spool, "end");
    assert_int_equal(spool_next(spool, &f->out, &number, &why), ERR_OK);
    assert_int_equal(f->out.len, bytes.len);
    assert_string_equal(next(f, spool, &number), "end");
    spool_close(spool);
    buf_fini(&bytes);
}

/* --- kill -9 ----------------------------------------------------------------
 */

static void append_for_ever(const struct fixture *f, int told)
{
    struct spool *spool = open_sized(f, 64 * 1024 * 1024, SPOOL_SEGMENT_LEAST);

    for (size_t i = 0;; i++) {
        append_n(spool, i, i + 1);
        if (write(told, &i, sizeof i) != (ssize_t)sizeof i) {
            _exit(0);
        }
        if (i % 3 == 2) {
            spool_skip(spool);
            spool_release(spool, i / 2 + 1);
        }
    }
}

static void test_killed(void **state)
{
    struct fixture *f = *state;

    for (size_t round = 1; round <= 5; round++) {
        int ends[2];
        pid_t child;
        size_t told = 0, first, last = 0;
        struct spool *spool;
        uint64_t number;

        remove_files(f->spool);
        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            append_for_ever(f, ends[1]);
        }
        (void)close(ends[1]);
        while (told < 97 * round) {
            assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
        }
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(ends[0], &last, sizeof last) == (ssize_t)sizeof last) {
            told = last;
        }
        (void)close(ends[0]);
        spool = open_it(f);
        first = (size_t)state_of(spool).first - 1;
        assert_true(first <= told / 2 + 1);
        for (size_t i = first; i <= told; i++) {
            char want[32];

            (void)snprintf(want, sizeof want, "record %zu", i);
            assert_string_equal(next(f, spool, &number), want);
        }
        assert_int_equal(state_of(spool).damaged_bytes, 0);
        spool_close(spool);
    }
}

static void test_sync(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_sized(f, 1024 * 1024, SPOOL_SEGMENT_LEAST);
    struct errbuf why;

    assert_int_equal(spool_sync(spool, &why), ERR_OK);
    append_n(spool, 0, 500);
    assert_int_equal(spool_sync(spool, &why), ERR_OK);
    expect_n(f, spool, 0, 500);
    spool_close(spool);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_in_order),
        CASE(test_what_waits_comes_again),
        CASE(test_segments_come_and_go),
        CASE(test_renewed_when_empty),
        CASE(test_skip),
        CASE(test_against_model),
        CASE(test_empty_and_binary),
        CASE(test_full),
        CASE(test_too_large),
        CASE(test_one_process),
        CASE(test_no_folder),
        CASE(test_disk_full),
        CASE(test_truncated_anywhere),
        CASE(test_flipped_anywhere),
        CASE(test_released_spoilt),
        CASE(test_segment_gone),
        CASE(test_record_in_record),
        CASE(test_killed),
        CASE(test_sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
