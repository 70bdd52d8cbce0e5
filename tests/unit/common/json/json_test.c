/* SPDX-License-Identifier: Apache-2.0 */
/** Bounded JSON: limits, positions, members with paths, documents. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    OUT_MAX = 65536,
    RANDOM_ROUNDS = 20000,
    RANDOM_LEN = 32
};

static const struct json_limits small = {.depth = 3, .bytes = 64, .nodes = 8};

struct load_case {
    const char *name;
    const char *text;
    enum err err;
    const char *want; /* of why */
};

static const struct load_case loads[] = {
    {"object", "{\"a\": [1, 2.5, null]}", ERR_OK, ""},
    {"any value", "true", ERR_OK, ""},
    {"deepest", "[[[]]]", ERR_OK, ""},
    {"brackets in a string", "\"[[[[[[,,,,,,,,,,\\\"[[[[[[\"", ERR_OK, ""},
    {"too deep", "[\n[[\n [1]]]]", ERR_LIMIT,
     "line 3, column 2: nested too deep; expected at most 3"},
    {"too many values", "[1,2,3,4,5,6,7,8]", ERR_LIMIT,
     "line 1, column 15: too many values; expected at most 8"},
    {"too long",
     "[                                                                   ]",
     ERR_LIMIT, "line 1, column 1: 69 bytes of JSON; expected at most 64"},
    {"empty", "", ERR_INVALID,
     "line 1, column 1: unexpected token near end of file"},
    {"broken", "{\"a\": 1,\n  oops}", ERR_INVALID,
     "line 2, column 6: string or '}' expected near 'oops'"},
    {"twice", "{\"a\":1,\"a\":2}", ERR_INVALID,
     "line 1, column 10: duplicate object key near '\"a\"'"},
    {"more behind", "1 2", ERR_INVALID,
     "line 1, column 3: end of file expected near '2'"},
    {"a NUL", "\"\\u0000\"", ERR_INVALID,
     "line 1, column 8: \\u0000 is not allowed without JSON_ALLOW_NUL"},
    {"not utf-8", "\"\xFF\"", ERR_INVALID,
     "line 1, column 1: unable to decode byte 0xff near '\"'"},
    {"closing only", "]]]]", ERR_INVALID,
     "line 1, column 1: '[' or '{' expected near ']'"},
};

static void check_load(void **state)
{
    const struct load_case *row = *state;
    struct errbuf why = {0};
    json_t *json = NULL;
    enum err err =
        json_load_limited(row->text, strlen(row->text), &small, &json, &why);

    assert_int_equal(err, row->err);
    if (strncmp(row->want, "line", 4) == 0 && row->err == ERR_INVALID) {
        /* The words behind the position are the library's. */
        size_t head = (size_t)(strchr(row->want, ':') - row->want) + 1;

        assert_int_equal(strncmp(why.text, row->want, head), 0);
        assert_true(strlen(why.text) > head + 1);
    } else {
        assert_string_equal(why.text, row->want);
    }
    assert_int_equal(json != NULL, row->err == ERR_OK);
    json_decref(json);
}

static const char body[] =
    "{\"spec\": {\"n\": 5, \"big\": 2000, \"s\": \"text\", \"empty\": \"\","
    " \"f\": 1.5, \"t\": true, \"null\": null, \"mode\": \"b\","
    " \"wait\": \"90s\", \"secs\": 1.5, \"huge\": 1e300, \"bad\": \"9 apples\","
    " \"list\": [{\"x\": 1}, 7], \"o\": {}}}";

enum getter {
    STR,
    I64,
    F64,
    BOOL,
    CHOICE,
    DURATION,
    ARRAY,
    ENTER,
    ITEM
};

struct get_case {
    const char *name;
    enum getter getter;
    const char *key;
    enum json_need need;
    const char *want; /* the value as text, or the refusal */
};

static const struct get_case gets[] = {
    {"string", STR, "s", JSON_REQUIRED, "text"},
    {"string absent", STR, "none", JSON_OPTIONAL, "default"},
    {"string null", STR, "null", JSON_OPTIONAL, "default"},
    {"string empty, optional", STR, "empty", JSON_OPTIONAL, ""},
    {"string empty, required", STR, "empty", JSON_REQUIRED,
     "spec.empty: expected a string that is not empty"},
    {"string needed", STR, "none", JSON_REQUIRED,
     "spec.none: expected a string, got nothing"},
    {"string of another type", STR, "n", JSON_OPTIONAL,
     "spec.n: expected a string, got an integer"},
    {"string too long", STR, "bad", JSON_OPTIONAL,
     "spec.bad: expected a string of at most 6 bytes, got 8"},
    {"integer", I64, "n", JSON_REQUIRED, "5"},
    {"integer absent", I64, "none", JSON_OPTIONAL, "-1"},
    {"integer needed", I64, "null", JSON_REQUIRED,
     "spec.null: expected an integer, got nothing"},
    {"integer of another type", I64, "f", JSON_REQUIRED,
     "spec.f: expected an integer from 0 to 1000, got a number"},
    {"integer too large", I64, "big", JSON_REQUIRED,
     "spec.big: expected an integer from 0 to 1000, got 2000"},
    {"number", F64, "f", JSON_REQUIRED, "1.5"},
    {"number from an integer", F64, "n", JSON_REQUIRED, "5"},
    {"number of another type", F64, "s", JSON_REQUIRED,
     "spec.s: expected a number, got a string"},
    {"bool", BOOL, "t", JSON_REQUIRED, "1"},
    {"bool of another type", BOOL, "n", JSON_REQUIRED,
     "spec.n: expected true or false, got an integer"},
    {"choice", CHOICE, "mode", JSON_REQUIRED, "1"},
    {"choice absent", CHOICE, "none", JSON_OPTIONAL, "9"},
    {"choice needed", CHOICE, "none", JSON_REQUIRED,
     "spec.none: expected one of a, b; got nothing"},
    {"choice unknown", CHOICE, "s", JSON_REQUIRED,
     "spec.s: expected one of a, b; got text"},
    {"duration", DURATION, "wait", JSON_REQUIRED, "90000"},
    {"duration in seconds", DURATION, "secs", JSON_REQUIRED, "1500"},
    {"duration not one", DURATION, "bad", JSON_REQUIRED,
     "spec.bad: expected a duration such as 90s, 15m or 3d, got \"9 apples\""},
    {"duration too long", DURATION, "huge", JSON_REQUIRED,
     "spec.huge: expected a duration from 1 s to 3600 s"},
    {"array", ARRAY, "list", JSON_REQUIRED, "2"},
    {"array of another type", ARRAY, "o", JSON_REQUIRED,
     "spec.o: expected an array, got an object"},
    {"enter", ENTER, "o", JSON_REQUIRED, "spec.o"},
    {"enter absent", ENTER, "none", JSON_OPTIONAL, "spec.none, nothing"},
    {"enter another type", ENTER, "list", JSON_OPTIONAL,
     "spec.list: expected an object, got an array"},
    {"item", ITEM, "0", JSON_REQUIRED, "spec.list[0]"},
    {"item of another type", ITEM, "1", JSON_REQUIRED,
     "spec.list[1]: expected an object, got an integer"},
    {"item past the end", ITEM, "2", JSON_REQUIRED,
     "spec.list[2]: expected an object, got nothing"},
};

static enum err get_child(const struct json_in *in, const struct get_case *row,
                          struct buf *out)
{
    struct json_child child;
    enum err err =
        row->getter == ENTER
            ? json_enter(in, row->key, row->need, &child)
            : json_enter_item(in, "list", (size_t)(row->key[0] - '0'), &child);

    if (err == ERR_OK) {
        buf_addf(out, "%s%s", child.path,
                 child.in.object == NULL ? ", nothing" : "");
    }
    return err;
}

static enum err get_number(const struct json_in *in, const struct get_case *row,
                           struct buf *out)
{
    static const char *const choices[] = {"a", "b", NULL};
    int64_t i = -1;
    size_t choice = 9;
    double d = 0;
    enum err err;

    if (row->getter == F64) {
        err = json_get_f64(in, row->key, row->need, &d);
        buf_addf(out, "%g", d);
        return err;
    }
    if (row->getter == CHOICE) {
        err = json_get_choice(in, row->key, row->need, choices, &choice);
        buf_addf(out, "%zu", choice);
        return err;
    }
    err = row->getter == I64
              ? json_get_i64(in, row->key, row->need,
                             (struct json_range){0, 1000}, &i)
              : json_get_duration(in, row->key, row->need,
                                  (struct json_range){1000, 3600000}, &i);
    buf_addf(out, "%lld", (long long)i);
    return err;
}

static enum err get(const struct json_in *in, const struct get_case *row,
                    struct buf *out)
{
    const char *text = "default";
    const json_t *array = NULL;
    bool flag = false;
    enum err err;

    switch (row->getter) {
    case STR:
        err = json_get_str(in, row->key, row->need, 6, &text);
        buf_add_str(out, text);
        return err;
    case BOOL:
        err = json_get_bool(in, row->key, row->need, &flag);
        buf_addf(out, "%d", flag);
        return err;
    case ARRAY:
        err = json_get_array(in, row->key, row->need, 2, &array);
        buf_addf(out, "%zu", json_array_size(array));
        return err;
    case ENTER:
    case ITEM:
        return get_child(in, row, out);
    case I64:
    case F64:
    case CHOICE:
    case DURATION:
    default:
        return get_number(in, row, out);
    }
}

static void check_get(void **state)
{
    const struct get_case *row = *state;
    struct errbuf why = {0};
    json_t *json = NULL;
    struct json_in in = {.path = "", .why = &why};
    struct json_child spec;
    struct buf out;
    enum err err;

    assert_int_equal(
        json_load_limited(body, strlen(body), &json_limits_usual, &json, &why),
        ERR_OK);
    in.object = json;
    assert_int_equal(json_enter(&in, "spec", JSON_REQUIRED, &spec), ERR_OK);
    buf_init(&out, OUT_MAX);
    err = get(&spec.in, row, &out);
    assert_string_equal(err == ERR_OK ? buf_str(&out) : why.text, row->want);
    if (err != ERR_OK) {
        assert_int_equal(strncmp(why.field, "spec.", 5), 0);
    }
    buf_fini(&out);
    json_decref(json);
}

static void refuses_unknown_members(void **state)
{
    static const char *const known[] = {"a", "b", NULL};
    struct errbuf why = {0};
    json_t *json = json_pack("{s:i, s:i}", "a", 1, "c", 2);
    struct json_in in = {json, "", &why};

    (void)state;
    assert_int_equal(json_only_keys(&in, known), ERR_INVALID);
    assert_string_equal(why.text,
                        "c: expected one of a, b; got an unknown member");
    assert_string_equal(why.field, "c");
    json_decref(json);
}

struct doc_case {
    const char *name;
    const char *text;
};

static const struct doc_case docs[] = {
    {"empty", "{}"},
    {"every type",
     "{\"s\":\"a\\\"\\u0001\xC3\xA9\",\"i\":-9223372036854775808,"
     "\"f\":0.1,\"t\":true,\"n\":null,\"o\":{\"x\":[]},\"a\":[1,[2,{}],\"\"]}"},
};

static void check_doc_round(void **state)
{
    const struct doc_case *row = *state;
    struct errbuf why = {0};
    struct doc_out *out = doc_out_new();
    json_t *json = NULL;
    json_t *back;
    struct doc doc;
    struct buf text;

    assert_int_equal(json_load_limited(row->text, strlen(row->text),
                                       &json_limits_usual, &json, &why),
                     ERR_OK);
    assert_int_equal(json_to_doc(json, out, &doc, &why), ERR_OK);
    assert_true(doc_check(doc));
    back = json_from_doc(doc);
    assert_true(json_equal(json, back));
    buf_init(&text, OUT_MAX);
    doc_to_json(doc, &text);
    assert_string_equal(buf_str(&text), row->text);
    buf_fini(&text);
    json_decref(back);
    json_decref(json);
    doc_out_free(out);
}

static void keeps_document_limits(void **state)
{
    struct errbuf why = {0};
    struct doc_out *out = doc_out_new();
    json_t *json = json_object();
    struct doc doc;

    (void)state;
    for (int i = 0; i < DOC_DEPTH_MAX; i++) {
        json = json_pack("{s:o}", "x", json);
    }
    assert_int_equal(json_to_doc(json, out, &doc, &why), ERR_OK);
    assert_true(doc_check(doc));
    json = json_pack("{s:[o]}", "x", json);
    assert_int_equal(json_to_doc(json, out, &doc, &why), ERR_LIMIT);
    json_decref(json);
    json = json_array();
    assert_int_equal(json_to_doc(json, out, &doc, &why), ERR_INVALID);
    json_decref(json);
    json = json_pack("{s:s%}", "x", "a\0b", (size_t)3);
    assert_int_equal(json_to_doc(json, out, &doc, &why), ERR_INVALID);
    json_decref(json);
    doc_out_free(out);
}

static void shows_what_json_cannot_say(void **state)
{
    struct doc_out *out = doc_out_new();
    json_t *json;
    char *text;

    (void)state;
    doc_add_bytes(out, "b", "\xFF\xFE\xFD", 3);
    doc_add_f64(out, "nan", (double)NAN);
    doc_add_i64(out, "twice", 1);
    doc_add_i64(out, "twice", 2);
    json = json_from_doc(doc_out_done(out));
    text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, "{\"b\":\"__79\",\"nan\":null,\"twice\":1}");
    free(text);
    json_decref(json);
    doc_out_free(out);
}

static void survives_random_text(void **state)
{
    static const char alphabet[] = "[]{}\",:\\0123.eE-tnu \n\xC3";
    uint32_t seed = 20262;

    (void)state;
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        char text[RANDOM_LEN];
        struct errbuf why = {0};
        json_t *json = NULL;

        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525U + 1013904223U;
            text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        if (json_load_limited(text, seed % RANDOM_LEN, &small, &json, &why) !=
            ERR_OK) {
            assert_int_equal(strncmp(why.text, "line ", 5), 0);
        }
        json_decref(json);
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(loads, check_load),
        ROWS(gets, check_get),
        ROWS(docs, check_doc_round),
        ROW_SINGLE(refuses_unknown_members),
        ROW_SINGLE(keeps_document_limits),
        ROW_SINGLE(shows_what_json_cannot_say),
        ROW_SINGLE(survives_random_text),
    };

    return rows_run("json", tables, sizeof tables / sizeof tables[0]);
}
