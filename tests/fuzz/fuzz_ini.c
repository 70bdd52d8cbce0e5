/* SPDX-License-Identifier: Apache-2.0 */
/** Any text as a configuration file: names, values and line numbers are
 *  within bounds, a refusal tells where. */
#include <string.h>

#include "common/conf/ini.h"
#include "tests/fuzz/fuzz.h"

static enum err on_item(void *ctx, const struct ini_item *item,
                        struct errbuf *why)
{
    int *last = ctx;

    (void)why;
    BUG_IF(item->line <= *last);
    *last = item->line;
    BUG_IF(item->section == NULL || strlen(item->section) > INI_NAME_MAX);
    if (item->key != NULL) {
        BUG_IF(item->key[0] == '\0' || strlen(item->key) > INI_NAME_MAX);
        BUG_IF(strlen(item->value) > INI_LINE_MAX);
    }
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errbuf why = {"", ""};
    struct buf text;
    int last = 0;

    buf_init(&text, INI_BYTES_MAX);
    buf_add(&text, data, size);
    if (ini_parse("file", &text, on_item, &last, &why) != ERR_OK) {
        BUG_IF(strncmp(why.text, "file:", 5) != 0);
    }
    buf_fini(&text);
    return 0;
}
