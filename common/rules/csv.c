/* SPDX-License-Identifier: Apache-2.0 */
/** Text of separated cells. */
#include "common/rules/csv.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

void csv_init(struct csv *csv, char *text)
{
    size_t mark = strlen(BYTE_ORDER_MARK);
    bool marked = strncmp(text, BYTE_ORDER_MARK, mark) == 0;

    *csv = (struct csv){.at = marked ? text + mark : text, .line = 1};
}

/* Behind the opening quote; two of them stand for one. */
static bool take_quoted(struct csv *csv, const char **cell)
{
    char *to = csv->at;

    *cell = to;
    for (; *csv->at != '\0'; csv->at++) {
        if (*csv->at == '"' && *++csv->at != '"') {
            *to = '\0';
            return true;
        }
        csv->line += *csv->at == '\n';
        *to++ = *csv->at;
    }
    return false;
}

/* What ends a cell: a comma, another one follows, '\n' the row ends, '\0' the
 * text ends. -1: something else stands there. */
static int take_end(struct csv *csv)
{
    char *end = csv->at;

    if (end[0] == '\r' && end[1] == '\n') {
        *csv->at++ = '\0';
    }
    if (*csv->at == '\0') {
        return '\0';
    }
    if (*csv->at != ',' && *csv->at != '\n') {
        return -1;
    }
    csv->line += *csv->at == '\n';
    end = csv->at++;
    if (*end == ',') {
        *end = '\0';
        return ',';
    }
    *end = '\0';
    return '\n';
}

static bool take_cell(struct csv *csv, const char **cell)
{
    if (*csv->at == '"') {
        csv->at++;
        return take_quoted(csv, cell);
    }
    *cell = csv->at;
    csv->at += strcspn(csv->at, ",\n");
    if (csv->at > *cell && csv->at[-1] == '\r' && *csv->at == '\n') {
        csv->at--;
    }
    return true;
}

static void skip_blank_lines(struct csv *csv)
{
    while (*csv->at == '\n' || (csv->at[0] == '\r' && csv->at[1] == '\n')) {
        csv->line += *csv->at == '\n';
        csv->at++;
    }
}

enum err csv_next(struct csv *csv, const char **cells, size_t most, size_t *n,
                  struct errbuf *why)
{
    int end = ',';

    *n = 0;
    skip_blank_lines(csv);
    csv->begun = csv->line;
    while (end == ',' && (*csv->at != '\0' || *n > 0)) {
        if (*n == most) {
            errbuf_set(why, "line %zu: expected at most %zu cells", csv->begun,
                       most);
            return ERR_INVALID;
        }
        if (!take_cell(csv, &cells[(*n)++])) {
            errbuf_set(why, "line %zu: a quote that is not closed", csv->begun);
            return ERR_INVALID;
        }
        end = take_end(csv);
        if (end < 0) {
            errbuf_set(why, "line %zu: expected a comma behind a quote",
                       csv->line);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}
