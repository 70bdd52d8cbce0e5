/* SPDX-License-Identifier: Apache-2.0 */
/** Tables that rules look values up in: objects of kind "table". Pure. */
#ifndef HYP_RULES_TABLES_H
#define HYP_RULES_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/object/object.h"

enum {
    TABLES_MAX = 50, /**< tables that live */
    TABLE_BYTES_MAX = 256 * 1024,
    TABLE_ROWS_MAX = 10000,
    TABLE_COLUMNS_MAX = 32,
    TABLE_NAME_MAX = 128,  /**< bytes of a column's name */
    TABLE_KEY_MAX = 512,   /**< of a row's key */
    TABLE_VALUE_MAX = 2048 /**< of a cell */
};

/** Kind "table": its objects hold rows by key, as CSV or as JSON. */
extern const struct object_kind table_kind;

struct tables;

struct tables *tables_new(void);
void tables_free(struct tables *tables);
/** Add a table from its object {name, spec}, in the place of one of its name.
 *  ERR_INVALID or ERR_LIMIT with the path in why. */
MUST_CHECK enum err tables_add(struct tables *tables, struct doc object,
                               struct errbuf *why);
size_t tables_count(const struct tables *tables);
/** Whether there is the table; *row borrows the row of the key, empty where
 *  there is none. */
bool tables_find(const struct tables *tables, const char *name, const char *key,
                 size_t len, struct doc *row);

#endif
