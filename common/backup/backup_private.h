/* SPDX-License-Identifier: Apache-2.0 */
/** What writer and reader of a backup share. */
#ifndef HYP_BACKUP_BACKUP_PRIVATE_H
#define HYP_BACKUP_BACKUP_PRIVATE_H

#include "common/backup/backup_file.h"

#define BACKUP_MAGIC UINT32_C(0x42505948) /* "HYPB" */

enum {
    BACKUP_KIND_AT = 4, /* behind the magic; then */
    BACKUP_NUMBER_AT = 8,
    BACKUP_LEN_AT = 16,
    BACKUP_PACKED_AT = 20,
    BACKUP_CRC_AT = 28,
    BACKUP_HEAD_BYTES = 32,
    BACKUP_FRAME_BYTES = 1024 * 1024, /* from which on a frame is ended */
    /* A row more than that, with its key. */
    BACKUP_CONTENT_MAX = BACKUP_FRAME_BYTES + DOC_BYTES_MAX + 64 * 1024,
    BACKUP_KEY_MAX = 32 * 1024
};

enum backup_kind {
    BACKUP_HEAD = 1, /* document: format, version, schema, store, created_at */
    BACKUP_ROWS,     /* name of a collection, then keys and rows */
    BACKUP_PROGRESS, /* one row */
    BACKUP_END       /* document: frames, progress, rows by collection */
};

#endif
