/* SPDX-License-Identifier: Apache-2.0 */
/** What a request for a list asks for: filter, search, sort. */
#ifndef HYP_WEBSERVER_LIST_QUERY_H
#define HYP_WEBSERVER_LIST_QUERY_H

#include "webserver/list.h"

enum {
    LIST_SORT_MAX = 63,
    LIST_CURSOR_MAX = 16 * 1024
};

struct list_query {
    struct filter *filter; /**< NULL: everything */
    const char *sort;      /**< into sort_text; NULL: by key */
    bool descending;
    char sort_text[LIST_SORT_MAX + 1];
};

/** Read the parameters; false: one is wrong, answered. list_query_fini in any
 *  case. */
bool list_query_read(struct server *server, struct request *request,
                     const struct list_spec *spec, struct list_query *query);
void list_query_fini(struct list_query *query);

#endif
