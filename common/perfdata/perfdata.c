/* SPDX-License-Identifier: Apache-2.0 */
/** Performance data: types, items as documents, Nagios ranges. */
#include "common/perfdata/perfdata.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "common/perfdata/perf_number.h"

static const char *const type_names[] = {
    [PERF_GAUGE] = "GAUGE",
    [PERF_COUNTER] = "COUNTER",
    [PERF_DERIVE] = "DERIVE",
    [PERF_ABSOLUTE] = "ABSOLUTE",
};

const char *perf_type_name(enum perf_type type)
{
    BUG_IF((size_t)type >= sizeof type_names / sizeof type_names[0]);
    return type_names[type];
}

enum err perf_type_parse(const char *name, enum perf_type *type)
{
    for (int i = PERF_GAUGE; i <= PERF_ABSOLUTE; i++) {
        if (strcasecmp(type_names[i], name) == 0) {
            *type = (enum perf_type)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err refuse(struct errbuf *why, const char *field,
                       const char *expected)
{
    errbuf_set_field(why, field, "%s: expected %s", field, expected);
    return ERR_INVALID;
}

/* A text member into a fixed array; absent and null leave it empty. */
static enum err read_text(struct doc doc, const char *field, char *out,
                          size_t max, struct errbuf *why)
{
    struct doc_value value;

    out[0] = '\0';
    (void)doc_get(doc, field, &value);
    if (value.type == DOC_MISSING || value.type == DOC_NULL) {
        return ERR_OK;
    }
    if (value.type != DOC_STRING) {
        return refuse(why, field, "a text");
    }
    if (value.u.s.len > max) {
        errbuf_set_field(why, field, "%s: expected at most %zu bytes", field,
                         max);
        return ERR_INVALID;
    }
    memcpy(out, value.u.s.text, value.u.s.len + 1);
    return ERR_OK;
}

/* A number, also written as text; false for anything else. */
static bool as_number(const struct doc_value *value, double *out)
{
    if (value->type == DOC_INT) {
        *out = (double)value->u.i;
        return true;
    }
    if (value->type == DOC_DOUBLE) {
        *out = value->u.d;
        return isfinite(*out);
    }
    return value->type == DOC_STRING &&
           str_to_double(value->u.s.text, out) == ERR_OK;
}

static enum err read_limit(struct doc doc, const char *field, double *out,
                           struct errbuf *why)
{
    struct doc_value value;

    *out = (double)NAN;
    (void)doc_get(doc, field, &value);
    if (value.type == DOC_MISSING || value.type == DOC_NULL) {
        return ERR_OK;
    }
    return as_number(&value, out) ? ERR_OK
                                  : refuse(why, field, "a number or null");
}

/* A range as text, or a number. */
static enum err read_range(struct doc doc, const char *field,
                           char out[PERF_RANGE_MAX + 1], struct errbuf *why)
{
    struct doc_value value;
    struct buf text;

    (void)doc_get(doc, field, &value);
    if (value.type == DOC_INT) {
        (void)str_from_i64(value.u.i, out);
        return ERR_OK;
    }
    if (value.type != DOC_DOUBLE) {
        return read_text(doc, field, out, PERF_RANGE_MAX, why);
    }
    buf_init(&text, PERF_RANGE_MAX);
    doc_value_to_json(&value, &text);
    memcpy(out, buf_str(&text), text.len + 1);
    buf_fini(&text);
    return ERR_OK;
}

static enum err read_type(struct doc doc, enum perf_type *type,
                          struct errbuf *why)
{
    struct doc_value value;

    *type = PERF_GAUGE;
    (void)doc_get(doc, "type", &value);
    if (value.type == DOC_MISSING || value.type == DOC_NULL) {
        return ERR_OK;
    }
    if (value.type != DOC_STRING ||
        perf_type_parse(value.u.s.text, type) != ERR_OK) {
        return refuse(why, "type", "GAUGE, COUNTER, DERIVE or ABSOLUTE");
    }
    return ERR_OK;
}

static enum err read_name_and_value(struct doc doc, struct perf_item *item,
                                    struct errbuf *why)
{
    struct doc_value value;
    enum err err = read_text(doc, "metric", item->metric, PERF_METRIC_MAX, why);

    if (err != ERR_OK) {
        return err;
    }
    if (item->metric[0] == '\0') {
        return refuse(why, "metric", "a name");
    }
    (void)doc_get(doc, "value", &value);
    return as_number(&value, &item->value)
               ? ERR_OK
               : refuse(why, "value", "a finite number");
}

enum err perf_item_from_doc(struct doc doc, struct perf_item *item,
                            struct errbuf *why)
{
    enum err err = read_name_and_value(doc, item, why);

    if (err == ERR_OK) {
        err = read_text(doc, "unit", item->unit, PERF_UNIT_MAX, why);
    }
    if (err == ERR_OK) {
        err = read_type(doc, &item->type, why);
    }
    if (err == ERR_OK) {
        err = read_limit(doc, "min", &item->min, why);
    }
    if (err == ERR_OK) {
        err = read_limit(doc, "max", &item->max, why);
    }
    if (err == ERR_OK) {
        err = read_range(doc, "warn", item->warn, why);
    }
    if (err == ERR_OK) {
        err = read_range(doc, "crit", item->crit, why);
    }
    return err;
}

static void add_text(struct doc_out *out, const char *field, const char *text)
{
    if (text[0] != '\0') {
        doc_add_str(out, field, text);
    }
}

static void add_limit(struct doc_out *out, const char *field, double limit)
{
    if (!isnan(limit)) {
        doc_add_f64(out, field, limit);
    }
}

void perf_item_add_members(const struct perf_item *item, struct doc_out *out)
{
    doc_add_str(out, "metric", item->metric);
    doc_add_f64(out, "value", item->value);
    add_text(out, "unit", item->unit);
    doc_add_str(out, "type", perf_type_name(item->type));
    add_limit(out, "min", item->min);
    add_limit(out, "max", item->max);
    add_text(out, "warn", item->warn);
    add_text(out, "crit", item->crit);
}

struct range {
    double start;
    double end;
    bool inside; /* alerts inside the bounds, both included */
};

/* "10", "10:", "~:10", "10:20", each with "@" before it. */
static bool parse_range(const char *text, struct range *range)
{
    size_t len;
    double first;

    *range = (struct range){.start = 0, .end = (double)INFINITY};
    range->inside = *text == '@';
    text += range->inside ? 1 : 0;
    if (text[0] == '~' && text[1] == ':') {
        first = -(double)INFINITY;
        len = 1;
    } else {
        len = perf_scan_number(text, &first);
    }
    if (len == 0) {
        return false;
    }
    text += len;
    if (*text != ':') {
        range->end = first;
        return *text == '\0' && range->end >= 0;
    }
    range->start = first;
    text++;
    len = *text != '\0' ? perf_scan_number(text, &range->end) : 0;
    return text[len] == '\0' && range->start <= range->end;
}

enum err perf_range_alerts(const char *range, double value, bool *alerts)
{
    struct range parsed;
    bool within;

    if (!parse_range(range, &parsed)) {
        return ERR_INVALID;
    }
    within = value >= parsed.start && value <= parsed.end;
    *alerts = within == parsed.inside;
    return ERR_OK;
}
