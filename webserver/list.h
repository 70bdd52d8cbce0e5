/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Lists: strict parameters, one filter from what was asked, rows as items,
 * a cursor to go on with. And single items.
 */
#ifndef HYP_WEBSERVER_LIST_H
#define HYP_WEBSERVER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"
#include "webserver/server.h"

enum {
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
    LIST_TOTAL_MAX = 10000,
    LIST_LOOK = 10000 /* rows, of a page and of its total: 0.1 s of both */
};

/** What an item shows of a row that lacks the field. */
enum item_blank {
    BLANK_NULL,
    BLANK_TEXT,
    BLANK_ZERO,
    BLANK_FALSE,
    BLANK_ARRAY,
    BLANK_OBJECT
};

/** A member of an item, of the same name as in the row. */
struct item_field {
    const char *name;
    enum item_blank blank;
};

struct list_spec;

/** Write a row as an item, with what other collections hold of it; the scan
 *  is over then. */
typedef void list_write_fn(struct server *server, const struct list_spec *spec,
                           const struct store_key *key, struct doc row,
                           struct buf *out);

/** Read for all rows of an answer at once what `write` needs beside them. */
typedef void list_prepare_fn(struct server *server, const struct doc *rows,
                             size_t n);

/** Keys that a list is limited to, and their order. */
struct list_span {
    struct store_key from, to; /**< to: past the last */
    bool descending;
};

struct list_spec {
    enum store_collection collection;
    const struct item_field *fields; /**< ended by a NULL name; NULL: the row
                                          as it is, with its id */
    const char *const *search;       /**< fields that ?search= looks into */
    const char *sort;                /**< default: "field" or "-field"; NULL:
                                          by key */
    const char *entity_param;        /**< parameter that means entity_id */
    const char *component_param;     /**< one that means a part of it */
    const char *kind;             /**< what the field kind must be, or NULL */
    const char *where;            /**< a filter, as JSON, that all items
                                       match; NULL: none */
    bool marks;                   /**< filters may use the words of marks.h */
    const struct list_span *span; /**< NULL: all keys */
    list_write_fn *write;         /**< NULL: item_write */
    list_prepare_fn *prepare;     /**< may be NULL; with write only */
    const struct list_spec *then; /**< another list that follows this one */
};

/** Answer the request with a list as its parameters filter, search, sort,
 *  limit and cursor say. */
void list_reply(struct server *server, struct request *request,
                const struct list_spec *spec);
/** Answer with all of it as CSV, columns as its fields; filter, search and
 *  sort as above. For lists that `write` does not complete. */
void list_export(struct server *server, struct request *request,
                 const struct list_spec *spec);
/** Answer with the item under the id of the request, looked for in spec and
 *  what follows it; what names it in a 404. */
void list_reply_item(struct server *server, struct request *request,
                     const struct list_spec *spec, const char *what);
/** Whether there is a store; else answers 503. */
bool list_has_store(struct server *server, struct request *request);
/** Answer for a failed store call. */
void list_reply_failed(struct request *request, enum err err,
                       const struct errbuf *why);
/** Read a time into *ms: seconds since 1970, or "-3h" before now. Left alone
 *  when absent; false (and answered) when it is neither. */
bool list_time_param(struct request *request, const char *name, int64_t *ms);
/** The same of a text; NULL: absent. */
bool list_time(struct request *request, const char *name, const char *text,
               int64_t *ms);
struct list_bounds {
    int64_t min, max;
};
/** Read a whole number of a text likewise. */
bool list_int(struct request *request, const char *name, const char *text,
              struct list_bounds bounds, int64_t *value);
/** Whether a list of names, commas between them, has this one. */
bool list_has_name(const char *names, const char *name);
/** Read a whole number likewise. */
bool list_int_param(struct request *request, const char *name, int64_t min,
                    int64_t max, int64_t *value);
/** Append the row as a JSON item. */
void item_write(const struct item_field *fields, enum store_collection from,
                const struct store_key *key, struct doc row, struct buf *out);

#endif
