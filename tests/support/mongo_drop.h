/* SPDX-License-Identifier: Apache-2.0 */
/** Databases of their own on a test's mongod. */
#ifndef HYP_TESTS_MONGO_DROP_H
#define HYP_TESTS_MONGO_DROP_H

#include <stddef.h>

/** The uri with another database. */
void mongo_uri_with(const char *uri, const char *database, char *out,
                    size_t size);
/** Drop the database of the uri; ends the test program when it cannot. */
void mongo_drop(const char *uri);
/** Put a document into a collection of it. */
void mongo_put(const char *uri, const char *collection, const char *json);

#endif
