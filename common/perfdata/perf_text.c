/* SPDX-License-Identifier: Apache-2.0 */
/** The Nagios perfdata string: 'label'=value[unit];warn;crit;min;max ... */
#include <math.h>
#include <string.h>

#include "common/base/str.h"
#include "common/perfdata/perf_number.h"
#include "common/perfdata/perfdata.h"

enum {
    NUMBER_MAX = 64
};

static const char blanks[] = " \t\r\n";
static const char digits[] = "0123456789";

/* Length of an exponent ("e-5") at text, 0 when there is none: in "5e" or
 * "5eV" the letters are the unit. */
static size_t exponent_length(const char *text)
{
    size_t sign;
    size_t n;

    if (*text != 'e' && *text != 'E') {
        return 0;
    }
    sign = text[1] == '+' || text[1] == '-' ? 1 : 0;
    n = strspn(text + 1 + sign, digits);
    return n > 0 ? 1 + sign + n : 0;
}

size_t perf_scan_number(const char *text, double *out)
{
    char copy[NUMBER_MAX];
    size_t len = *text == '-' || *text == '+' ? 1 : 0;

    len += strspn(text + len, digits);
    if ((text[len] == '.' || text[len] == ',') &&
        strspn(text + len + 1, digits) > 0) {
        len += 1 + strspn(text + len + 1, digits);
    }
    len += exponent_length(text + len);
    if (len >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        copy[i] = (char)(copy[i] == ',' ? '.' : copy[i]);
    }
    return str_to_double(copy, out) == ERR_OK ? len : 0;
}

struct perf_reader {
    const char *at;
    struct perf_item item;
    perf_item_fn *give;
    perf_refused_fn *refused;
    void *ctx;
};

/* The name in item.metric, or as much of it as there is. */
static void refuse(struct perf_reader *reader, const char *expected)
{
    struct errbuf why;

    errbuf_set_field(&why, reader->item.metric, "metric '%s': expected %s",
                     reader->item.metric, expected);
    reader->refused(reader->ctx, reader->item.metric, &why);
}

static bool add_to_name(struct perf_reader *reader, size_t *n, char c)
{
    if (*n >= PERF_METRIC_MAX) {
        return false;
    }
    reader->item.metric[(*n)++] = c;
    return true;
}

/* A cut name must still be whole characters. */
static void end_name(struct perf_reader *reader, size_t n)
{
    while (n > 0 && !utf8_valid(reader->item.metric, n)) {
        n--;
    }
    reader->item.metric[n] = '\0';
}

/* 'it''s' is it's. False when it was refused. */
static bool read_quoted_label(struct perf_reader *reader)
{
    size_t n = 0;
    bool fits = true;

    reader->at++;
    while (*reader->at != '\0' &&
           (reader->at[0] != '\'' || reader->at[1] == '\'')) {
        reader->at += *reader->at == '\'' ? 1 : 0;
        fits = add_to_name(reader, &n, *reader->at++) && fits;
    }
    end_name(reader, n);
    if (*reader->at == '\0') {
        refuse(reader, "a closing quote");
        return false;
    }
    reader->at++;
    if (!fits) {
        refuse(reader, "a label of at most 256 bytes");
    }
    return fits;
}

/* Up to '='; blanks inside are kept, as plugins forget the quotes. */
static bool read_plain_label(struct perf_reader *reader)
{
    size_t len = strcspn(reader->at, "=");
    size_t end = len;
    size_t n = 0;

    while (end > 0 && strchr(blanks, reader->at[end - 1]) != NULL) {
        end--;
    }
    for (size_t i = 0; i < end && n < PERF_METRIC_MAX; i++) {
        (void)add_to_name(reader, &n, reader->at[i]);
    }
    end_name(reader, n);
    reader->at += len;
    if (end > PERF_METRIC_MAX) {
        refuse(reader, "a label of at most 256 bytes");
    }
    return end <= PERF_METRIC_MAX;
}

static bool read_label(struct perf_reader *reader)
{
    bool ok = *reader->at == '\'' ? read_quoted_label(reader)
                                  : read_plain_label(reader);

    if (ok && *reader->at != '=') {
        refuse(reader, "'=' and a value after the label");
        return false;
    }
    if (ok && reader->item.metric[0] == '\0') {
        refuse(reader, "a label before '='");
        return false;
    }
    return ok;
}

/* A unit starts with no digit and no sign of a number. */
static bool read_unit(struct perf_reader *reader, const char *text, size_t len)
{
    if (len > PERF_UNIT_MAX ||
        (len > 0 && strchr("0123456789.,:+-=", *text) != NULL)) {
        return false;
    }
    memcpy(reader->item.unit, text, len);
    reader->item.unit[len] = '\0';
    return true;
}

/* name[unit], when the value has none. */
static void unit_from_label(struct perf_item *item)
{
    char *open = strrchr(item->metric, '[');
    size_t len = strlen(item->metric);
    size_t unit_len;

    if (item->unit[0] != '\0' || open == NULL || open == item->metric ||
        item->metric[len - 1] != ']') {
        return;
    }
    unit_len = (size_t)(item->metric + len - 1 - open) - 1;
    if (unit_len > 0 && unit_len <= PERF_UNIT_MAX) {
        memcpy(item->unit, open + 1, unit_len);
        item->unit[unit_len] = '\0';
        *open = '\0';
    }
}

static void set_range(char out[PERF_RANGE_MAX + 1], const char *text,
                      size_t len)
{
    if (len <= PERF_RANGE_MAX) {
        memcpy(out, text, len);
        out[len] = '\0';
    }
}

/* warn, crit, min, max; what is no number is absent: the value stands. */
static void read_field(struct perf_item *item, int field, const char *text,
                       size_t len)
{
    double number;

    if (field == 0) {
        set_range(item->warn, text, len);
    } else if (field == 1) {
        set_range(item->crit, text, len);
    } else if (field <= 3 && perf_scan_number(text, &number) > 0) {
        *(field == 2 ? &item->min : &item->max) = number;
    }
}

static void read_fields(struct perf_item *item, const char *at, const char *end)
{
    for (int field = 0; at < end; field++) {
        size_t len;

        at++; /* the ';' before it */
        len = strcspn(at, "; \t\r\n");
        if (at + len > end) {
            len = (size_t)(end - at);
        }
        read_field(item, field, at, len);
        at += len;
    }
}

static bool is_unknown(const char *text, size_t len)
{
    return len == 1 && *text == 'U';
}

static void read_value(struct perf_reader *reader, const char *text,
                       const char *end)
{
    struct perf_item *item = &reader->item;
    size_t len = strcspn(text, ";");
    size_t number;

    len = text + len > end ? (size_t)(end - text) : len;
    if (is_unknown(text, len)) {
        return;
    }
    number = perf_scan_number(text, &item->value);
    if (number == 0 || number > len ||
        !read_unit(reader, text + number, len - number)) {
        refuse(reader, "a finite number and a unit");
        return;
    }
    read_fields(item, text + len, end);
    if (strcmp(item->unit, "c") == 0) {
        item->type = PERF_COUNTER;
        item->unit[0] = '\0';
    } else {
        unit_from_label(item);
    }
    reader->give(reader->ctx, item);
}

/* Whether a comma before this character joins two items. */
static bool starts_label(char c)
{
    return c != '\0' && strchr("0123456789;, \t\r\n", c) == NULL;
}

/* Commas join items too ("a=1,b=2"), as the lines of one output were. */
static const char *value_end(const char *text)
{
    const char *end = text + strcspn(text, blanks);

    for (const char *comma = text; comma < end; comma++) {
        if (*comma == ',' && starts_label(comma[1])) {
            return comma;
        }
    }
    while (end > text && end[-1] == ',') {
        end--;
    }
    return end;
}

static void read_item(struct perf_reader *reader)
{
    const char *text;
    const char *end;

    memset(&reader->item, 0, sizeof reader->item);
    reader->item.min = (double)NAN;
    reader->item.max = (double)NAN;
    if (!read_label(reader)) {
        reader->at += strcspn(reader->at, blanks);
        return;
    }
    text = ++reader->at;
    end = value_end(text);
    reader->at = end;
    read_value(reader, text, end);
}

void perfdata_parse(const char *text, perf_item_fn *item,
                    perf_refused_fn *refused, void *ctx)
{
    struct perf_reader reader = {
        .at = text, .give = item, .refused = refused, .ctx = ctx};

    for (;;) {
        reader.at += strspn(reader.at, " \t\r\n,;");
        if (*reader.at == '\0') {
            return;
        }
        read_item(&reader);
    }
}
