/* SPDX-License-Identifier: Apache-2.0 */
/** A folder of SQLite files that the store suites run on. */
#ifndef HYP_TESTS_CONFORMANCE_SQLITE_PLACE_H
#define HYP_TESTS_CONFORMANCE_SQLITE_PLACE_H

#include "common/store/store.h"

enum {
    SQLITE_PLACE_PATH_MAX = 256
};

/** The ctx of a store_suite: its files are in <folder>/data. */
struct sqlite_place {
    char folder[SQLITE_PLACE_PATH_MAX];
};

/** The functions of a store_suite; begin makes an empty folder. */
void sqlite_place_begin(void *ctx);
void sqlite_place_end(void *ctx);
struct store *sqlite_place_open(void *ctx, const char *writer);

#endif
