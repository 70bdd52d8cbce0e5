/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers, UTF-8, cutting, base64url; errors and their texts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/str.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    UNTOUCHED = -77,
    ROUNDS = 2000,
    BYTES_MAX = 100
};

struct int_case {
    const char *name;
    const char *text;
    int64_t min, max;
    enum err err;
    int64_t want;
};

static const struct int_case ints[] = {
    {"zero", "0", -10, 10, ERR_OK, 0},
    {"negative", "-10", -10, 10, ERR_OK, -10},
    {"zeros in front", "0007", 0, 10, ERR_OK, 7},
    {"least of all", "-9223372036854775808", INT64_MIN, INT64_MAX, ERR_OK,
     INT64_MIN},
    {"most of all", "9223372036854775807", INT64_MIN, INT64_MAX, ERR_OK,
     INT64_MAX},
    {"below", "-11", -10, 10, ERR_LIMIT, 0},
    {"above", "11", -10, 10, ERR_LIMIT, 0},
    {"past 64 bits", "9223372036854775808", INT64_MIN, INT64_MAX, ERR_LIMIT, 0},
    {"endless", "99999999999999999999999999999999999", 0, 10, ERR_INVALID, 0},
    {"empty", "", 0, 10, ERR_INVALID, 0},
    {"sign only", "-", -10, 10, ERR_INVALID, 0},
    {"plus", "+1", 0, 10, ERR_INVALID, 0},
    {"sign inside", "1-2", 0, 10, ERR_INVALID, 0},
    {"blank before", " 1", 0, 10, ERR_INVALID, 0},
    {"blank behind", "1 ", 0, 10, ERR_INVALID, 0},
    {"fraction", "1.0", 0, 10, ERR_INVALID, 0},
    {"hexadecimal", "0x1", 0, 10, ERR_INVALID, 0},
    {"exponent", "1e1", 0, 10, ERR_INVALID, 0},
};

static void check_int(void **state)
{
    const struct int_case *row = *state;
    size_t len = strlen(row->text);
    /* Exactly these bytes: a sanitizer sees a read past them. */
    char *bytes = xmemdup(row->text, len);
    int64_t got = UNTOUCHED;

    assert_int_equal(str_to_i64(row->text, row->min, row->max, &got), row->err);
    assert_true(got == (row->err == ERR_OK ? row->want : UNTOUCHED));
    got = UNTOUCHED;
    assert_int_equal(str_to_i64_n(bytes, len, row->min, row->max, &got),
                     row->err);
    assert_true(got == (row->err == ERR_OK ? row->want : UNTOUCHED));
    free(bytes);
}

struct double_case {
    const char *name;
    const char *text;
    enum err err;
    double want;
};

static const struct double_case doubles[] = {
    {"whole", "12", ERR_OK, 12},
    {"fraction", "-0.5", ERR_OK, -0.5},
    {"no leading digit", ".5", ERR_OK, 0.5},
    {"exponent", "1e-3", ERR_OK, 0.001},
    {"smaller than any", "1e-999", ERR_OK, 0},
    {"larger than any", "1e999", ERR_INVALID, 0},
    {"not a number", "nan", ERR_INVALID, 0},
    {"infinite", "inf", ERR_INVALID, 0},
    {"hexadecimal", "0x1p3", ERR_INVALID, 0},
    {"empty", "", ERR_INVALID, 0},
    {"comma", "1,5", ERR_INVALID, 0},
    {"two points", "1.2.3", ERR_INVALID, 0},
    {"blank", " 1", ERR_INVALID, 0},
    {"only a sign", "-", ERR_INVALID, 0},
};

static void check_double(void **state)
{
    const struct double_case *row = *state;
    double got = UNTOUCHED;

    assert_int_equal(str_to_double(row->text, &got), row->err);
    assert_true(got == (row->err == ERR_OK ? row->want : UNTOUCHED));
}

struct utf8_case {
    const char *name;
    const char *text;
    bool valid;
};

static const struct utf8_case utf8[] = {
    {"empty", "", true},
    {"ascii", "abc\x7F", true},
    {"two bytes, least", "\xC2\x80", true},
    {"three bytes, least", "\xE0\xA0\x80", true},
    {"last before surrogates", "\xED\x9F\xBF", true},
    {"first after surrogates", "\xEE\x80\x80", true},
    {"four bytes, least", "\xF0\x90\x80\x80", true},
    {"last of all", "\xF4\x8F\xBF\xBF", true},
    {"continuation alone", "\x80", false},
    {"overlong slash", "\xC0\xAF", false},
    {"overlong, C1", "\xC1\xBF", false},
    {"overlong in three", "\xE0\x9F\xBF", false},
    {"overlong in four", "\xF0\x8F\xBF\xBF", false},
    {"first surrogate", "\xED\xA0\x80", false},
    {"last surrogate", "\xED\xBF\xBF", false},
    {"past the last", "\xF4\x90\x80\x80", false},
    {"F5", "\xF5\x80\x80\x80", false},
    {"FF", "\xFF", false},
    {"cut after one", "a\xE2", false},
    {"cut after two", "a\xE2\x82", false},
    {"third byte wrong", "\xE2\x82x", false},
};

static void check_utf8(void **state)
{
    const struct utf8_case *row = *state;
    size_t len = strlen(row->text);
    char *bytes = xmemdup(row->text, len);

    assert_int_equal(utf8_valid(bytes, len), row->valid);
    free(bytes);
}

/* Looked at several bytes at a time: a place in any of them counts. */
static void finds_what_is_no_utf8_anywhere(void **state)
{
    (void)state;
    for (size_t len = 1; len < BYTES_MAX; len++) {
        char *bytes = xmalloc(len);

        memset(bytes, 'a', len);
        assert_int_equal(utf8_good(bytes, len), len);
        for (size_t at = 0; at < len; at++) {
            bytes[at] = '\xFF';
            assert_int_equal(utf8_good(bytes, len), at);
            bytes[at] = '\xC3'; /* with the next a character */
            if (at + 1 < len) {
                bytes[at + 1] = '\xA9';
                assert_int_equal(utf8_good(bytes, len), len);
                bytes[at + 1] = 'a';
            }
            assert_int_equal(utf8_good(bytes, len), at);
            bytes[at] = 'a';
        }
        free(bytes);
    }
}

static void writes_whole_numbers(void **state)
{
    static const struct {
        int64_t value;
        const char *want;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {1000, "1000"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    char text[STR_I64_MAX];

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        assert_int_equal(str_from_i64(rows[i].value, text),
                         strlen(rows[i].want));
        assert_string_equal(text, rows[i].want);
    }
}

static void cuts_between_characters(void **state)
{
    /* 1 + 2 + 3 + 4 bytes */
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    (void)state;
    for (size_t max = 0; max < N_ROWS(want); max++) {
        assert_int_equal(utf8_cut(text, strlen(text), max), want[max]);
    }
}

static void compares_ends(void **state)
{
    (void)state;
    assert_true(str_starts("abc", "ab"));
    assert_true(str_starts("abc", ""));
    assert_false(str_starts("ab", "abc"));
    assert_true(str_ends("abc", "bc"));
    assert_true(str_ends("abc", ""));
    assert_false(str_ends("bc", "abc"));
}

struct base64_case {
    const char *name;
    const char *bytes;
    const char *text;
};

static const struct base64_case base64[] = {
    {"empty", "", ""},          {"one", "f", "Zg"},
    {"two", "fo", "Zm8"},       {"three", "foo", "Zm9v"},
    {"four", "foob", "Zm9vYg"}, {"url alphabet", "\xFB\xFF\xBF", "-_-_"},
};

static void check_base64(void **state)
{
    const struct base64_case *row = *state;
    struct buf out;

    buf_init(&out, 64);
    buf_add_str(&out, ">");
    str_to_base64(&out, row->bytes, strlen(row->bytes));
    assert_string_equal(buf_str(&out) + 1, row->text);
    buf_truncate(&out, 1);
    assert_int_equal(str_from_base64(&out, row->text), ERR_OK);
    assert_string_equal(buf_str(&out) + 1, row->bytes);
    buf_fini(&out);
}

struct text_case {
    const char *name;
    const char *text;
};

static const struct text_case bad_base64[] = {
    {"padding", "Zg=="},      {"other alphabet", "+/+/"},
    {"blank", "Zm 9v"},       {"one left over", "Zm9vY"},
    {"bits left over", "Zh"}, {"line end", "Zm9v\n"},
};

static void check_bad_base64(void **state)
{
    const struct text_case *row = *state;
    struct buf out;

    buf_init(&out, 64);
    buf_add_str(&out, "kept");
    assert_int_equal(str_from_base64(&out, row->text), ERR_INVALID);
    assert_string_equal(buf_str(&out), "kept");
    buf_fini(&out);
}

static void base64_there_and_back(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char bytes[BYTES_MAX];
        size_t len = (size_t)round % sizeof bytes;
        struct buf text;
        struct buf back;

        random_bytes(bytes, len);
        buf_init(&text, 256);
        buf_init(&back, 256);
        str_to_base64(&text, bytes, len);
        assert_int_equal(str_from_base64(&back, buf_str(&text)), ERR_OK);
        assert_int_equal(back.len, len);
        if (len > 0) {
            assert_memory_equal(back.data, bytes, len);
        }
        buf_fini(&text);
        buf_fini(&back);
    }
}

static void keeps_a_buffer_within_its_maximum(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4);
    assert_int_equal(str_from_base64(&out, "Zm9vYmFy"), ERR_LIMIT);
    buf_clear(&out);
    str_to_base64(&out, "foobar", 6);
    assert_true(out.overflow);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
}

static void names_every_error(void **state)
{
    (void)state;
    for (int err = ERR_OK; err <= ERR_FENCED; err++) {
        assert_true(strlen(err_name((enum err)err)) > 0);
    }
}

static void cuts_error_texts(void **state)
{
    struct errbuf why;
    char *text = xcalloc(1, 2 * ERRBUF_TEXT_MAX);

    (void)state;
    memset(text, 'x', 2 * ERRBUF_TEXT_MAX - 1);
    errbuf_set_field(&why, text, "%s", text);
    assert_int_equal(strlen(why.text), ERRBUF_TEXT_MAX - 1);
    assert_int_equal(strlen(why.field), ERRBUF_FIELD_MAX - 1);
    errbuf_set(&why, "short");
    assert_string_equal(why.text, "short");
    assert_string_equal(why.field, "");
    errbuf_set(NULL, "nobody listens");
    errbuf_set_field(NULL, "x", "nobody listens");
    free(text);
}

static const struct host_case {
    const char *name;
    const char *text;
    const char *host; /* NULL: refused */
    int64_t port;     /* UNTOUCHED: none in the text */
} hosts[] = {
    {"name", "rabbit1", "rabbit1", UNTOUCHED},
    {"name and port", "rabbit1.example.org:5673", "rabbit1.example.org", 5673},
    {"address", "127.0.0.1:1", "127.0.0.1", 1},
    {"bare version 6", "fe80::1%eth0", "fe80::1%eth0", UNTOUCHED},
    {"in brackets", "[::1]", "::1", UNTOUCHED},
    {"in brackets, port", "[::1]:65535", "::1", 65535},
    {"empty", "", NULL, 0},
    {"port only", ":5672", NULL, 0},
    {"no port behind", "a:", NULL, 0},
    {"port 0", "a:0", NULL, 0},
    {"port too high", "a:65536", NULL, 0},
    {"port a word", "a:amqp", NULL, 0},
    {"empty brackets", "[]:1", NULL, 0},
    {"open bracket", "[::1", NULL, 0},
    {"text behind brackets", "[::1]x", NULL, 0},
    {"url", "amqp://a", NULL, 0},
    {"blank inside", "a b", NULL, 0},
};

static void check_host(void **state)
{
    const struct host_case *row = *state;
    int64_t port = UNTOUCHED;
    const char *host = NULL;
    size_t len = 0;

    if (row->host == NULL) {
        assert_int_equal(str_split_host(row->text, &host, &len, &port),
                         ERR_INVALID);
        return;
    }
    assert_int_equal(str_split_host(row->text, &host, &len, &port), ERR_OK);
    assert_int_equal(len, strlen(row->host));
    assert_memory_equal(host, row->host, len);
    assert_int_equal(port, row->port);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(ints, check_int),
        ROWS(doubles, check_double),
        ROWS(utf8, check_utf8),
        ROW_SINGLE(finds_what_is_no_utf8_anywhere),
        ROW_SINGLE(writes_whole_numbers),
        ROW_SINGLE(cuts_between_characters),
        ROW_SINGLE(compares_ends),
        ROWS(hosts, check_host),
        ROWS(base64, check_base64),
        ROWS(bad_base64, check_bad_base64),
        ROW_SINGLE(base64_there_and_back),
        ROW_SINGLE(keeps_a_buffer_within_its_maximum),
        ROW_SINGLE(names_every_error),
        ROW_SINGLE(cuts_error_texts),
    };

    return rows_run("base/str", tables, N_ROWS(tables));
}
