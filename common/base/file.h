/* SPDX-License-Identifier: Apache-2.0 */
/** Whole small files: read within a limit, replaced in one step. */
#ifndef HYP_BASE_FILE_H
#define HYP_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/**
 * Append a file's content to out, whose maximum is the limit.
 * Returns ERR_OK; ERR_NOT_FOUND (no such file); ERR_LIMIT (larger than out
 * may hold); ERR_UNAVAILABLE (cannot be read). why names the path.
 */
MUST_CHECK enum err file_read(const char *path, struct buf *out,
                              struct errbuf *why);
/**
 * Put data in place of the file, so that a reader sees the old or the new
 * content, never a part. Not synced to disk: for what is worthless after a
 * crash of the machine.
 * Returns ERR_OK; ERR_UNAVAILABLE with why naming the path.
 */
MUST_CHECK enum err file_replace(const char *path, const void *data, size_t len,
                                 mode_t mode, struct errbuf *why);
/** The same, surely on disk when it returns. */
MUST_CHECK enum err file_replace_synced(const char *path, const void *data,
                                        size_t len, mode_t mode,
                                        struct errbuf *why);

#endif
