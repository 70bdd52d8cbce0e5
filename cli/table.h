/* SPDX-License-Identifier: Apache-2.0 */
/** Items for people and programs: tables, JSON, YAML, CSV, names. */
#ifndef HYP_CLI_TABLE_H
#define HYP_CLI_TABLE_H

#include "cli/hyp.h"
#include "common/doc/doc.h"

enum column_kind {
    COLUMN_TEXT,
    COLUMN_ID,     /**< as short as it is unique here */
    COLUMN_NUMBER, /**< to the right */
    COLUMN_BYTES,  /**< in MiB, to the right */
    COLUMN_TIME,   /**< local date and time */
    COLUMN_AGE,    /**< time since: "5m" */
    COLUMN_STATE,  /**< 0..3 as a word, coloured */
    COLUMN_STATUS, /**< 0..5 as a word */
    COLUMN_MARKS,  /**< of an alarm: what operators did */
    COLUMN_BOOL
};

struct column {
    const char *title;
    const char *path; /**< into the item */
    enum column_kind kind;
    bool wide; /**< only with -o wide */
};

struct table;

/** columns end with a NULL title; hyp and columns are borrowed. */
struct table *table_new(const struct hyp *hyp, const struct column *columns);
void table_free(struct table *table);
/** Add an item. Formats that need no look ahead are written at once. */
void table_add(struct table *table, struct doc item);
/** Write what is left. */
void table_finish(struct table *table);
/** Rows added. */
size_t table_rows(const struct table *table);

/** Write text without what a terminal would obey. */
void table_add_clean(struct buf *out, const char *text);
/** Characters that text takes on a terminal. */
size_t table_width(const char *text);
/** One value as its column shows it. */
void table_format(const struct column *column, struct doc item,
                  struct buf *out);
/** "90s" as "1m", the largest unit that fits. */
void table_add_age(struct buf *out, int64_t ms);
/** Local date and time of seconds since 1970. */
void table_add_time(struct buf *out, double seconds);
/** A number in at most four digits and a suffix: "1.234k". */
void table_add_number(struct buf *out, double number);
/** Colours of a state 0..3 (1 more than the state; 0 ends colour), or "". */
const char *table_color(const struct hyp *hyp, int64_t state);
const char *table_color_end(const struct hyp *hyp);

#endif
