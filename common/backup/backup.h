/* SPDX-License-Identifier: Apache-2.0 */
/** Backups of a whole store, of either kind into either kind. */
#ifndef HYP_BACKUP_BACKUP_H
#define HYP_BACKUP_BACKUP_H

#include "common/backup/backup_file.h"

/** In place of a path: standard output, standard input. */
#define BACKUP_STREAM "-"

/** Told now and then how far it is; borrowed for the call. */
typedef void backup_tell_fn(void *ctx, const struct backup_summary *summary);

struct backup_watch {
    backup_tell_fn *tell; /**< NULL: nobody wants to know */
    void *ctx;
};

/**
 * Write a backup of a store, which may be in use. It stands at path, mode
 * 0600, only when it is whole, on disk, and was read back; until then at
 * "<path>.part".
 *
 * summary  of what was written, on ERR_OK.
 * Returns ERR_OK; ERR_CONFLICT (there is such a file); ERR_NOT_FOUND (there is
 * no store); ERR_INVALID, ERR_UNAVAILABLE (the store, or the file); with why.
 */
MUST_CHECK enum err backup_make(const char *uri, const char *path,
                                const struct backup_watch *watch,
                                struct backup_summary *summary,
                                struct errbuf *why);
/** Read a backup to its end. ERR_NOT_FOUND, ERR_INVALID (no backup, damaged,
 *  not whole), ERR_UNAVAILABLE; with why. */
MUST_CHECK enum err backup_verify(const char *path,
                                  const struct backup_watch *watch,
                                  struct backup_summary *summary,
                                  struct errbuf *why);
/**
 * Fill a store with a backup; it changes only when all of that was read and
 * found whole. Engines that start on it go on from there: under new streams,
 * so that nothing new is taken for what they knew.
 * Errors of backup_verify and store_filling_open.
 */
MUST_CHECK enum err backup_restore(const char *path, const char *uri,
                                   enum store_filling_mode mode,
                                   const struct backup_watch *watch,
                                   struct backup_summary *summary,
                                   struct errbuf *why);

#endif
