/* SPDX-License-Identifier: Apache-2.0 */
/** Manual pages: nothing in a text is taken for troff's own. */
#include <string.h>

#include "common/conf/man.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PAGE_MAX = 4096
};

struct case_row {
    const char *name;
    void (*write)(struct buf *out, const char *text);
    const char *text;
    const char *want;
};

static void write_tag(struct buf *out, const char *text)
{
    man_item(out, text, "X-Y", "means");
}

static void write_name(struct buf *out, const char *text)
{
    man_begin(out, text, 8, "sums up");
}

static const struct case_row cases[] = {
    {"a dot in front", man_text, ".SH x\n", ".PP\n\\&.SH x\n"},
    {"a quote in front", man_text, "'br\n", ".PP\n\\&\\(aqbr\n"},
    {"a backslash", man_text, "a\\nb", ".PP\na\\enb\n"},
    {"hyphens can be copied", man_text, "--x ~ ^ `",
     ".PP\n\\-\\-x \\(ti \\(ha \\(ga\n"},
    {"blanks in front", man_text, "   a\n  b", ".PP\na\nb\n"},
    {"paragraphs", man_text, "a\n\nb", ".PP\na\n.sp\nb\n"},
    {"lines stay", man_lines, "  a\n.b\n", ".PP\n.nf\n  a\n\\&.b\n.fi\n"},
    {"a heading with quotes", man_section, "a \"b\"",
     ".SH \"a \\(dqb\\(dq\"\n"},
    {"a tag", write_tag, "--a", ".TP\n\\fB\\-\\-a\\fR \\fIX\\-Y\\fR\nmeans\n"},
    {"nothing", man_text, "", ".PP\n"},
};

static void check_case(void **state)
{
    const struct case_row *row = *state;
    struct buf out;

    buf_init(&out, PAGE_MAX);
    row->write(&out, row->text);
    assert_string_equal(buf_str(&out), row->want);
    buf_fini(&out);
}

static void title_names_program_and_section(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, PAGE_MAX);
    write_name(&out, "a-b");
    assert_non_null(strstr(buf_str(&out), ".TH \"a\\-b\" 8 "));
    assert_non_null(strstr(buf_str(&out), ".SH \"NAME\"\na\\-b \\- sums up\n"));
    buf_fini(&out);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
        ROW_SINGLE(title_names_program_and_section),
    };

    return rows_run("conf/man", tables, sizeof tables / sizeof tables[0]);
}
