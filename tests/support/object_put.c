/* SPDX-License-Identifier: Apache-2.0 */
/** Put an object into a store as it is, unchecked, or delete it: what another
 *  version, or somebody by hand, may have written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/store/objects.h"

enum {
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: object_put URI KIND NAME [SPEC]\n"
    "Put the object with this SPEC (JSON); without one, delete it.\n";

static int complain(const char *what, const char *why)
{
    (void)fprintf(stderr, "object_put: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

static int commit(struct store *store, const struct objects_change *change)
{
    struct store_fence fence = {.row = "webserver"};
    struct buf payload;
    int64_t version;
    int64_t revision;
    enum err err;

    buf_init(&payload, DOC_BYTES_MAX);
    err = store_fence_raise(store, clock_now_ms() / 1000, &fence, &payload);
    buf_fini(&payload);
    if (err == ERR_OK) {
        err = objects_commit(store, &fence, change, &version, &revision);
    }
    return err == ERR_OK ? EXIT_SUCCESS : complain("commit", err_name(err));
}

static int put(const char *uri, struct objects_change *change,
               const char *spec_text)
{
    const struct store_options options = {.uri = uri, .writer = "webserver"};
    struct doc_out *out = doc_out_new();
    struct errbuf why = {{0}, {0}};
    struct store *store;
    int code;

    if (spec_text != NULL && doc_from_json(spec_text, strlen(spec_text), out,
                                           &change->spec, &why) != ERR_OK) {
        code = complain("spec", why.text);
    } else if (store_open(&options, &store, &why) != ERR_OK) {
        code = complain(uri, why.text);
    } else {
        code = commit(store, change);
        store_close(store);
    }
    doc_out_free(out);
    return code;
}

int main(int argc, char **argv)
{
    struct objects_change change = {.author = "object_put", .expected = -1};

    if (argc < 4 || argc > 5) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    change.kind = argv[2];
    change.name = argv[3];
    change.now_ms = clock_now_ms();
    return put(argv[1], &change, argc == 5 ? argv[4] : NULL);
}
