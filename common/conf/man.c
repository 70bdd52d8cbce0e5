/* SPDX-License-Identifier: Apache-2.0 */
/** Manual pages, in the man(7) form, of what a program tells of itself. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <string.h>

#include "common/conf/man.h"

/* What troff would take for its own is escaped; a hyphen stays one that can
 * be copied to a command line. */
static void add_char(struct buf *out, char c, bool at_line_start)
{
    if (at_line_start && (c == '.' || c == '\'')) {
        buf_add_str(out, "\\&");
    }
    switch (c) {
    case '\\':
        buf_add_str(out, "\\e");
        return;
    case '-':
        buf_add_str(out, "\\-");
        return;
    case '\'':
        buf_add_str(out, "\\(aq");
        return;
    case '`':
        buf_add_str(out, "\\(ga");
        return;
    case '^':
        buf_add_str(out, "\\(ha");
        return;
    case '~':
        buf_add_str(out, "\\(ti");
        return;
    default:
        buf_add_char(out, c);
    }
}

static void add_line(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        add_char(out, text[i], i == 0);
    }
}

static void add_escaped(struct buf *out, const char *text)
{
    add_line(out, text, strlen(text));
}

/* In an argument of a macro a quote ends it. */
static void add_quoted(struct buf *out, const char *text)
{
    buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            buf_add_str(out, "\\(dq");
        } else {
            add_char(out, *text, false);
        }
    }
    buf_add_char(out, '"');
}

/* Filled text: blanks in front of a line would break it. */
static void add_filled(struct buf *out, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t blanks = strspn(text, " ");

        if (blanks < len) {
            add_line(out, text + blanks, len - blanks);
            buf_add_char(out, '\n');
        } else {
            buf_add_str(out, ".sp\n");
        }
        text += len + (text[len] == '\n');
    }
}

void man_begin(struct buf *out, const char *name, int section,
               const char *summary)
{
    buf_add_str(out, ".TH ");
    add_quoted(out, name);
    buf_addf(out, " %d \"\" \"Hypervise %s\" \"Hypervise\"\n", section,
             PACKAGE_VERSION);
    man_section(out, "NAME");
    add_escaped(out, name);
    buf_add_str(out, " \\- ");
    add_escaped(out, summary);
    buf_add_char(out, '\n');
}

void man_section(struct buf *out, const char *title)
{
    buf_addf(out, ".SH ");
    add_quoted(out, title);
    buf_add_char(out, '\n');
}

void man_subsection(struct buf *out, const char *title)
{
    buf_addf(out, ".SS ");
    add_quoted(out, title);
    buf_add_char(out, '\n');
}

void man_text(struct buf *out, const char *text)
{
    buf_add_str(out, ".PP\n");
    add_filled(out, text);
}

void man_item(struct buf *out, const char *tag, const char *value,
              const char *text)
{
    buf_add_str(out, ".TP\n\\fB");
    add_escaped(out, tag);
    buf_add_str(out, "\\fR");
    if (value != NULL && value[0] != '\0') {
        buf_add_str(out, " \\fI");
        add_escaped(out, value);
        buf_add_str(out, "\\fR");
    }
    buf_add_char(out, '\n');
    add_filled(out, text);
}

void man_lines(struct buf *out, const char *text)
{
    buf_add_str(out, ".PP\n.nf\n");
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        add_line(out, text, len);
        buf_add_char(out, '\n');
        text += len + (text[len] == '\n');
    }
    buf_add_str(out, ".fi\n");
}
