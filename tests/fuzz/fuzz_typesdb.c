/* SPDX-License-Identifier: Apache-2.0 */
/** Any text as a types.db file: a refusal tells why, and what stands before
 *  it is kept. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/collectd/typesdb.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size);
    struct typesdb *db = typesdb_new();
    const struct typesdb_type *type;
    struct errbuf why = {"", ""};

    if (typesdb_parse(db, "first value:GAUGE:0:U\n", NULL, &why) != ERR_OK) {
        BUG_IF(true);
    }
    if (typesdb_parse(db, text, NULL, &why) != ERR_OK) {
        BUG_IF(why.text[0] == '\0');
    }
    type = typesdb_find(db, "first");
    BUG_IF(type == NULL || type->n_sources == 0);
    BUG_IF(type->n_sources > TYPESDB_SOURCES_MAX || typesdb_count(db) == 0);
    typesdb_free(db);
    free(text);
    return 0;
}
