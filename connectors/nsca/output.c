/* SPDX-License-Identifier: Apache-2.0 */
/** The output of a Nagios plugin, taken apart. */
#include "connectors/nsca/output.h"

#include <stdbool.h>

/* Where a character goes. */
struct split {
    struct buf *output;
    struct buf *long_output;
    struct buf *perf_data;
    bool first; /* line */
    bool perf;  /* behind a "|" */
};

static void end_line(struct split *split)
{
    if (split->first) {
        /* Performance data of the first line end with it. */
        split->first = false;
        split->perf = false;
    } else if (!split->perf) {
        buf_add_char(split->long_output, '\n');
    }
    if (split->perf_data->len > 0 &&
        split->perf_data->data[split->perf_data->len - 1] != ' ') {
        buf_add_char(split->perf_data, ' ');
    }
}

static void add(struct split *split, char c)
{
    if (c == '\n') {
        end_line(split);
    } else if (c == '|' && !split->perf) {
        split->perf = true;
    } else {
        buf_add_char(split->perf    ? split->perf_data
                     : split->first ? split->output
                                    : split->long_output,
                     c);
    }
}

static void trim(struct buf *text)
{
    while (text->len > 0 && (text->data[text->len - 1] == ' ' ||
                             text->data[text->len - 1] == '\n')) {
        buf_truncate(text, text->len - 1);
    }
}

void output_split(const char *text, struct buf *output, struct buf *long_output,
                  struct buf *perf_data)
{
    struct split split = {output, long_output, perf_data, true, false};

    for (; *text != '\0'; text++) {
        if (*text == '\\' && (text[1] == 'n' || text[1] == '\\')) {
            text++;
            add(&split, *text == 'n' ? '\n' : '\\');
        } else {
            add(&split, *text);
        }
    }
    trim(output);
    trim(long_output);
    trim(perf_data);
}
