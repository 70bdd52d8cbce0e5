/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The form of a backup: a stream of frames, written and read in one pass.
 *
 * A frame is a head of 32 bytes (magic "HYPB", kind, number from 0, bytes of
 * the content, bytes of the content as it follows, CRC-32C of both) and its
 * content, packed with LZ4 where that is shorter. Numbers in heads are
 * little-endian. The first frame tells what it is (a document), then rows by
 * collection and progress rows, and the last counts them: a stream without
 * it is not whole.
 */
#ifndef HYP_BACKUP_BACKUP_FILE_H
#define HYP_BACKUP_BACKUP_FILE_H

#include "common/store/store_copy.h"

enum {
    BACKUP_FORMAT = 1,
    BACKUP_VERSION_MAX = 32,
    BACKUP_STORE_MAX = 16
};

/** What a backup is, and what it holds so far. */
struct backup_summary {
    int64_t created_ms;
    int64_t schema; /**< STORE_SCHEMA_VERSION of who made it */
    char version[BACKUP_VERSION_MAX + 1]; /**< of the suite */
    char store[BACKUP_STORE_MAX + 1];     /**< "sqlite" or "mongodb" */
    int64_t rows[STORE_N_COLLECTIONS];
    int64_t all_rows;
    int64_t progress; /**< progress rows */
    int64_t bytes;    /**< of the stream */
};

struct backup_writer;

/** Write the first frame. fd is borrowed; created_ms, schema, version and
 *  store are taken from summary. ERR_UNAVAILABLE, with why. */
MUST_CHECK enum err backup_writer_open(int fd,
                                       const struct backup_summary *summary,
                                       struct backup_writer **out,
                                       struct errbuf *why);
void backup_writer_free(struct backup_writer *writer);
MUST_CHECK enum err backup_write_row(struct backup_writer *writer,
                                     enum store_collection collection,
                                     const struct store_key *key,
                                     struct doc row, struct errbuf *why);
MUST_CHECK enum err
backup_write_progress(struct backup_writer *writer,
                      const struct store_copy_progress *progress,
                      struct errbuf *why);
/** The last frame. */
MUST_CHECK enum err backup_write_end(struct backup_writer *writer,
                                     struct errbuf *why);
/** Borrowed. */
const struct backup_summary *
backup_writer_summary(const struct backup_writer *writer);

/** Who takes what is read; an error ends the reading. NULL: nobody. */
struct backup_sink {
    void *ctx;
    enum err (*row)(void *ctx, enum store_collection collection,
                    const struct store_key *key, struct doc row,
                    struct errbuf *why);
    enum err (*progress)(void *ctx, const struct store_copy_progress *progress,
                         struct errbuf *why);
    void (*frame)(void *ctx, const struct backup_summary *summary);
};

struct backup_reader;

/** Read the first frame. fd is borrowed. ERR_INVALID: no backup, or one of
 *  another form or schema; ERR_UNAVAILABLE: cannot be read; with why. */
MUST_CHECK enum err backup_reader_open(int fd, struct backup_reader **out,
                                       struct errbuf *why);
void backup_reader_free(struct backup_reader *reader);
/** Read to the end. ERR_INVALID: it is damaged or not whole, and where. */
MUST_CHECK enum err backup_read(struct backup_reader *reader,
                                const struct backup_sink *sink,
                                struct errbuf *why);
/** Borrowed. */
const struct backup_summary *
backup_reader_summary(const struct backup_reader *reader);

#endif
