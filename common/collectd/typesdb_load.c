/* SPDX-License-Identifier: Apache-2.0 */
/** Reading files of types. */
#include "common/collectd/typesdb_load.h"

#include "common/base/file.h"
#include "common/base/log.h"

enum {
    FILE_BYTES = 4 * 1024 * 1024,
    TOLD_MOST = 20 /* a whole file given twice is one mistake */
};

struct reading {
    const char *path;
    size_t n_told;
};

static void tell(void *ctx, const char *type, size_t line)
{
    struct reading *reading = ctx;

    if (++reading->n_told <= TOLD_MOST) {
        log_warning("COLLECTD-TYPE",
                    "%s:%zu: type %s is not as an earlier line defines it; "
                    "this one counts",
                    reading->path, line, type);
    }
}

static enum err read_file(struct typesdb *db, const char *path,
                          struct errbuf *why)
{
    struct reading reading = {.path = path};
    const struct typesdb_listener listener = {&reading, tell};
    struct errbuf line = {0};
    struct buf text;
    enum err err;

    buf_init(&text, FILE_BYTES);
    err = file_read(path, &text, why);
    if (err == ERR_OK) {
        err = typesdb_parse(db, buf_str(&text), &listener, &line);
        if (err != ERR_OK) {
            errbuf_set(why, "%s: %s", path, line.text);
        }
    }
    buf_fini(&text);
    return err == ERR_OK ? ERR_OK : ERR_INVALID;
}

enum err typesdb_load(struct typesdb *db, const struct conf_list *paths,
                      struct errbuf *why)
{
    for (size_t i = 0; i < paths->n; i++) {
        enum err err = read_file(db, paths->items[i], why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}
