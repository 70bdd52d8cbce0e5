/* SPDX-License-Identifier: Apache-2.0 */
/** Paths of the place where a JSON text breaks off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json_path.h"

struct path_case {
    const char *name;
    const char *text;
    const char *path;
};

static const struct path_case cases[] = {
    {"nothing", "", "body"},
    {"blanks", " \t\n", "body"},
    {"an open object", "{", "body"},
    {"inside a name", "{\"connec", "body"},
    {"a name", "{\"a\"", "a"},
    {"a value begins", "{\"a\":\"x", "a"},
    {"a value", "{\"a\":1", "a"},
    {"behind a comma", "{\"a\":1,", "body"},
    {"the second name", "{\"a\":1,\"b\"", "b"},
    {"a nested object", "{\"a\":{", "a"},
    {"a nested member", "{\"a\":{\"b\":", "a.b"},
    {"left again", "{\"a\":{\"b\":1}", "a"},
    {"a new member after it", "{\"a\":{\"b\":1},\"c\":", "c"},
    {"an open array", "[ ", "body"},
    {"an open array inside", "{\"a\":[", "a"},
    {"an element begins", "[\"", "[0]"},
    {"a container begins", "[[", "[0]"},
    {"an element", "[1", "[0]"},
    {"the next element", "[1,", "[1]"},
    {"a member of an element", "[{},{\"a\":", "[1].a"},
    {"a metric",
     "{\"perf_data_array\":[{\"metric\":\"a\"},{},{},{\"metric\":\"",
     "perf_data_array[3].metric"},
    {"arrays of arrays", "{\"a\":[[1,2],[3,", "a[1][1]"},
    {"commas and brackets in a text", "{\"a\":\"],[{,\\\"}\",\"b\":", "b"},
    {"a quote in a name", "{\"a\\\"b\":", "a\\\"b"},
    {"a backslash at the end", "{\"a\":\"\\", "a"},
    {"an empty name", "{\"\":", "body"},
    {"a text as a value is no name", "{\"a\":\"b\"", "a"},
    {"a closed text", "{}", "body"},
    {"closed too often", "{}]]}", "body"},
    {"no JSON at all", "hello, \"world\"", "body"},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[JSON_PATH_MAX + 1];

        print_message("row: %s\n", cases[i].name);
        assert_string_equal(
            json_path_at(cases[i].text, strlen(cases[i].text), path),
            cases[i].path);
    }
}

static void test_many_levels_are_cut(void **state)
{
    enum {
        LEVELS = 1000
    };
    char text[LEVELS];
    char path[JSON_PATH_MAX + 1];

    (void)state;
    memset(text, '[', sizeof text);
    (void)json_path_at(text, sizeof text, path);
    assert_true(str_starts(path, "[0][0][0]"));
    assert_true(strlen(path) <= JSON_PATH_MAX);
}

/* A name is cut between characters, and a step that has no room ends the
 * path, so that none is shown without what is above it. */
static void test_long_names_are_cut(void **state)
{
    char text[1024] = "{";
    char path[JSON_PATH_MAX + 1];
    size_t len = 1;

    (void)state;
    for (int i = 0; i < 5; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "\"%s\":{",
                                "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82"
                                "\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2"
                                "\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"
                                "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82"
                                "\xAC\xE2\x82\xAC\xE2\x82\xAC");
    }
    len += (size_t)snprintf(text + len, sizeof text - len, "\"b\":");
    (void)json_path_at(text, len, path);
    assert_true(utf8_valid(path, strlen(path)));
    assert_true(strlen(path) > 90 && strlen(path) <= JSON_PATH_MAX);
    assert_null(strstr(path, ".b"));
}

/* Whatever the bytes, at whatever place: no byte outside is read. */
static void test_every_cut_of_any_bytes(void **state)
{
    static const char bytes[] = "{\"a\":[{\"b\\\":\"\\u00e9\",]}{[\"\xFF\0\"\\";

    (void)state;
    for (size_t len = 0; len <= sizeof bytes; len++) {
        char path[JSON_PATH_MAX + 1];
        char *copy = xmemdup(bytes, len);

        (void)json_path_at(copy, len, path);
        assert_true(strlen(path) > 0);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_many_levels_are_cut),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_every_cut_of_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
