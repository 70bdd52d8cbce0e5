/* SPDX-License-Identifier: Apache-2.0 */
/** Texts that a regular expression cannot match without: what is found, and
 *  that no match lacks it. */
#include <stdio.h>
#include <string.h>

#include "common/filter/filter.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PATTERNS = 20000,
    TEXTS = 12
};

static const struct {
    const char *name;
    const char *pattern; /* as in JSON */
    const char *want;    /* NULL: none */
} rows[] = {
    {"a word", "disk full", "disk full"},
    {"anchors", "^web1$", "web1"},
    {"the longest of several", "ab.cdef.gh", "cdef"},
    {"an escaped dot", "db\\\\.example", "db.example"},
    {"a class of digits", "host\\\\d+-eth", "host"},
    {"a class", "fan[0-9]speed", "speed"},
    {"a class with a bracket in it", "fan[]a]speed", "speed"},
    {"a class of names", "x[[:alpha:]]failed", "failed"},
    {"a star takes the character before", "abc*", "ab"},
    {"a question mark too", "colou?r", "colo"},
    {"a plus does not", "abc+d", "abc"},
    {"a count may be 0", "abc{0,2}def", "def"},
    {"a lazy star", "abc*?defg", "defg"},
    {"a group is passed over", "(a|b)error", "error"},
    {"and what stands in it", "on (primary|backup) node", " node"},
    {"an optional group", "abc(def)?", "abc"},
    {"nested groups", "((x)|[)])yes", "yes"},
    {"characters of several bytes", "fen\\u00eatre*", "fenêtr"},
    {"the last of them may go", "caf\\u00e9?", "caf"},
    {"alternatives", "abc|def", NULL},
    {"settings inside", "(?i)abc", NULL},
    {"verbs", "(*UCP)abc", NULL},
    {"quoting", "\\\\Qa+b\\\\E", NULL},
    {"a back reference", "(a)\\\\1bc", NULL},
    {"a code", "\\\\x41bc", NULL},
    {"nothing but signs", "^.*$", NULL},
    {"a property", "\\\\p{Lu}bc", NULL},
};

static struct filter *parse(const char *pattern, const char *options)
{
    struct filter *filter = NULL;
    struct errbuf why = {0};
    char text[512];

    (void)snprintf(text, sizeof text,
                   "{\"o\":{\"$regex\":\"%s\",\"$options\":\"%s\"}}", pattern,
                   options);
    return filter_parse(text, &filter, &why) == ERR_OK ? filter : NULL;
}

static void test_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct filter *filter = parse(rows[i].pattern, "");
        struct filter_literal literals[FILTER_PUSH_MAX];
        size_t n;

        assert_non_null(filter);
        n = filter_literals(filter, literals);
        if (n != (rows[i].want != NULL) ||
            (n == 1 &&
             (literals[0].len != strlen(rows[i].want) ||
              memcmp(literals[0].text, rows[i].want, literals[0].len) != 0))) {
            fail_msg("%s: %.*s", rows[i].name,
                     n == 1 ? (int)literals[0].len : 4,
                     n == 1 ? literals[0].text : "none");
        }
        filter_free(filter);
    }
}

static void test_where(void **state)
{
    static const struct {
        const char *filter;
        size_t n;
    } filters[] = {
        {"a~\"one\" and b.c~\"two\"", 2},
        {"a~\"one\" or b~\"two\"", 0},
        {"not a~\"one\"", 0},
        {"", 0},
        {"{\"a\":{\"$elemMatch\":{\"b\":{\"$regex\":\"one\"}}}}", 0},
        {"{\"a\":{\"$regex\":\"one\",\"$options\":\"i\"}}", 0},
        {"{\"a\":{\"$regex\":\"o n e\",\"$options\":\"x\"}}", 0},
        {"{\"a\":{\"$regex\":\"one\",\"$options\":\"ms\"}}", 1},
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(filters); i++) {
        struct filter_literal literals[FILTER_PUSH_MAX];
        struct filter *filter = NULL;
        struct errbuf why = {0};

        assert_int_equal(filter_parse(filters[i].filter, &filter, &why),
                         ERR_OK);
        if (filter_literals(filter, literals) != filters[i].n) {
            fail_msg("%s: not %zu literals", filters[i].filter, filters[i].n);
        }
        filter_free(filter);
    }
    assert_int_equal(filter_literals(NULL, NULL), 0);
}

/* A long run is cut, never in the middle of a character. */
static void test_long(void **state)
{
    char pattern[400];
    struct filter_literal literals[FILTER_PUSH_MAX];
    struct filter *filter;

    (void)state;
    for (size_t start = 0; start < 4; start++) {
        memset(pattern, 'a', start);
        pattern[start] = '\0';
        for (size_t i = 0; i < 100; i++) {
            (void)snprintf(pattern + start + 2 * i, 3, "é");
        }
        filter = parse(pattern, "");
        assert_non_null(filter);
        assert_int_equal(filter_literals(filter, literals), 1);
        assert_true(literals[0].len > FILTER_LITERAL_MAX - 8);
        assert_int_equal((literals[0].len - start) % 2, 0);
        filter_free(filter);
    }
}

/* Random patterns on random texts. */

static unsigned roll(unsigned *dice, unsigned below)
{
    *dice = *dice * 1103515245u + 12345u;
    return (*dice >> 16) % below;
}

static void add_parts(char *out, size_t size, const char *const *parts,
                      size_t n, unsigned *dice)
{
    unsigned count = 1 + roll(dice, 8);

    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        const char *part = parts[roll(dice, (unsigned)n)];

        if (len + strlen(part) < size) {
            (void)snprintf(out + len, size - len, "%s", part);
            len += strlen(part);
        }
    }
}

static const char *const pattern_parts[] = {
    "a",  "b",   "ab",    "ba",      "abc",    "c",      "*",     "?",
    "+",  "{2}", "{0,1}", "[ab]",    "[^a]",   "(ab)",   "(a|b)", ".",
    "^",  "$",   "|",     "\\\\d",   "\\\\.",  "\\\\b",  "é",     "{,2}",
    "*?", "++",  "[]a]",  "(a(b)?)", "\\\\W*", "(b|)??", "]",     "}"};
static const char *const text_parts[] = {"a", "b", "ab",  "abc", "c",
                                         "1", ".", "aab", "é",   "]",
                                         "}", " ", "bab", "{2}", "{,2}"};

static bool holds(const char *text, const struct filter_literal *literal)
{
    size_t len = strlen(text);

    for (size_t at = 0; at + literal->len <= len; at++) {
        if (memcmp(text + at, literal->text, literal->len) == 0) {
            return true;
        }
    }
    return false;
}

/* How many matched. */
static size_t try_pattern(const struct filter *filter,
                          const struct filter_literal *literal,
                          const char *pattern, unsigned *dice)
{
    struct doc_out *out = doc_out_new();
    size_t n = 0;

    for (int i = 0; i < TEXTS; i++) {
        char text[128];

        add_parts(text, sizeof text, text_parts, N_ROWS(text_parts), dice);
        doc_out_reset(out);
        doc_add_str(out, "o", text);
        if (filter_match(filter, doc_out_done(out))) {
            n++;
            if (!holds(text, literal)) {
                fail_msg("%s matches \"%s\" without \"%.*s\"", pattern, text,
                         (int)literal->len, literal->text);
            }
        }
    }
    doc_out_free(out);
    return n;
}

static void no_match_lacks_it(void **state)
{
    unsigned dice = 11;
    size_t matched = 0;

    (void)state;
    for (int i = 0; i < PATTERNS; i++) {
        struct filter_literal literals[FILTER_PUSH_MAX];
        struct filter *filter;
        char pattern[128];

        add_parts(pattern, sizeof pattern, pattern_parts, N_ROWS(pattern_parts),
                  &dice);
        filter = parse(pattern, "");
        if (filter != NULL && filter_literals(filter, literals) == 1) {
            matched += try_pattern(filter, &literals[0], pattern, &dice);
        }
        filter_free(filter);
    }
    assert_true(matched > PATTERNS / 10); /* else nothing was compared */
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_found),
        ROW_SINGLE(test_where),
        ROW_SINGLE(test_long),
        ROW_SINGLE(no_match_lacks_it),
    };

    return rows_run("literal", tables, N_ROWS(tables));
}
