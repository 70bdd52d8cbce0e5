/* SPDX-License-Identifier: Apache-2.0 */
/** Metrics in memory and as rows. */
#include "engines/perfdata/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/points/points_key.h"

enum {
    TEXTS_MAX = PERF_METRIC_MAX + PERF_UNIT_MAX + 2 * PERF_RANGE_MAX + 4,
    NUMBERS_FIRST = 1024,
    PLACE_MAX = 1 << 28 /* above metrics_max: memory is taken up to it */
};

void metrics_table_init(struct metrics_table *table, int64_t space)
{
    *table = (struct metrics_table){.space = space};
}

static void free_metric(struct metric *metric)
{
    free(metric->id);
    free(metric->texts);
    free(metric->was);
    free(metric);
}

void metrics_table_fini(struct metrics_table *table)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&table->by_id, &at, &slot)) {
        free_metric(slot.value);
    }
    for (size_t i = 0; i < table->n_past; i++) {
        free_metric(table->past[i]);
    }
    free(table->past);
    map_fini(&table->by_id);
    free(table->numbers);
    metrics_table_init(table, table->space);
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

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Steps over a text that is the same. */
static bool same_text(const char **texts, const char *text)
{
    size_t size = strlen(text) + 1;

    if (strcmp(*texts, text) != 0) {
        return false;
    }
    *texts += size;
    return true;
}

static bool same_metadata(const struct metric *metric,
                          const struct perf_item *item)
{
    const char *texts = metric->texts;

    return metric->type == item->type && same(metric->min, item->min) &&
           same(metric->max, item->max) && same_text(&texts, item->metric) &&
           same_text(&texts, item->unit) && same_text(&texts, item->warn) &&
           same_text(&texts, item->crit);
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

bool metric_update(struct metric *metric, const struct perf_item *item,
                   double interval_s)
{
    bool changed = !isnan(interval_s) && !same(metric->interval_s, interval_s);

    if (changed) {
        metric->interval_s = interval_s;
    }
    if (same_metadata(metric, item)) {
        return changed;
    }
    set_metadata(metric, item);
    return true;
}

void metrics_table_reserve(struct metrics_table *table, int64_t n)
{
    int64_t place = points_place_of(n);

    if (n <= 0 || points_space_of(n) != table->space || place > PLACE_MAX) {
        return;
    }
    if (place >= table->cap_numbers) {
        int64_t cap =
            table->cap_numbers > 0 ? table->cap_numbers * 2 : NUMBERS_FIRST;

        cap = cap > place ? cap : place + 1;
        table->numbers =
            xrealloc_array(table->numbers, (size_t)cap, sizeof(void *));
        memset(table->numbers + table->cap_numbers, 0,
               (size_t)(cap - table->cap_numbers) * sizeof(void *));
        table->cap_numbers = cap;
    }
    if (place >= table->n_numbers) {
        table->n_numbers = place + 1;
    }
}

static void set_number(struct metrics_table *table, struct metric *metric,
                       int64_t n)
{
    metric->newest.n = n;
    if (points_space_of(n) == table->space) {
        metrics_table_reserve(table, n);
        table->numbers[points_place_of(n)] = metric;
    }
}

struct metric *metrics_table_of_number(const struct metrics_table *table,
                                       int64_t n)
{
    int64_t place = points_place_of(n);

    return points_space_of(n) == table->space && place < table->n_numbers
               ? table->numbers[place]
               : NULL;
}

static struct metric *add(struct metrics_table *table, const char *id,
                          size_t entity_len, int64_t n,
                          const struct perf_item *item)
{
    struct metric *metric = xcalloc(1, sizeof *metric);

    metric->id = xstrdup(id);
    metric->entity_len = entity_len;
    metric->interval_s = (double)NAN;
    set_metadata(metric, item);
    set_number(table, metric, n);
    (void)map_put(&table->by_id, metric->id, strlen(metric->id), metric);
    return metric;
}

struct metric *metrics_table_add(struct metrics_table *table, const char *id,
                                 size_t entity_len,
                                 const struct perf_item *item)
{
    /* Place 0 is of nobody: numbers of schema 1 began at 1. */
    int64_t place = table->n_numbers > 0 ? table->n_numbers : 1;

    return add(table, id, entity_len, points_number(table->space, place), item);
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
    doc_add_i64(out, "n", metric->newest.n);
    if (metric->n_was > 0) {
        doc_begin_array(out, "was");
        for (size_t i = 0; i < metric->n_was; i++) {
            doc_add_i64(out, NULL, metric->was[i]);
        }
        doc_end(out);
    }
    text = add_text(out, "name", text);
    text = add_text(out, "unit", text);
    text = add_text(out, "warn", text);
    (void)add_text(out, "crit", text);
    doc_add_str(out, "type", perf_type_name(metric->type));
    add_number(out, "min", metric->min);
    add_number(out, "max", metric->max);
    add_number(out, "interval", metric->interval_s);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len < size) {
        memcpy(out, text, len + 1);
    }
}

static void read_was(struct metric *metric, struct doc row)
{
    struct points_query numbers = {.n = 0};
    int64_t was[POINTS_SPACES];

    points_query_numbers(&numbers, row, was);
    if (numbers.n_was > 0) {
        metric->was = xmemdup(was, numbers.n_was * sizeof *was);
        metric->n_was = numbers.n_was;
    }
}

void metrics_table_add_past(struct metrics_table *table, int64_t n,
                            struct doc row)
{
    struct metric *metric;

    metrics_table_reserve(table, n);
    if (n <= 0 || points_space_of(n) != table->space ||
        points_place_of(n) > PLACE_MAX ||
        table->numbers[points_place_of(n)] != NULL) {
        return;
    }
    metric = xcalloc(1, sizeof *metric);
    (void)!perf_type_parse(doc_str(row, "type", ""), &metric->type);
    metric->min = doc_f64(row, "min", (double)NAN);
    metric->max = (double)NAN;
    set_number(table, metric, n);
    table->past =
        xrealloc_array(table->past, table->n_past + 1, sizeof(struct metric *));
    table->past[table->n_past++] = metric;
}

/* The place that it had in this space before, or the next: what lies under
 * the number that it had last stays there. */
static void renumber(struct metrics_table *table, struct metric *metric)
{
    int64_t place = table->n_numbers > 0 ? table->n_numbers : 1;
    int64_t n = points_number(table->space, place);
    size_t kept = 0;

    for (size_t i = 0; i < metric->n_was; i++) {
        if (points_space_of(metric->was[i]) == table->space) {
            n = metric->was[i];
        } else {
            metric->was[kept++] = metric->was[i];
        }
    }
    metric->was = xrealloc_array(metric->was, kept + 1, sizeof *metric->was);
    metric->was[kept++] = metric->newest.n;
    metric->n_was = kept;
    metric->moved = true;
    set_number(table, metric, n);
}

size_t metrics_table_settle(struct metrics_table *table)
{
    struct map_slot slot;
    size_t at = 0;
    size_t n = 0;

    while (map_next(&table->by_id, &at, &slot)) {
        struct metric *metric = slot.value;

        if (points_space_of(metric->newest.n) != table->space) {
            renumber(table, metric);
            n++;
        }
    }
    return n;
}

bool metrics_table_load(struct metrics_table *table, struct doc row)
{
    struct perf_item item = {.type = PERF_GAUGE};
    const char *id = doc_str(row, "id", "");
    size_t entity_len = strlen(doc_str(row, "entity_id", ""));
    int64_t n = doc_i64(row, "n", 0);
    struct doc last = doc_sub(row, "last");
    struct metric *metric;

    if (n <= 0 || points_place_of(n) > PLACE_MAX || strlen(id) <= entity_len ||
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
    read_was(metric, row);
    if (doc_count(last) > 0) { /* a row of schema 1 */
        points_newest_add(&metric->newest, doc_ms(last, "t", 0),
                          doc_f64(last, "value", (double)NAN), false);
    }
    return true;
}
