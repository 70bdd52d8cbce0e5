/* SPDX-License-Identifier: Apache-2.0 */
/** How many partitions each engine has. */
#include "common/bus/partitions.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    NAME_MAX_BYTES = 63
};

static const char process_start[] = "engine-";

const struct conf_option partitions_options[] = {
    {.section = "partitions",
     .key = "engines",
     .type = CONF_LIST,
     .offset = offsetof(struct partitions, engines),
     .help = "engine*N of each engine that runs as N processes, each with its "
             "share of the components"},
    {0}};

bool partitions_parse(const char *text, size_t *len, int64_t *n)
{
    const char *star = strchr(text, '*');

    *len = star != NULL ? (size_t)(star - text) : strlen(text);
    *n = 1;
    return *len > 0 && *len <= NAME_MAX_BYTES &&
           (star == NULL ||
            str_to_i64(star + 1, 1, PARTITIONS_MAX, n) == ERR_OK);
}

/* The number of an engine in the first n of the list; 0: it is not there. */
static int64_t find(const struct partitions *partitions, size_t n,
                    const char *engine, size_t engine_len)
{
    for (size_t i = 0; i < n; i++) {
        const char *item = partitions->engines.items[i];
        size_t len;
        int64_t number;

        if (partitions_parse(item, &len, &number) && len == engine_len &&
            memcmp(item, engine, len) == 0) {
            return number;
        }
    }
    return 0;
}

enum err partitions_check(const struct partitions *partitions,
                          struct errbuf *why)
{
    for (size_t i = 0; i < partitions->engines.n; i++) {
        const char *item = partitions->engines.items[i];
        size_t len;
        int64_t number;

        if (!partitions_parse(item, &len, &number) || item[len] != '*') {
            errbuf_set_field(why, "engines",
                             "\"%.80s\": expected engine*N, N from 1 to %d",
                             item, PARTITIONS_MAX);
            return ERR_INVALID;
        }
        if (find(partitions, i, item, len) != 0) {
            errbuf_set_field(why, "engines", "%.*s stands there twice",
                             (int)len, item);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

int64_t partitions_of(const struct partitions *partitions, const char *engine)
{
    int64_t n = find(partitions, partitions->engines.n, engine, strlen(engine));

    return n > 0 ? n : 1;
}

void partitions_spell(const struct partitions *partitions,
                      struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        int64_t n = partitions_of(partitions, list->items[i]);
        char *bare = list->items[i];

        if (n > 1) {
            list->items[i] = xasprintf("%s*%d", bare, (int)n);
            free(bare);
        }
    }
}

static void add(struct conf_list *list, char *item)
{
    list->items = xrealloc_array(list->items, list->n + 1, sizeof(char *));
    list->items[list->n++] = item;
}

void partitions_spread(const struct partitions *partitions,
                       struct conf_list *list)
{
    struct conf_list spread = {0};

    for (size_t i = 0; i < list->n; i++) {
        char *name = list->items[i];
        int64_t n = 1;

        if (str_starts(name, process_start)) {
            n = partitions_of(partitions, name + strlen(process_start));
        }
        if (n == 1) {
            add(&spread, name);
            continue;
        }
        for (int p = 0; p < (int)n; p++) {
            add(&spread, xasprintf("%s.%d", name, p));
        }
        free(name);
    }
    free(list->items);
    *list = spread;
}
