/* SPDX-License-Identifier: Apache-2.0 */
/** The INI form: what is understood, what is refused and with which words. */
#include <string.h>

#include "common/base/buf.h"
#include "common/conf/ini.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    OUT_MAX = 4096,
    RANDOM_ROUNDS = 20000,
    RANDOM_LEN = 48
};

struct good_case {
    const char *name;
    const char *text;
    const char *want; /* section|key|value|line; ... */
};

static const struct good_case good[] = {
    {"empty", "", ""},
    {"comments only", "# a\n; b\n\n   # c\n", ""},
    {"plain", "[a]\nk = v\n", "a|k|v|2;"},
    {"no newline at the end", "[a]\nk=v", "a|k|v|2;"},
    {"blanks around", "  [ a ]  # x\n\t k  =  v w \t\n", "a|k|v w|2;"},
    {"carriage returns", "[a]\r\nk = v\r\n", "a|k|v|2;"},
    {"byte order mark", "\xEF\xBB\xBF[a]\nk=v\n", "a|k|v|2;"},
    {"empty value", "[a]\nk =\nl = # c\n", "a|k||2;a|l||3;"},
    {"comment behind a value", "[a]\nk = v # c\nl = v ; c\n",
     "a|k|v|2;a|l|v|3;"},
    {"marks inside a value", "[a]\nk = a#b;c\n", "a|k|a#b;c|2;"},
    {"equals inside a value", "[a]\nk = a=b\n", "a|k|a=b|2;"},
    {"quotes", "[a]\nk = \" v # \\\" \\\\ \" # c\n", "a|k| v # \" \\ |2;"},
    {"backslash before another", "[a]\nk = \"\\n\"\n", "a|k|\\n|2;"},
    {"a quote inside", "[a]\nk = v\"w\n", "a|k|v\"w|2;"},
    {"sections return", "[a]\nk=1\n[b.c-d_e]\nk=2\n[a]\nl=3\n",
     "a|k|1|2;b.c-d_e|k|2|4;a|l|3|6;"},
    {"utf-8", "[a]\nk = \xC3\xA9\n", "a|k|\xC3\xA9|2;"},
};

struct bad_case {
    const char *name;
    const char *text;
    size_t len; /* 0: up to the NUL */
    const char *want;
};

static const struct bad_case bad[] = {
    {"no section", "k = v\n", 0,
     "f:1: \"k\" is not understood; expected a [section] line before the "
     "first key"},
    {"no equals", "[a]\nkey\n", 0,
     "f:2: \"key\" is not understood; expected \"key = value\", "
     "\"[section]\" or a comment"},
    {"open section", "[a\n", 0,
     "f:1: \"[a\" is not understood; expected [section] alone on its line"},
    {"text behind a section", "[a] b\n", 0,
     "f:1: \"[a] b\" is not understood; expected [section] alone on its line"},
    {"section name", "[a b]\n", 0,
     "f:1: \"a b\" is not understood; expected a section name of letters, "
     "digits, \"_\", \".\", \"-\", at most 64 bytes"},
    {"empty section", "[]\n", 0,
     "f:1: \"\" is not understood; expected a section name of letters, "
     "digits, \"_\", \".\", \"-\", at most 64 bytes"},
    {"empty key", "[a]\n = v\n", 0,
     "f:2: \"\" is not understood; expected a key of letters, digits, \"_\", "
     "\".\", \"-\""},
    {"open quote", "[a]\nk = \"v\n", 0,
     "f:2: the quote is never closed; expected \" at the end of the value"},
    {"open by backslash", "[a]\nk = \"v\\\"\n", 0,
     "f:2: the quote is never closed; expected \" at the end of the value"},
    {"text behind a quote", "[a]\nk = \"v\" w\n", 0,
     "f:2: \" w\" is not understood; expected nothing behind the closing "
     "quote"},
    {"not utf-8", "[a]\nk = \xFF\n", 0,
     "f:2: the line is not text; expected UTF-8"},
    {"a NUL", "[a]\nk = v\0w\n", 12,
     "f:2: the line is not text; expected UTF-8"},
    {"refused by the caller", "[a]\nrefuse = v\n", 0, "f:2: told so"},
};

static enum err take(void *ctx, const struct ini_item *item, struct errbuf *why)
{
    struct buf *out = ctx;

    if (item->key == NULL) {
        return ERR_OK;
    }
    if (strcmp(item->key, "refuse") == 0) {
        errbuf_set_field(why, "refuse", "told so");
        return ERR_INVALID;
    }
    buf_addf(out, "%s|%s|%s|%d;", item->section, item->key, item->value,
             item->line);
    return ERR_OK;
}

static enum err parse(const char *bytes, size_t len, struct buf *out,
                      struct errbuf *why)
{
    struct buf text;
    enum err err;

    buf_init(&text, INI_BYTES_MAX);
    buf_add(&text, bytes, len);
    err = ini_parse("f", &text, take, out, why);
    buf_fini(&text);
    return err;
}

static void check_good(void **state)
{
    const struct good_case *row = *state;
    struct errbuf why = {0};
    struct buf out;
    enum err err;

    buf_init(&out, OUT_MAX);
    err = parse(row->text, strlen(row->text), &out, &why);
    assert_string_equal(why.text, "");
    assert_int_equal(err, ERR_OK);
    assert_string_equal(buf_str(&out), row->want);
    buf_fini(&out);
}

static void check_bad(void **state)
{
    const struct bad_case *row = *state;
    struct errbuf why = {0};
    struct buf out;
    size_t len = row->len > 0 ? row->len : strlen(row->text);

    buf_init(&out, OUT_MAX);
    assert_int_equal(parse(row->text, len, &out, &why), ERR_INVALID);
    assert_string_equal(why.text, row->want);
    buf_fini(&out);
}

static void refuses_long_line(void **state)
{
    static char text[INI_LINE_MAX + 2];
    struct errbuf why = {0};

    (void)state;
    memset(text, '#', sizeof text);
    assert_int_equal(parse(text, INI_LINE_MAX, NULL, &why), ERR_OK);
    assert_int_equal(parse(text, INI_LINE_MAX + 1, NULL, &why), ERR_INVALID);
    assert_string_equal(why.text, "f:1: the line is longer than 8192 bytes");
}

static void survives_random_text(void **state)
{
    static const char alphabet[] = "[]=\"\\#;ab \t\n\r.\xC3\xA9";
    uint32_t seed = 20261;

    (void)state;
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        char text[RANDOM_LEN];
        struct errbuf why = {0};
        struct buf out;

        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525U + 1013904223U;
            text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        buf_init(&out, OUT_MAX);
        if (parse(text, sizeof text, &out, &why) != ERR_OK) {
            assert_int_equal(strncmp(why.text, "f:", 2), 0);
        }
        buf_fini(&out);
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(good, check_good),
        ROWS(bad, check_bad),
        ROW_SINGLE(refuses_long_line),
        ROW_SINGLE(survives_random_text),
    };

    return rows_run("conf/ini", tables, sizeof tables / sizeof tables[0]);
}
