/* SPDX-License-Identifier: Apache-2.0 */
/** JSON text token by token: rows, and the same verdict as another reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/json/json_scan.h"

enum {
    TOLD_MAX = 512,
    TEXT_MAX = 256,
    ROUNDS = 20000,
    EDITS_MAX = 4
};

/* Tokens in short: names as n(..), texts as t(..), numbers as written. */
struct scan_case {
    const char *name;
    const char *text;
    const char *tokens;
    const char *expected; /* where the last is "bad" */
    size_t start;         /* of the bad token */
};

static const struct scan_case cases[] = {
    {"an object", "{\"a\":1}", "{ n(a) 1 } end", NULL, 0},
    {"an array", " [ ] ", "[ ] end", NULL, 0},
    {"words", "[true,false,null]", "[ true false null ] end", NULL, 0},
    {"nesting", "[{},[{\"a\":[]}]]", "[ { } [ { n(a) [ ] } ] ] end", NULL, 0},
    {"a value alone", "-0.5E+10", "-0.5E+10 end", NULL, 0},
    {"numbers", "[0,-0,10,1.5,1e5,2E-3]", "[ 0 -0 10 1.5 1e5 2E-3 ] end", NULL,
     0},
    {"escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "t(\"\\/\b\f\n\r\t) end",
     NULL, 0},
    {"code points", "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"",
     "t(A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80) end", NULL, 0},
    {"a pair in the middle", "\"x\\ud83d\\ude00y\"",
     "t(x\xF0\x9F\x98\x80y) end", NULL, 0},
    {"half a pair", "\"\\ud83d!\"", "t(\xED\xA0\xBD!) end", NULL, 0},
    {"UTF-8 as it is", "\"\xC3\xA9\x7F\"", "t(\xC3\xA9\x7F) end", NULL, 0},
    {"a long text", "\"0123456789abcdefghijklmnopqrstuvwxyz\\n!\"",
     "t(0123456789abcdefghijklmnopqrstuvwxyz\n!) end", NULL, 0},
    {"an empty name", "{\"\":\"\"}", "{ n() t() } end", NULL, 0},
    {"blanks", "{ \"a\" :\t1 ,\r\n\"b\" : [ 2 , 3 ] }",
     "{ n(a) 1 n(b) [ 2 3 ] } end", NULL, 0},
    /* what is none */
    {"nothing", "", "bad", "a value", 0},
    {"blanks only", " \n", "bad", "a value", 2},
    {"two values", "1 2", "1 bad", "nothing more", 2},
    {"a word cut", "tru", "bad", "a value", 0},
    {"a word too long", "[nulls]", "[ null bad", "',' or ']'", 5},
    {"a comma too many", "[1,]", "[ 1 bad", "a value", 3},
    {"a comma first", "[,1]", "[ bad", "a value or ']'", 1},
    {"no comma", "[1 2]", "[ 1 bad", "',' or ']'", 3},
    {"the wrong end", "[1}", "[ 1 bad", "',' or ']'", 2},
    {"the wrong end of an object", "{\"a\":1]", "{ n(a) 1 bad", "',' or '}'",
     6},
    {"a number as name", "{1:2}", "{ bad", "a name or '}'", 1},
    {"no name", "{\"a\":1,}", "{ n(a) 1 bad", "a name", 7},
    {"no colon", "{\"a\" 1}", "{ bad", "':'", 5},
    {"no value", "{\"a\":}", "{ n(a) bad", "a value", 5},
    {"a leading zero", "01", "0 bad", "nothing more", 1},
    {"a plus", "+1", "bad", "a value", 0},
    {"a lone minus", "[-]", "[ bad", "a value or ']'", 1},
    {"no fraction", "[1.]", "[ bad", "a value or ']'", 1},
    {"no whole part", "[.5]", "[ bad", "a value or ']'", 1},
    {"no exponent", "[1e+]", "[ bad", "a value or ']'", 1},
    {"hexadecimal", "[0x10]", "[ 0 bad", "',' or ']'", 2},
    {"an open text", "[\"abc", "[ bad", "a value or ']'", 1},
    {"an open escape", "[\"abc\\", "[ bad", "a value or ']'", 1},
    {"a wrong escape", "[\"\\x\"]", "[ bad", "a value or ']'", 1},
    {"a wrong code point", "[\"\\u12G4\"]", "[ bad", "a value or ']'", 1},
    {"a code point cut", "[\"\\u12", "[ bad", "a value or ']'", 1},
    {"a control character", "[\"a\nb\"]", "[ bad", "a value or ']'", 1},
    {"a control character late", "[\"0123456789abcdef\x1F\"]", "[ bad",
     "a value or ']'", 1},
    {"single quotes", "['a']", "[ bad", "a value or ']'", 1},
    {"a comment", "[/* */]", "[ bad", "a value or ']'", 1},
};

static void tell(char *told, const char *text)
{
    size_t len = strlen(told);

    (void)snprintf(told + len, TOLD_MAX - len, "%s%s", len > 0 ? " " : "",
                   text);
}

static void tell_part(char *told, const struct json_scan *scan,
                      const char *before, const char *after)
{
    char text[TOLD_MAX];
    char *part = xmalloc(scan->part_len + 1);
    size_t len = scan->part_len;

    if (scan->escaped) {
        len = json_unescape(scan->part, scan->part_len, part);
    } else {
        memcpy(part, scan->part, scan->part_len);
    }
    assert_true(len <= scan->part_len);
    (void)snprintf(text, sizeof text, "%s%.*s%s", before, (int)len, part,
                   after);
    tell(told, text);
    free(part);
}

static void tell_token(char *told, struct json_scan *scan,
                       enum json_token token)
{
    static const char *const texts[] = {
        [JSON_TOKEN_END] = "end",        [JSON_TOKEN_BAD] = "bad",
        [JSON_TOKEN_NULL] = "null",      [JSON_TOKEN_TRUE] = "true",
        [JSON_TOKEN_FALSE] = "false",    [JSON_TOKEN_OPEN_OBJECT] = "{",
        [JSON_TOKEN_CLOSE_OBJECT] = "}", [JSON_TOKEN_OPEN_ARRAY] = "[",
        [JSON_TOKEN_CLOSE_ARRAY] = "]",  [JSON_TOKEN_NAME] = "n(",
        [JSON_TOKEN_TEXT] = "t(",        [JSON_TOKEN_NUMBER] = ""};

    if (token == JSON_TOKEN_NUMBER) {
        scan->escaped = false;
        tell_part(told, scan, "", "");
    } else if (token == JSON_TOKEN_NAME || token == JSON_TOKEN_TEXT) {
        tell_part(told, scan, texts[token], ")");
    } else {
        tell(told, texts[token]);
    }
}

/* A copy of just its size, so that a sanitizer sees what is read too much. */
static char *exact(const char *text, size_t len)
{
    char *copy = xmalloc(len > 0 ? len : 1);

    memcpy(copy, text, len);
    return copy;
}

static void test_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct scan_case *row = &cases[i];
        char *text = exact(row->text, strlen(row->text));
        char told[TOLD_MAX] = "";
        struct json_scan scan;
        enum json_token token;

        print_message("row: %s\n", row->name);
        json_scan_init(&scan, text, strlen(row->text));
        do {
            token = json_scan_next(&scan);
            tell_token(told, &scan, token);
        } while (token != JSON_TOKEN_END && token != JSON_TOKEN_BAD);
        assert_string_equal(told, row->tokens);
        if (row->expected != NULL) {
            assert_string_equal(json_scan_expected(&scan), row->expected);
            assert_int_equal(scan.start, row->start);
        }
        free(text);
    }
}

/* *value_len: where the first whole value ended; 0: there is none. */
static bool scan_takes(const char *text, size_t len, size_t *value_len)
{
    struct json_scan scan;
    enum json_token token;

    json_scan_init(&scan, text, len);
    do {
        token = json_scan_next(&scan);
    } while (token != JSON_TOKEN_END && token != JSON_TOKEN_BAD);
    *value_len = scan.due == JSON_DUE_NOTHING ? scan.at : 0;
    return token == JSON_TOKEN_END;
}

static void test_depth(void **state)
{
    char text[2 * JSON_SCAN_DEPTH_MAX + 2];
    size_t value_len;

    (void)state;
    for (size_t depth = JSON_SCAN_DEPTH_MAX; depth < JSON_SCAN_DEPTH_MAX + 2;
         depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(scan_takes(text, 2 * depth, &value_len),
                         depth == JSON_SCAN_DEPTH_MAX);
    }
}

static bool yajl_takes(const char *text, size_t len)
{
    yajl_handle yajl = yajl_alloc(NULL, NULL, NULL);
    yajl_status status;

    yajl_config(yajl, yajl_dont_validate_strings, 1);
    status = yajl_parse(yajl, (const unsigned char *)text, len);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(yajl);
    }
    yajl_free(yajl);
    return status == yajl_status_ok;
}

static uint64_t dice(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Some bytes of a good text changed, removed or doubled. */
static size_t spoil(char *text, size_t len, uint64_t *seed)
{
    static const char bytes[] = "{}[]:,\"\\ue0123-+.tfn \t\n/x";

    for (uint64_t n = dice(seed) % EDITS_MAX; n > 0 && len > 1; n--) {
        size_t at = dice(seed) % len;

        switch (dice(seed) % 3) {
        case 0:
            text[at] = bytes[dice(seed) % (sizeof bytes - 1)];
            break;
        case 1:
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
            break;
        default:
            memmove(text + at + 1, text + at, len - at);
            len++;
            break;
        }
    }
    return len;
}

/* yajl takes no notice of a text that is begun behind the value. */
static bool is_open_text(const char *text, size_t len)
{
    return len > 0 && text[0] == '"' && !yajl_takes(text, len);
}

static void test_same_as_yajl(void **state)
{
    static const char *const good[] = {
        "{\"connector\":\"a\\u00e9\",\"b\":[1,-2.5e3,{\"c\":null}],\"d\":true}",
        "[[\"\\ud83d\\ude00\",\"x\\\"y\"],{},[],{\"\":0},false,10.25]",
        "  {\"a\" : \"0123456789 0123456789 0123456789\\n\" , \"b\":1E+5}  "};
    uint64_t seed = 20261121;
    size_t taken = 0;

    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        const char *from = good[i % (sizeof good / sizeof *good)];
        char text[TEXT_MAX];
        size_t len = strlen(from);
        size_t value_len;
        char *copy;
        bool takes;

        memcpy(text, from, len);
        len = spoil(text, len, &seed);
        copy = exact(text, len);
        takes = scan_takes(copy, len, &value_len);
        if (takes != yajl_takes(copy, len) &&
            !(value_len > 0 &&
              is_open_text(copy + value_len, len - value_len))) {
            fail_msg("round %zu: yajl differs: %.*s", i, (int)len, copy);
        }
        taken += takes;
        free(copy);
    }
    assert_true(taken > ROUNDS / 10 && taken < ROUNDS / 10 * 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_same_as_yajl),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
