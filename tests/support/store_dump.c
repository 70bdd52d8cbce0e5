/* SPDX-License-Identifier: Apache-2.0 */
/** Print what a store holds, a row a line, as its readers see it: to compare
 *  two runs, and to wait until something has arrived. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/filter.h"
#include "common/points/points_store.h"
#include "common/store/store.h"
#include "tests/support/minutes.h"

enum {
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: store_dump [-c COLLECTION]... [-f FILTER] URI\n"
    "Print COLLECTION<tab>KEY<tab>ROW, the row as JSON; all collections "
    "unless\n"
    "some are named, rows that FILTER (JSON) matches. \"minutes\" stands for\n"
    "the values of metrics by minute, and must be named.\n";

struct dump {
    struct store *store;
    const struct filter *filter;
    enum store_collection collection; /* of the scan under way */
    bool wanted[STORE_N_COLLECTIONS];
    bool some_wanted;
    bool minutes;
    struct buf line;
};

static int complain(const char *what, const struct errbuf *why)
{
    (void)fprintf(stderr, "store_dump: %s: %s\n", what, why->text);
    return EXIT_FAILURE;
}

static void print_key(const struct store_schema *schema,
                      const struct store_key *key)
{
    switch (schema->key) {
    case STORE_KEY_TEXT:
        (void)printf("%s\t%s\t", schema->name, key->text);
        break;
    case STORE_KEY_INTS:
        (void)printf("%s\t%" PRId64 ",%" PRId64 "\t", schema->name, key->a,
                     key->b);
        break;
    case STORE_KEY_TEXT_INT:
        (void)printf("%s\t%s,%" PRId64 "\t", schema->name, key->text, key->a);
        break;
    }
}

static bool print_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct dump *dump = ctx;

    print_key(store_schema(dump->collection), key);
    buf_clear(&dump->line);
    doc_to_json(row, &dump->line);
    (void)puts(buf_str(&dump->line));
    return true;
}

struct points_of {
    struct dump *dump;
    int64_t n;
};

static bool print_point(void *ctx, int64_t ms, double value)
{
    const struct points_of *of = ctx;

    (void)printf("points\t%" PRId64 ",%" PRId64 "\t{\"v\":%.17g}\n", of->n, ms,
                 value);
    return true;
}

/* Points as their readers see them, whichever rows hold them. */
static bool print_points(void *ctx, const struct store_key *key, struct doc row)
{
    struct points_of of = {ctx, doc_i64(row, "n", 0)};
    struct points_query query = {.to_ms = INT64_MAX};
    int64_t was[POINTS_SPACES];
    struct errbuf why = {{0}, {0}};

    (void)key;
    points_query_numbers(&query, row, was);
    if (points_read(of.dump->store, &query, print_point, &of, &why) != ERR_OK) {
        exit(complain("points", &why));
    }
    return true;
}

static bool print_minute(void *ctx, const struct rollup *minute)
{
    const struct points_of *of = ctx;

    (void)printf("minutes\t%" PRId64 ",%" PRId64
                 "\t{\"min\":%.17g,\"mean\":%.17g,\"max\":%.17g,"
                 "\"last\":%.17g,\"count\":%" PRId64 "}\n",
                 of->n, minute->ms, minute->min, rollup_mean(minute),
                 minute->max, minute->last, minute->count);
    return true;
}

static bool print_minutes(void *ctx, const struct store_key *key,
                          struct doc row)
{
    struct points_of of = {ctx, doc_i64(row, "n", 0)};
    struct errbuf why = {{0}, {0}};

    (void)key;
    if (minutes_read(of.dump->store, row, print_minute, &of, &why) != ERR_OK) {
        exit(complain("minutes", &why));
    }
    return true;
}

static int dump_metrics(struct dump *dump, store_row_fn *each)
{
    const struct store_query query = {.collection = STORE_METRICS,
                                      .limit = INT64_MAX};
    struct errbuf why = {{0}, {0}};

    return store_scan(dump->store, &query, each, dump, NULL, &why) == ERR_OK
               ? EXIT_SUCCESS
               : complain("points", &why);
}

static int dump_all(struct dump *dump)
{
    struct errbuf why = {{0}, {0}};

    for (int c = 0; c < STORE_N_COLLECTIONS; c++) {
        const struct store_query query = {.collection =
                                              (enum store_collection)c,
                                          .filter = dump->filter,
                                          .limit = INT64_MAX};

        if (dump->some_wanted && !dump->wanted[c]) {
            continue;
        }
        if (c == STORE_POINTS && dump->filter == NULL) {
            if (dump_metrics(dump, print_points) != EXIT_SUCCESS) {
                return EXIT_FAILURE;
            }
            continue;
        }
        dump->collection = query.collection;
        if (store_scan(dump->store, &query, print_row, dump, NULL, &why) !=
            ERR_OK) {
            return complain(store_schema(query.collection)->name, &why);
        }
    }
    return dump->minutes ? dump_metrics(dump, print_minutes) : EXIT_SUCCESS;
}

static bool want(struct dump *dump, const char *name)
{
    if (strcmp(name, "minutes") == 0) {
        dump->minutes = true;
        dump->some_wanted = true;
        return true;
    }
    for (int c = 0; c < STORE_N_COLLECTIONS; c++) {
        if (strcmp(store_schema((enum store_collection)c)->name, name) == 0) {
            dump->wanted[c] = true;
            dump->some_wanted = true;
            return true;
        }
    }
    return false;
}

static int run(struct dump *dump, const char *uri, const char *filter_text)
{
    const struct store_options options = {.uri = uri};
    struct filter *filter = NULL;
    struct errbuf why = {{0}, {0}};
    int code;

    if (filter_text != NULL &&
        filter_parse(filter_text, &filter, &why) != ERR_OK) {
        return complain("filter", &why);
    }
    dump->filter = filter;
    if (store_open(&options, &dump->store, &why) != ERR_OK) {
        filter_free(filter);
        return complain(uri, &why);
    }
    buf_init(&dump->line, DOC_BYTES_MAX * 2);
    code = dump_all(dump);
    buf_fini(&dump->line);
    store_close(dump->store);
    filter_free(filter);
    return code;
}

int main(int argc, char **argv)
{
    struct dump dump = {0};
    const char *filter = NULL;
    bool understood = true;
    int c;

    while ((c = getopt(argc, argv, "c:f:")) != -1) {
        if (c == 'f') {
            filter = optarg;
        } else {
            understood = understood && c == 'c' && want(&dump, optarg);
        }
    }
    if (!understood || argc - optind != 1) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return run(&dump, argv[optind], filter);
}
