/* SPDX-License-Identifier: Apache-2.0 */
/** Documents: round trips, hostile bytes, order, paths, JSON text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/doc/bson_types.h"
#include "common/doc/doc.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    CORRUPTIONS = 30000,
    NUMBERS = 20000,
    TEXT_MAX = 65536
};

/* One of each kind, nested. */
static struct doc sample(struct doc_out *out)
{
    doc_add_str(out, "s", "text");
    doc_add_i64(out, "i", -5);
    doc_add_f64(out, "d", 1.5);
    doc_add_bool(out, "yes", true);
    doc_add_null(out, "none");
    doc_add_bytes(out, "bytes", "\x00\xFF", 2);
    doc_add_ms(out, "at", 1700000000123);
    doc_begin_doc(out, "sub");
    doc_add_str(out, "x", "");
    doc_begin_array(out, "list");
    doc_add_i64(out, "ignored", 1);
    doc_begin_doc(out, "ignored");
    doc_add_str(out, "y", "deep");
    doc_end(out);
    doc_begin_array(out, "ignored");
    doc_end(out);
    doc_end(out);
    doc_end(out);
    doc_add_str(out, "last", "end");
    return doc_out_done(out);
}

static const char sample_json[] =
    "{\"s\":\"text\",\"i\":-5,\"d\":1.5,\"yes\":true,\"none\":null,"
    "\"bytes\":\"AP8\",\"at\":1700000000.123,\"sub\":{\"x\":\"\","
    "\"list\":[1,{\"y\":\"deep\"},[]]},\"last\":\"end\"}";

static void reads_what_was_written(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc doc = sample(out);
    struct doc_value value;

    (void)state;
    assert_true(doc_check(doc));
    assert_string_equal(doc_str(doc, "s", "?"), "text");
    assert_int_equal(doc_i64(doc, "i", 0), -5);
    assert_int_equal(doc_i64(doc, "d", 0), 1);
    assert_true(doc_f64(doc, "d", 0) == 1.5);
    assert_true(doc_f64(doc, "i", 0) == -5);
    assert_true(doc_bool(doc, "yes", false));
    assert_int_equal(doc_ms(doc, "at", 0), 1700000000123);
    assert_int_equal(doc_ms(doc, "i", 0), -5000);
    assert_true(doc_get(doc, "none", &value));
    assert_int_equal(value.type, DOC_NULL);
    assert_true(doc_get(doc, "bytes", &value));
    assert_int_equal(value.type, DOC_BYTES);
    assert_int_equal(value.u.s.len, 2);
    assert_memory_equal(value.u.s.text, "\x00\xFF", 2);
    assert_int_equal(doc_count(doc), 9);
    assert_int_equal(doc_count(doc_sub(doc_sub(doc, "sub"), "list")), 3);
    doc_out_free(out);
}

static void falls_back(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc none = {NULL, 0};
    struct doc doc;
    struct doc_value value;

    (void)state;
    doc_add_str(out, "s", "1");
    doc_add_f64(out, "nan", (double)NAN);
    doc_add_f64(out, "huge", 1e300);
    doc_add_f64(out, "limit", -9223372036854775808.0);
    doc = doc_out_done(out);
    assert_int_equal(doc_i64(doc, "s", 9), 9);
    assert_int_equal(doc_i64(doc, "nan", 9), 9);
    assert_int_equal(doc_i64(doc, "huge", 9), 9);
    assert_int_equal(doc_i64(doc, "limit", 9), 9);
    assert_true(doc_f64(doc, "x", 2) == 2);
    assert_true(doc_bool(doc, "s", true));
    assert_ptr_equal(doc_str(doc, "nan", NULL), NULL);
    assert_int_equal(doc_ms(doc, "s", 9), 9);
    assert_int_equal(doc_sub(doc, "s").len, 0);
    assert_false(doc_get(none, "s", &value));
    assert_int_equal(value.type, DOC_MISSING);
    assert_int_equal(doc_count(none), 0);
    assert_false(doc_path(none, "a.b", &value));
    doc_out_free(out);
}

struct path_case {
    const char *name;
    const char *path;
    const char *want; /* JSON; NULL: missing */
};

static const struct path_case paths[] = {
    {"direct", "i", "-5"},
    {"nested", "sub.x", "\"\""},
    {"array item", "sub.list.0", "1"},
    {"through an array", "sub.list.1.y", "\"deep\""},
    {"a whole array", "sub.list", "[1,{\"y\":\"deep\"},[]]"},
    {"past the end", "sub.list.3", NULL},
    {"absent", "sub.z", NULL},
    {"through text", "s.x", NULL},
    {"prefix of a name", "su.x", NULL},
    {"name is a prefix", "subs.x", NULL},
    {"empty", "", NULL},
    {"dot only", ".", NULL},
    {"dot at the end", "sub.", NULL},
};

static void check_path(void **state)
{
    const struct path_case *row = *state;
    struct doc_out *out = doc_out_new();
    struct doc doc = sample(out);
    struct doc_value value;
    struct buf text;

    assert_int_equal(doc_path(doc, row->path, &value), row->want != NULL);
    buf_init(&text, TEXT_MAX);
    if (row->want != NULL) {
        doc_value_to_json(&value, &text);
        assert_string_equal(buf_str(&text), row->want);
    } else {
        assert_int_equal(value.type, DOC_MISSING);
    }
    buf_fini(&text);
    doc_out_free(out);
}

static void shows_json_and_reads_it_back(void **state)
{
    struct errbuf why = {0};
    struct doc_out *out = doc_out_new();
    struct doc_out *again = doc_out_new();
    struct doc doc;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    doc_to_json(sample(out), &text);
    assert_string_equal(buf_str(&text), sample_json);
    assert_int_equal(doc_from_json(buf_str(&text), text.len, again, &doc, &why),
                     ERR_OK);
    buf_clear(&text);
    doc_to_json(doc, &text);
    assert_string_equal(buf_str(&text), sample_json);
    buf_fini(&text);
    doc_out_free(out);
    doc_out_free(again);
}

static void copies_value_by_value(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc_out *copy = doc_out_new();
    struct doc doc = sample(out);
    struct doc twin;
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    (void)state;
    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        doc_add_value(copy, key, &value);
    }
    doc_add_value(copy, "missing", &(struct doc_value){.type = DOC_MISSING});
    twin = doc_out_done(copy);
    assert_int_equal(twin.len, doc.len);
    assert_memory_equal(twin.data, doc.data, doc.len);
    doc_out_free(out);
    doc_out_free(copy);
}

/* --- hostile bytes ---------------------------------------------------------
 */

static void walk(struct doc doc, int depth)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    assert_true(depth <= DOC_DEPTH_MAX);
    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        if (value.type == DOC_DOC || value.type == DOC_ARRAY) {
            walk(value.u.doc, depth + 1);
        }
    }
}

/* What doc_check accepts can be walked and shown; a sanitizer looks on. */
static void use(struct doc doc)
{
    struct buf text;

    walk(doc, 0);
    buf_init(&text, TEXT_MAX);
    doc_to_json(doc, &text);
    buf_fini(&text);
}

static void refuses_every_truncation(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc doc = sample(out);

    (void)state;
    for (uint32_t len = 0; len < doc.len; len++) {
        uint8_t *bytes = xmemdup(doc.data, len);

        assert_false(doc_check((struct doc){bytes, len}));
        if (len >= 4) { /* and with a length word that agrees */
            memcpy(bytes, &len, sizeof len);
            if (doc_check((struct doc){bytes, len})) {
                use((struct doc){bytes, len});
            }
        }
        free(bytes);
    }
    doc_out_free(out);
}

static void survives_corruption(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc doc = sample(out);
    uint32_t seed = 20267;
    size_t accepted = 0;

    (void)state;
    for (int round = 0; round < CORRUPTIONS; round++) {
        uint8_t *bytes = xmemdup(doc.data, doc.len);
        int changes = 1 + round % 3;

        for (int i = 0; i < changes; i++) {
            seed = seed * 1664525U + 1013904223U;
            bytes[(seed >> 16) % doc.len] = (seed & 0x8000) != 0
                                                ? (uint8_t)(seed >> 8 & 7)
                                                : (uint8_t)(seed >> 5);
        }
        if (doc_check((struct doc){bytes, doc.len})) {
            accepted++;
            use((struct doc){bytes, doc.len});
        }
        free(bytes);
    }
    assert_true(accepted > 0); /* or the loop shows nothing */
    doc_out_free(out);
}

struct bytes_case {
    const char *name;
    const char *bytes;
    uint32_t len;
    bool good;
};

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct bytes_case raw[] = {
    {"empty document", BYTES("\x05\0\0\0\0"), true},
    {"no bytes", BYTES(""), false},
    {"length too small", BYTES("\x04\0\0\0\0"), false},
    {"length too large", BYTES("\x06\0\0\0\0"), false},
    {"no end", BYTES("\x05\0\0\0\1"), false},
    {"null",
     BYTES("\x08\0\0\0\x0A"
           "a\0\0"),
     true},
    {"bool 1",
     BYTES("\x09\0\0\0\x08"
           "a\0\1\0"),
     true},
    {"bool 2",
     BYTES("\x09\0\0\0\x08"
           "a\0\2\0"),
     false},
    {"unknown kind",
     BYTES("\x09\0\0\0\x7F"
           "a\0\1\0"),
     false},
    {"key without end",
     BYTES("\x08\0\0\0\x0A"
           "ab\0"),
     false},
    {"key not utf-8",
     BYTES("\x08\0\0\0\x0A"
           "\xFF\0\0"),
     false},
    {"empty text",
     BYTES("\x0D\0\0\0\x02"
           "a\0\1\0\0\0\0\0"),
     true},
    {"text of length 0",
     BYTES("\x0D\0\0\0\x02"
           "a\0\0\0\0\0\0\0"),
     false},
    {"text with a NUL",
     BYTES("\x0E\0\0\0\x02"
           "a\0\2\0\0\0\0\0\0"),
     false},
    {"text not utf-8",
     BYTES("\x0E\0\0\0\x02"
           "a\0\2\0\0\0\xFF\0\0"),
     false},
    {"text past the end",
     BYTES("\x0E\0\0\0\x02"
           "a\0\3\0\0\0b\0\0"),
     false},
    {"text of 4 GB",
     BYTES("\x0E\0\0\0\x02"
           "a\0\xFF\xFF\xFF\xFF"
           "b\0\0"),
     false},
    {"int32",
     BYTES("\x0C\0\0\0\x10"
           "a\0\1\0\0\0\0"),
     true},
    {"int64 cut",
     BYTES("\x0C\0\0\0\x12"
           "a\0\1\0\0\0\0"),
     false},
    {"nested past the end",
     BYTES("\x0D\0\0\0\x03"
           "a\0\6\0\0\0\0\0"),
     false},
    {"binary",
     BYTES("\x0E\0\0\0\x05"
           "a\0\1\0\0\0\0\xFF\0"),
     true},
    {"binary past the end",
     BYTES("\x0E\0\0\0\x05"
           "a\0\2\0\0\0\0\xFF\0"),
     false},
};

static void check_bytes(void **state)
{
    const struct bytes_case *row = *state;
    uint8_t *copy = xmemdup(row->bytes, row->len);
    struct doc doc = {copy, row->len};

    assert_int_equal(doc_check(doc), row->good);
    if (row->good) {
        use(doc);
    }
    free(copy);
}

static void keeps_the_depth(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc_out *outer = doc_out_new();

    (void)state;
    for (int i = 0; i < DOC_DEPTH_MAX; i++) {
        doc_begin_doc(out, "x");
    }
    for (int i = 0; i < DOC_DEPTH_MAX; i++) {
        doc_end(out);
    }
    assert_true(doc_check(doc_out_done(out)));
    use(doc_out_done(out));
    doc_add_doc(outer, "x", doc_out_done(out));
    assert_false(doc_check(doc_out_done(outer)));
    doc_out_free(out);
    doc_out_free(outer);
}

/* --- order -----------------------------------------------------------------
 */

/* Strictly rising; a union that -Wpedantic takes in a table. */
#define NUMBER_I(value)                                                        \
    {                                                                          \
        .type = DOC_INT, .u.i = (value)                                        \
    }
#define NUMBER_D(value)                                                        \
    {                                                                          \
        .type = DOC_DOUBLE, .u.d = (value)                                     \
    }
#define TEXT(value)                                                            \
    {                                                                          \
        .type = DOC_STRING, .u.s = {(value), sizeof(value) - 1 }               \
    }

static void orders_values(void **state)
{
    static const uint8_t small[] = {5, 0, 0, 0, 0};
    static const struct doc_value rising[] = {
        {.type = DOC_NULL},
        NUMBER_D((double)NAN),
        NUMBER_D(-(double)INFINITY),
        NUMBER_I(INT64_MIN),
        NUMBER_D(-1.5),
        NUMBER_I(-1),
        NUMBER_D(-0.5),
        NUMBER_I(0),
        NUMBER_D(0.5),
        NUMBER_I(1),
        NUMBER_I(9007199254740992),
        NUMBER_I(9007199254740993), /* no double of its own */
        NUMBER_D(9007199254740994.0),
        NUMBER_I(INT64_MAX),
        NUMBER_D(9223372036854775808.0),
        NUMBER_D((double)INFINITY),
        TEXT(""),
        TEXT("A"),
        TEXT("a"),
        TEXT("aa"),
        TEXT("b"),
        TEXT("\xC3\xA9"),
        {.type = DOC_DOC, .u.doc = {small, sizeof small}},
        {.type = DOC_ARRAY, .u.doc = {small, sizeof small}},
        {.type = DOC_BYTES, .u.s = {"\xFF", 1}},
        {.type = DOC_BOOL, .u.b = false},
        {.type = DOC_BOOL, .u.b = true},
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rising); i++) {
        for (size_t j = 0; j < N_ROWS(rising); j++) {
            int got = doc_compare(&rising[i], &rising[j]);

            if ((got > 0) - (got < 0) != (i > j) - (i < j)) {
                fail_msg("values %zu and %zu compare as %d", i, j, got);
            }
        }
    }
}

static void takes_some_as_equal(void **state)
{
    static const struct doc_value missing = {.type = DOC_MISSING};
    static const struct doc_value null = {.type = DOC_NULL};
    static const struct doc_value one = NUMBER_I(1);
    static const struct doc_value one_d = NUMBER_D(1);
    static const struct doc_value zero = NUMBER_D(0.0);
    static const struct doc_value minus_zero = NUMBER_D(-0.0);

    (void)state;
    assert_int_equal(doc_compare(&missing, &null), 0);
    assert_int_equal(doc_compare(&one, &one_d), 0);
    assert_int_equal(doc_compare(&one_d, &one), 0);
    assert_int_equal(doc_compare(&zero, &minus_zero), 0);
}

/* --- JSON text ---------------------------------------------------------------
 */

struct json_case {
    const char *name;
    struct doc_value value;
    const char *want;
};

static const struct json_case jsons[] = {
    {"short escapes", TEXT("\b\t\n\f\r\"\\/"), "\"\\b\\t\\n\\f\\r\\\"\\\\/\""},
    {"long escapes", TEXT("\x01\x0B\x1F\x7F"), "\"\\u0001\\u000b\\u001f\x7F\""},
    {"utf-8", TEXT("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\""},
    {"least integer", NUMBER_I(INT64_MIN), "-9223372036854775808"},
    {"whole double", NUMBER_D(95.0), "95"},
    {"time", NUMBER_D(1700000000.123), "1700000000.123"},
    {"shortest", NUMBER_D(0.1), "0.1"},
    {"all digits", NUMBER_D(0.1 + 0.2), "0.30000000000000004"},
    {"large", NUMBER_D(1e300), "1e+300"},
    {"no number", NUMBER_D((double)NAN), "null"},
    {"infinite", NUMBER_D((double)INFINITY), "null"},
    {"false", {.type = DOC_BOOL, .u.b = false}, "false"},
    {"missing", {.type = DOC_MISSING}, "null"},
};

static void check_json(void **state)
{
    const struct json_case *row = *state;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    doc_value_to_json(&row->value, &text);
    assert_string_equal(buf_str(&text), row->want);
    buf_fini(&text);
}

static void assert_as_printed(double number)
{
    const struct doc_value value = NUMBER_D(number);
    char want[64];
    struct buf text;

    (void)snprintf(want, sizeof want, "%.15g", number);
    if (strtod(want, NULL) != number) {
        (void)snprintf(want, sizeof want, "%.17g", number);
    }
    buf_init(&text, TEXT_MAX);
    doc_value_to_json(&value, &text);
    assert_string_equal(buf_str(&text), want);
    buf_fini(&text);
}

/* Numbers of few decimals are written by hand, others by the library: no
 * difference shows. */
static void writes_numbers_as_printed(void **state)
{
    static const double edges[] = {
        0,          -0.0,           0.001,          0.0009,       -0.001,
        0.1,        999.999,        1e11,           1e12 - 0.001, 1e12,
        1e12 + 0.5, 999999999999.5, 999999999999.0, -1e12,        1e15,
        1e15 + 1,   123456789.0625, 5e-324,         1e308};

    (void)state;
    for (size_t i = 0; i < N_ROWS(edges); i++) {
        assert_as_printed(edges[i]);
        assert_as_printed(-edges[i]);
    }
    for (uint64_t i = 0; i < NUMBERS; i++) {
        double whole =
            (double)(int64_t)(hash_fixed(&i, sizeof i) % 2000000) - 1000000;
        double scale = (double)(INT64_C(1) << i % 30);

        assert_as_printed(whole / 1000);
        assert_as_printed(whole / 100000);
        assert_as_printed(whole * scale + 0.125);
        assert_as_printed(whole * scale / 7);
    }
}

static void can_be_used_again(void **state)
{
    struct doc_out *out = doc_out_new();
    struct doc doc;

    (void)state;
    doc_add_str(out, "a", "b");
    doc_begin_doc(out, "left open");
    doc_out_reset(out);
    doc_add_i64(out, "x", 1);
    doc = doc_out_done(out);
    assert_true(doc_check(doc));
    assert_int_equal(doc_count(doc), 1);
    assert_int_equal(doc_out_len(out), doc.len);
    doc_out_free(out);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(reads_what_was_written),
        ROW_SINGLE(falls_back),
        ROWS(paths, check_path),
        ROW_SINGLE(shows_json_and_reads_it_back),
        ROW_SINGLE(copies_value_by_value),
        ROW_SINGLE(refuses_every_truncation),
        ROW_SINGLE(survives_corruption),
        ROWS(raw, check_bytes),
        ROW_SINGLE(keeps_the_depth),
        ROW_SINGLE(orders_values),
        ROW_SINGLE(takes_some_as_equal),
        ROWS(jsons, check_json),
        ROW_SINGLE(writes_numbers_as_printed),
        ROW_SINGLE(can_be_used_again),
    };

    return rows_run("doc", tables, N_ROWS(tables));
}
