/* SPDX-License-Identifier: Apache-2.0 */
/** Items for people and programs: tables, JSON, YAML, CSV, names. */
#include "cli/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/event/event.h"

#define MIB (1024 * 1024.0)

enum {
    CELL_MAX = 64 * 1024,
    LINE_MAX = 16 * 1024 * 1024,
    ID_SHORTEST = 8,
    COLUMNS_MAX = 24,
    GAP = 2
};

struct row {
    char *cells[COLUMNS_MAX];
    int64_t state; /* for the colour of its column */
};

struct table {
    const struct hyp *hyp;
    const struct column *columns;
    size_t n_columns;
    struct row *rows;
    size_t n, cap;
};

/* Cells. */

/* Four digits would round up to a thousand from here on. */
#define SHOWN_BELOW 999.95

/* Control characters beyond ASCII's: U+0080..U+009F in UTF-8. */
enum {
    DELETE = 0x7f,
    C1_LEAD = 0xc2,
    C1_FIRST = 0x80,
    C1_LAST = 0x9f,
    CONTINUATION_BITS = 0xc0,
    CONTINUATION = 0x80
};

static size_t control_len(const unsigned char *c)
{
    if (*c < ' ' || *c == DELETE) {
        return 1;
    }
    /* U+0080..U+009F: terminals obey these too */
    return c[0] == C1_LEAD && c[1] >= C1_FIRST && c[1] <= C1_LAST ? 2 : 0;
}

void table_add_clean(struct buf *out, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    while (*c != '\0') {
        size_t len = control_len(c);

        if (len > 0) {
            buf_add_char(out, ' ');
        } else {
            buf_add(out, c, 1);
        }
        c += len > 0 ? len : 1;
    }
}

size_t table_width(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & CONTINUATION_BITS) != CONTINUATION;
    }
    return n;
}

void table_add_age(struct buf *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    int64_t left = ms < 0 ? 0 : ms;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (left >= units[i].ms * 2 || (i == 3)) {
            buf_addf(out, "%" PRId64 "%s", left / units[i].ms, units[i].unit);
            return;
        }
    }
}

void table_add_time(struct buf *out, double seconds)
{
    time_t t = (time_t)seconds;
    struct tm parts;
    char text[32];

    if (localtime_r(&t, &parts) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) > 0) {
        buf_add_str(out, text);
    }
}

void table_add_number(struct buf *out, double number)
{
    static const char suffixes[] = " kMGTPE";
    double size = fabs(number);
    size_t i = 0;

    if (!isfinite(number)) {
        buf_add_str(out, "-");
        return;
    }
    while (size >= SHOWN_BELOW && i < sizeof suffixes - 2) {
        size /= 1000;
        number /= 1000;
        i++;
    }
    buf_addf(out, "%.4g", number);
    if (i > 0) {
        buf_add_char(out, suffixes[i]);
    }
}

const char *table_color(const struct hyp *hyp, int64_t state)
{
    static const char *const colors[] = {"\033[32m", "\033[36m", "\033[33m",
                                         "\033[31m"};

    return hyp->color && state >= 0 && state <= STATE_CRITICAL ? colors[state]
                                                               : "";
}

const char *table_color_end(const struct hyp *hyp)
{
    return hyp->color ? "\033[0m" : "";
}

/* Nested values as JSON; an empty one is nothing. */
static void add_nested(struct buf *out, const struct doc_value *value)
{
    struct buf text;

    if (doc_count(value->u.doc) > 0) {
        buf_init(&text, CELL_MAX);
        doc_value_to_json(value, &text);
        table_add_clean(out, buf_str(&text));
        buf_fini(&text);
    }
}

static void add_scalar(struct buf *out, const struct doc_value *value)
{
    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        break;
    case DOC_STRING:
        table_add_clean(out, value->u.s.text);
        break;
    case DOC_BOOL:
    case DOC_INT:
    case DOC_DOUBLE:
    case DOC_BYTES:
        doc_value_to_json(value, out);
        break;
    case DOC_DOC:
    case DOC_ARRAY:
        add_nested(out, value);
        break;
    }
}

static bool number_of(const struct doc_value *value, double *number)
{
    if (value->type == DOC_INT) {
        *number = (double)value->u.i;
    } else if (value->type == DOC_DOUBLE) {
        *number = value->u.d;
    } else {
        return false;
    }
    return true;
}

static void add_status(struct buf *out, int64_t status)
{
    static const char *const names[] = {"off",      "ongoing",   "stealthy",
                                        "flapping", "cancelled", "no events"};

    if (status >= 0 && status < (int64_t)(sizeof names / sizeof names[0])) {
        buf_add_str(out, names[status]);
    } else {
        buf_addf(out, "%" PRId64, status);
    }
}

/* What operators did to an alarm, in a word each. */
static void add_marks(struct buf *out, struct doc item)
{
    static const struct {
        const char *field, *word;
    } marks[] = {{"ack", "ack"},
                 {"snooze", "snooze"},
                 {"ticket", "ticket"},
                 {"comment", "comment"},
                 {"maintenance", "maintenance"}};
    const char *gap = "";
    struct doc_value value;

    if (doc_bool(item, "canceled", false)) {
        buf_add_str(out, "cancel");
        gap = ",";
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (doc_get(item, marks[i].field, &value) && value.type == DOC_DOC) {
            buf_addf(out, "%s%s", gap, marks[i].word);
            gap = ",";
        }
    }
}

static void add_state(struct buf *out, const struct doc_value *value)
{
    double state;

    if (number_of(value, &state) && state >= STATE_OK &&
        state <= STATE_CRITICAL) {
        buf_add_str(out, event_state_name((int)state));
    } else {
        add_scalar(out, value);
    }
}

static void add_number(struct buf *out, enum column_kind kind, double number)
{
    switch (kind) {
    case COLUMN_NUMBER:
        table_add_number(out, number);
        break;
    case COLUMN_BYTES:
        buf_addf(out, "%.1f", number / MIB);
        break;
    case COLUMN_TIME:
        table_add_time(out, number);
        break;
    case COLUMN_AGE:
        table_add_age(out, clock_now_ms() - clock_s_to_ms(number));
        break;
    case COLUMN_STATUS:
        add_status(out, (int64_t)number);
        break;
    case COLUMN_TEXT:
    case COLUMN_ID:
    case COLUMN_BOOL:
    case COLUMN_STATE:
    case COLUMN_MARKS:
        break;
    }
}

void table_format(const struct column *column, struct doc item, struct buf *out)
{
    struct doc_value value = {.type = DOC_MISSING};
    double number;

    (void)doc_path(item, column->path, &value);
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_ID:
        add_scalar(out, &value);
        break;
    case COLUMN_BOOL:
        if (value.type == DOC_BOOL) {
            buf_add_str(out, value.u.b ? "yes" : "no");
        }
        break;
    case COLUMN_STATE:
        add_state(out, &value);
        break;
    case COLUMN_MARKS:
        add_marks(out, item);
        break;
    case COLUMN_NUMBER:
    case COLUMN_BYTES:
    case COLUMN_TIME:
    case COLUMN_AGE:
    case COLUMN_STATUS:
        if (number_of(&value, &number)) {
            add_number(out, column->kind, number);
        } else if (column->kind == COLUMN_NUMBER) {
            add_scalar(out, &value);
        }
        break;
    }
}

/* Formats that need no look ahead. */

static void write_line(struct buf *line)
{
    (void)fwrite(buf_str(line), 1, line->len, stdout);
}

static void add_csv(struct buf *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        buf_add_str(out, *text == '"' ? "\"" : "");
        buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

static void write_csv_head(const struct table *table)
{
    struct buf line;

    buf_init(&line, LINE_MAX);
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_add_str(&line, i > 0 ? "," : "");
        add_csv(&line, table->columns[i].path);
    }
    buf_add_str(&line, "\r\n");
    write_line(&line);
    buf_fini(&line);
}

static void add_csv_value(struct buf *line, const struct doc_value *value)
{
    struct buf text;

    if (value->type == DOC_STRING) {
        add_csv(line, value->u.s.text);
    } else if (value->type != DOC_NULL && value->type != DOC_MISSING) {
        buf_init(&text, LINE_MAX);
        doc_value_to_json(value, &text);
        add_csv(line, buf_str(&text));
        buf_fini(&text);
    }
}

static void write_csv(const struct table *table, struct doc item)
{
    struct buf line;

    buf_init(&line, LINE_MAX);
    for (size_t i = 0; i < table->n_columns; i++) {
        struct doc_value value = {.type = DOC_MISSING};

        buf_add_str(&line, i > 0 ? "," : "");
        (void)doc_path(item, table->columns[i].path, &value);
        add_csv_value(&line, &value);
    }
    buf_add_str(&line, "\r\n");
    write_line(&line);
    buf_fini(&line);
}

/* JSON is YAML too; each item is one entry of a list. */
static void write_json(struct doc item, const char *before)
{
    struct buf line;

    buf_init(&line, LINE_MAX);
    buf_add_str(&line, before);
    doc_to_json(item, &line);
    buf_add_char(&line, '\n');
    write_line(&line);
    buf_fini(&line);
}

static void write_name(struct doc item)
{
    struct buf line;

    buf_init(&line, CELL_MAX);
    table_add_clean(&line, doc_str(item, "id", doc_str(item, "name", "")));
    buf_add_char(&line, '\n');
    write_line(&line);
    buf_fini(&line);
}

/* Tables. */

static bool is_shown(const struct table *table, size_t column)
{
    return !table->columns[column].wide || table->hyp->format == FORMAT_WIDE;
}

static void add_row(struct table *table, struct doc item)
{
    struct row *row;
    struct buf cell;

    if (table->n == table->cap) {
        table->cap = table->cap * 2 + 64;
        table->rows =
            xrealloc_array(table->rows, table->cap, sizeof table->rows[0]);
    }
    row = &table->rows[table->n++];
    *row = (struct row){.state = doc_i64(item, "state", -1)};
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_init(&cell, CELL_MAX);
        table_format(&table->columns[i], item, &cell);
        row->cells[i] = xstrdup(buf_str(&cell));
        buf_fini(&cell);
    }
}

static int compare_texts(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

static size_t common_len(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] != '\0' && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* How much of the ids in the column tells them apart. */
static size_t unique_len(const struct table *table, size_t column)
{
    size_t most = ID_SHORTEST;
    const char **ids = xcalloc(table->n + 1, sizeof ids[0]);

    for (size_t i = 0; i < table->n; i++) {
        ids[i] = table->rows[i].cells[column];
    }
    qsort(ids, table->n, sizeof ids[0], compare_texts);
    for (size_t i = 1; i < table->n; i++) {
        size_t n = common_len(ids[i - 1], ids[i]) + 1;

        most = n > most ? n : most;
    }
    free(ids);
    return most;
}

static void shorten_ids(struct table *table, size_t column)
{
    size_t most;

    if (table->columns[column].kind != COLUMN_ID ||
        table->hyp->format == FORMAT_WIDE) {
        return;
    }
    most = unique_len(table, column);
    for (size_t i = 0; i < table->n; i++) {
        char *cell = table->rows[i].cells[column];

        if (strlen(cell) > most) {
            cell[most] = '\0';
        }
    }
}

static void measure(const struct table *table, size_t *widths)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        widths[i] = strlen(table->columns[i].title);
        for (size_t r = 0; r < table->n; r++) {
            size_t n = table_width(table->rows[r].cells[i]);

            widths[i] = n > widths[i] ? n : widths[i];
        }
    }
}

static size_t last_shown(const struct table *table)
{
    size_t last = 0;

    for (size_t i = 0; i < table->n_columns; i++) {
        last = is_shown(table, i) ? i : last;
    }
    return last;
}

/* At most `most` characters of text, on a character's edge. */
static void add_cut(struct buf *line, const char *text, size_t most)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & CONTINUATION_BITS) != CONTINUATION;
        if (n > most) {
            return;
        }
        buf_add_char(line, *text);
    }
}

struct print {
    const struct table *table;
    const size_t *widths;
    size_t last;
    struct buf line;
    size_t used; /* characters of the line */
};

static void add_cell(struct print *print, size_t i, const char *text,
                     int64_t state)
{
    const struct column *column = &print->table->columns[i];
    const struct hyp *hyp = print->table->hyp;
    size_t width = table_width(text);
    size_t pad = print->widths[i] > width ? print->widths[i] - width : 0;
    bool right = column->kind == COLUMN_NUMBER ||
                 column->kind == COLUMN_BYTES || column->kind == COLUMN_AGE;
    bool colored = column->kind == COLUMN_STATE && state >= 0;
    size_t room =
        hyp->width > 0 && i == print->last && (size_t)hyp->width > print->used
            ? (size_t)hyp->width - print->used
            : SIZE_MAX;

    if (right) {
        buf_addf(&print->line, "%*s", (int)pad, "");
    }
    buf_add_str(&print->line, colored ? table_color(hyp, state) : "");
    add_cut(&print->line, text, room);
    buf_add_str(&print->line, colored ? table_color_end(hyp) : "");
    if (i != print->last) {
        buf_addf(&print->line, "%*s", (int)((right ? 0 : pad) + GAP), "");
    }
    print->used += print->widths[i] + GAP;
}

/* row NULL: the head. */
static void print_row(struct print *print, const struct row *row)
{
    const struct table *table = print->table;

    buf_clear(&print->line);
    print->used = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (is_shown(table, i)) {
            add_cell(print, i,
                     row != NULL ? row->cells[i] : table->columns[i].title,
                     row != NULL ? row->state : -1);
        }
    }
    buf_add_char(&print->line, '\n');
    write_line(&print->line);
}

static void print_table(struct table *table)
{
    size_t widths[COLUMNS_MAX];
    struct print print = {
        .table = table, .widths = widths, .last = last_shown(table)};

    buf_init(&print.line, LINE_MAX);
    for (size_t i = 0; i < table->n_columns; i++) {
        shorten_ids(table, i);
    }
    measure(table, widths);
    print_row(&print, NULL);
    for (size_t i = 0; i < table->n; i++) {
        print_row(&print, &table->rows[i]);
    }
    buf_fini(&print.line);
}

struct table *table_new(const struct hyp *hyp, const struct column *columns)
{
    struct table *table = xcalloc(1, sizeof *table);

    table->hyp = hyp;
    table->columns = columns;
    while (columns[table->n_columns].title != NULL) {
        table->n_columns++;
    }
    BUG_IF(table->n_columns > COLUMNS_MAX);
    if (hyp->format == FORMAT_CSV) {
        write_csv_head(table);
    }
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t r = 0; table->rows != NULL && r < table->n; r++) {
        for (size_t i = 0; i < table->n_columns; i++) {
            free(table->rows[r].cells[i]);
        }
    }
    free(table->rows);
    free(table);
}

void table_add(struct table *table, struct doc item)
{
    switch (table->hyp->format) {
    case FORMAT_TABLE:
    case FORMAT_WIDE:
        add_row(table, item);
        return;
    case FORMAT_JSON:
        write_json(item, "");
        break;
    case FORMAT_YAML:
        write_json(item, "- ");
        break;
    case FORMAT_CSV:
        write_csv(table, item);
        break;
    case FORMAT_NAME:
        write_name(item);
        break;
    }
    table->n++;
}

void table_finish(struct table *table)
{
    if (table->hyp->format == FORMAT_TABLE ||
        table->hyp->format == FORMAT_WIDE) {
        print_table(table);
    }
}

size_t table_rows(const struct table *table)
{
    return table->n;
}
