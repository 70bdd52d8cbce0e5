/* SPDX-License-Identifier: Apache-2.0 */
/** Metrics in memory and as rows. */
#include "engines/perfdata/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    TEXTS_MAX = PERF_METRIC_MAX + PERF_UNIT_MAX + 2 * PERF_RANGE_MAX + 4,
    DELTA_MAX = DOC_BYTES_MAX / 2
};

void metrics_table_init(struct metrics_table *table)
{
    *table = (struct metrics_table){.last_n = 0};
}

static void free_metric(struct metric *metric)
{
    free(metric->id);
    free(metric->texts);
    free(metric);
}

void metrics_table_fini(struct metrics_table *table)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&table->by_id, &at, &slot)) {
        free_metric(slot.value);
    }
    map_fini(&table->by_id);
    map_fini(&table->by_n);
    metrics_table_init(table);
}

struct metric *metrics_table_find(const struct metrics_table *table,
                                  const char *id, size_t len)
{
    return map_get(&table->by_id, id, len);
}

/* name, unit, warn and crit of an item, one after another. */
static size_t join_texts(const struct perf_item *item, char out[TEXTS_MAX])
{
    const char *const parts[] = {item->metric, item->unit, item->warn,
                                 item->crit};
    size_t len = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]) + 1;

        memcpy(out + len, parts[i], n);
        len += n;
    }
    return len;
}

static size_t texts_length(const char *texts)
{
    size_t len = 0;

    for (int i = 0; i < 4; i++) {
        len += strlen(texts + len) + 1;
    }
    return len;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void set_metadata(struct metric *metric, const struct perf_item *item)
{
    char texts[TEXTS_MAX];
    size_t len = join_texts(item, texts);

    free(metric->texts);
    metric->texts = xmemdup(texts, len);
    metric->type = item->type;
    metric->min = item->min;
    metric->max = item->max;
}

bool metric_update(struct metric *metric, const struct perf_item *item)
{
    char texts[TEXTS_MAX];
    size_t len = join_texts(item, texts);

    if (metric->type == item->type && same(metric->min, item->min) &&
        same(metric->max, item->max) && len == texts_length(metric->texts) &&
        memcmp(metric->texts, texts, len) == 0) {
        return false;
    }
    set_metadata(metric, item);
    return true;
}

static struct metric *add(struct metrics_table *table, const char *id,
                          size_t entity_len, int64_t n,
                          const struct perf_item *item)
{
    struct metric *metric = xcalloc(1, sizeof *metric);

    metric->id = xstrdup(id);
    metric->entity_len = entity_len;
    metric->n = n;
    metric->interval_s = (double)NAN;
    metric->last_value = (double)NAN;
    set_metadata(metric, item);
    (void)map_put(&table->by_id, metric->id, strlen(metric->id), metric);
    (void)map_put(&table->by_n, (const char *)&metric->n, sizeof metric->n,
                  metric);
    table->last_n = n > table->last_n ? n : table->last_n;
    return metric;
}

/* The rows of all partitions are loaded, so last_n is above every number from
 * before, however many partitions there were then. */
static int64_t next_n(const struct metrics_table *table)
{
    int64_t n = table->last_n + 1;

    return table->parts > 1
               ? n + (table->part - n % table->parts + table->parts) %
                         table->parts
               : n;
}

struct metric *metrics_table_add(struct metrics_table *table, const char *id,
                                 size_t entity_len,
                                 const struct perf_item *item)
{
    return add(table, id, entity_len, next_n(table), item);
}

static bool is_newer(const struct metric *metric, int64_t at_ms, double value)
{
    return isnan(metric->last_value) || at_ms > metric->last_ms ||
           (at_ms == metric->last_ms && value != metric->last_value);
}

static void touch(struct metrics_table *table, struct metric *metric)
{
    if (!metric->behind) {
        metric->behind = true;
        metric->next_behind = table->behind;
        table->behind = metric;
    }
    if (!metric->touched) {
        metric->touched = true;
        metric->next_touched = table->touched;
        table->touched = metric;
    }
}

void metrics_table_set_last(struct metrics_table *table, struct metric *metric,
                            int64_t at_ms, double value)
{
    if (is_newer(metric, at_ms, value)) {
        metric->last_ms = at_ms;
        metric->last_value = value;
        touch(table, metric);
    }
}

struct metric *metrics_table_next_behind(struct metrics_table *table)
{
    struct metric *metric = table->behind;

    if (metric != NULL) {
        table->behind = metric->next_behind;
        metric->behind = false;
    }
    return metric;
}

/* A last value as deltas hold it. */
struct record {
    int64_t n;
    int64_t at_ms;
    double value;
};

bool metrics_table_delta(struct metrics_table *table, struct doc_out *out)
{
    struct buf records;

    if (table->touched == NULL) {
        return false;
    }
    buf_init(&records, DELTA_MAX);
    while (table->touched != NULL &&
           records.len + sizeof(struct record) <= DELTA_MAX) {
        struct metric *metric = table->touched;
        const struct record record = {metric->n, metric->last_ms,
                                      metric->last_value};

        buf_add(&records, &record, sizeof record);
        metric->touched = false;
        table->touched = metric->next_touched;
    }
    doc_add_bytes(out, "last", records.data, records.len);
    buf_fini(&records);
    return true;
}

void metrics_table_apply(struct metrics_table *table, struct doc delta)
{
    struct doc_value value;

    if (!doc_get(delta, "last", &value) || value.type != DOC_BYTES) {
        return;
    }
    for (size_t at = 0; at + sizeof(struct record) <= value.u.s.len;
         at += sizeof(struct record)) {
        struct record record;
        struct metric *metric;

        memcpy(&record, value.u.s.text + at, sizeof record);
        metric =
            map_get(&table->by_n, (const char *)&record.n, sizeof record.n);
        if (metric != NULL) {
            metrics_table_set_last(table, metric, record.at_ms, record.value);
        }
    }
}

static void add_number(struct doc_out *out, const char *field, double value)
{
    if (!isnan(value)) {
        doc_add_f64(out, field, value);
    }
}

static const char *add_text(struct doc_out *out, const char *field,
                            const char *text)
{
    if (text[0] != '\0') {
        doc_add_str(out, field, text);
    }
    return text + strlen(text) + 1;
}

void metric_to_doc(const struct metric *metric, struct doc_out *out)
{
    const char *text = metric->texts;

    doc_add_str(out, "id", metric->id);
    doc_add_strn(out, "entity_id", metric->id, metric->entity_len);
    doc_add_i64(out, "n", metric->n);
    text = add_text(out, "name", text);
    text = add_text(out, "unit", text);
    text = add_text(out, "warn", text);
    (void)add_text(out, "crit", text);
    doc_add_str(out, "type", perf_type_name(metric->type));
    add_number(out, "min", metric->min);
    add_number(out, "max", metric->max);
    add_number(out, "interval", metric->interval_s);
    if (!isnan(metric->last_value)) {
        doc_begin_doc(out, "last");
        doc_add_ms(out, "t", metric->last_ms);
        doc_add_f64(out, "value", metric->last_value);
        doc_end(out);
    }
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len < size) {
        memcpy(out, text, len + 1);
    }
}

bool metrics_table_load(struct metrics_table *table, struct doc row)
{
    struct perf_item item = {.type = PERF_GAUGE};
    const char *id = doc_str(row, "id", "");
    size_t entity_len = strlen(doc_str(row, "entity_id", ""));
    int64_t n = doc_i64(row, "n", 0);
    struct doc last = doc_sub(row, "last");
    struct metric *metric;

    if (n <= 0 || strlen(id) <= entity_len ||
        metrics_table_find(table, id, strlen(id)) != NULL ||
        perf_type_parse(doc_str(row, "type", ""), &item.type) != ERR_OK) {
        return false;
    }
    copy_text(item.metric, sizeof item.metric, doc_str(row, "name", ""));
    copy_text(item.unit, sizeof item.unit, doc_str(row, "unit", ""));
    copy_text(item.warn, sizeof item.warn, doc_str(row, "warn", ""));
    copy_text(item.crit, sizeof item.crit, doc_str(row, "crit", ""));
    item.min = doc_f64(row, "min", (double)NAN);
    item.max = doc_f64(row, "max", (double)NAN);
    metric = add(table, id, entity_len, n, &item);
    metric->interval_s = doc_f64(row, "interval", (double)NAN);
    metric->last_ms = doc_ms(last, "t", 0);
    metric->last_value = doc_f64(last, "value", (double)NAN);
    return true;
}
