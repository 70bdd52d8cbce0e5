/* SPDX-License-Identifier: Apache-2.0 */
/** collectd's types: which data sources a type has, from types.db files. */
#ifndef HYP_COLLECTD_TYPESDB_H
#define HYP_COLLECTD_TYPESDB_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/perfdata/perfdata.h"

enum {
    TYPESDB_NAME_MAX = 127,   /* bytes of a type or data source name */
    TYPESDB_SOURCES_MAX = 128 /* data sources of one type */
};

struct typesdb;

/** One data source. min and max are NaN when there is none. */
struct typesdb_source {
    char name[TYPESDB_NAME_MAX + 1];
    enum perf_type type;
    double min;
    double max;
};

struct typesdb_type {
    char name[TYPESDB_NAME_MAX + 1];
    size_t n_sources;
    struct typesdb_source *sources;
};

struct typesdb *typesdb_new(void);
void typesdb_free(struct typesdb *db);
/** Who is told of each type that replaces one of other data sources. */
struct typesdb_listener {
    void *ctx;
    void (*replaced)(void *ctx, const char *type, size_t line);
};

/** Add the types of a file's text; one given again replaces the one before,
 *  as listener (NULL: nobody) is told when they differ. ERR_INVALID: why names
 * the line and what was expected; what stood before that line is kept. */
MUST_CHECK enum err typesdb_parse(struct typesdb *db, const char *text,
                                  const struct typesdb_listener *listener,
                                  struct errbuf *why);
/** NULL when there is no such type; borrowed. */
const struct typesdb_type *typesdb_find(const struct typesdb *db,
                                        const char *name);
size_t typesdb_count(const struct typesdb *db);
/** The unit that values of a type are in as collectd sends them; "" when the
 *  name does not tell. */
const char *typesdb_unit(const char *type);

#endif
