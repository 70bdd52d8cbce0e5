/* SPDX-License-Identifier: Apache-2.0 */
/** mongod-set: makes a mongod a replica set of one, with the suite's user. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/store_mongodb_set.h"

enum {
    ARGUMENTS = 5,
    PASSWORD_MAX = 4096,
    WAIT_MS = 60000
};

int main(int argc, char **argv)
{
    struct mongodb_set set;
    struct errbuf why = {0};
    struct buf text;
    enum err err;

    if (argc != ARGUMENTS) {
        (void)fprintf(stderr, "usage: mongod-set HOST:PORT SET USER "
                              "PASSWORD-FILE\n");
        return 2;
    }
    log_set_level(LOG_ERROR);
    buf_init(&text, PASSWORD_MAX);
    err = file_read(argv[4], &text, &why);
    if (err == ERR_OK) {
        if (text.len > 0) {
            text.data[strcspn(text.data, "\r\n")] = '\0';
        }
        set = (struct mongodb_set){argv[2], argv[1], argv[3], buf_str(&text)};
        err = mongodb_set_make(&set, WAIT_MS, &why);
    }
    buf_fini(&text);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "mongod-set: %s\n", why.text);
    }
    return err == ERR_OK ? 0 : 1;
}
