/* SPDX-License-Identifier: Apache-2.0 */
/** Backups from one store into another, whatever their kinds. */
#ifndef HYP_TESTS_BACKUP_SUITE_H
#define HYP_TESTS_BACKUP_SUITE_H

#include <stddef.h>

/** Where stores are. */
struct backup_place {
    void *ctx;
    /** Before and after each test: none, then whatever the test left. */
    void (*begin)(void *ctx);
    void (*end)(void *ctx);
    const char *(*uri)(void *ctx);
};

struct backup_suite {
    const char *name;
    struct backup_place from;
    struct backup_place to;
};

/** Number of failed tests. */
int backup_suite_run(struct backup_suite *suite);

/** A place for SQLite stores: ctx is its folder's name, BACKUP_FOLDER_MAX
 *  bytes, and gets filled. */
enum {
    BACKUP_FOLDER_MAX = 256
};
struct backup_folder {
    char name[BACKUP_FOLDER_MAX];
    char uri[BACKUP_FOLDER_MAX + 16];
};
void backup_folder_begin(void *ctx);
void backup_folder_end(void *ctx);
const char *backup_folder_uri(void *ctx);

#endif
