/* SPDX-License-Identifier: Apache-2.0 */
/** Parts of the MongoDB backend: the connection, rows and queries, commits. */
#ifndef HYP_STORE_STORE_MONGODB_H
#define HYP_STORE_STORE_MONGODB_H

#include <mongoc/mongoc.h>

#include "common/base/log.h"
#include "common/store/store_backend.h"

struct store_mongodb {
    struct store store;
    char *writer; /**< NULL: reads only */
    char *database;
    mongoc_client_t *client;
    mongoc_collection_t *collections[STORE_N_COLLECTIONS]; /**< when used */
    mongoc_collection_t *progress;
    mongoc_client_session_t *session; /**< of commits; NULL: a new one */
    bson_t *lost; /**< array: ids of those before, since a commit worked; their
                       transactions may hold locks; NULL: none */
    uint32_t n_lost;
    mongoc_transaction_opt_t *transaction;
    mongoc_write_concern_t *durable; /**< majority, journaled */
    mongoc_read_concern_t *majority;
    struct log_complaint away;
    char reason[ERRBUF_TEXT_MAX]; /**< of the last failure */
};

/** Connect to a replica set; looks at nothing in it. Errors as store_open. */
MUST_CHECK enum err mongodb_connect(const char *uri, const char *writer,
                                    struct store_mongodb **out,
                                    struct errbuf *why);
/** The same for no writer, under a name that the server knows the connections
 *  by. */
MUST_CHECK enum err mongodb_connect_as(const char *uri, const char *name,
                                       struct store_mongodb **out,
                                       struct errbuf *why);
void mongodb_free(struct store_mongodb *store);
/** The driver logs by our log, nowhere else. */
void mongodb_log_take(void);
/** Whether this program may read what the database holds: ERR_INVALID. */
MUST_CHECK enum err mongodb_check_versions(struct store_mongodb *store,
                                           struct errbuf *why);
/** Make a collection of that name, with the indexes of the schema's. One that
 *  is there stays. */
bool mongodb_create(struct store_mongodb *store, const char *name,
                    enum store_collection as, bson_error_t *error);
/** Give the rows of a cursor over a collection like this one. Tells what goes
 *  wrong: ERR_UNAVAILABLE. */
MUST_CHECK enum err mongodb_read_rows(struct store_mongodb *store,
                                      enum store_collection collection,
                                      mongoc_cursor_t *cursor,
                                      store_row_fn *each, void *ctx);
/** Member of the document in "meta" that an exchange of all collections puts
 *  there first and takes away last. */
#define MONGODB_RESTORE_MARK "restore"

/** Bytes of the name of who restores. */
enum {
    MONGODB_LOCK_NAME_MAX = 63
};

/** Make up a name, of MONGODB_LOCK_NAME_MAX bytes and a NUL at most. */
void mongodb_lock_name(char *name);
/** Be the one who restores, on a connection of that name. ERR_CONFLICT:
 *  another one does; ERR_UNAVAILABLE. */
MUST_CHECK enum err mongodb_lock_take(const struct store_mongodb *store,
                                      const char *name, struct errbuf *why);
/** Whether one still is: his connection may have been away. The same errors. */
MUST_CHECK enum err mongodb_lock_check(const struct store_mongodb *store,
                                       const char *name, struct errbuf *why);
void mongodb_lock_drop(const struct store_mongodb *store, const char *name);

/** Borrowed until the store closes. */
mongoc_collection_t *mongodb_collection(struct store_mongodb *store,
                                        enum store_collection collection);
/** Tell what went wrong; returns ERR_UNAVAILABLE. */
enum err mongodb_failed(struct store_mongodb *store, const bson_error_t *error);
/** Tell that it works again, if it had been told. */
void mongodb_worked(struct store_mongodb *store);
/** The options of a write outside of a transaction, for bson_destroy. */
void mongodb_durable_opts(const struct store_mongodb *store, bson_t *opts);
/** findAndModify of a progress row with MONGOC_FIND_AND_MODIFY_* flags; a lock
 *  of a lost commit is waited for a few seconds only. The caller destroys
 *  *reply in any case. */
bool mongodb_modify_progress(struct store_mongodb *store, const bson_t *which,
                             const bson_t *change, int flags, bson_t *reply,
                             bson_error_t *error);

/** Start the session of commits unless there is one. */
bool mongodb_session_start(struct store_mongodb *store, bson_error_t *error);
/** Name it in the fence's row, for who takes over. A row of another epoch is
 *  left alone: the commit finds that out. */
bool mongodb_session_record(struct store_mongodb *store,
                            const struct store_fence *fence,
                            bson_error_t *error);
/** Let go of a session whose transaction went wrong. */
void mongodb_session_drop(struct store_mongodb *store);
/** Abort what the sessions let go of may have open. */
void mongodb_session_end_lost(struct store_mongodb *store);
/** A commit worked: none of them holds anything up. */
void mongodb_session_forget_lost(struct store_mongodb *store);
/** Abort what the last holder of a progress row may have open. */
void mongodb_session_end_recorded(struct store_mongodb *store, const char *row);

/* Rows: {_id: key, members...}. One whose members a database would take for
 * its own, or sort otherwise, is {_id: key, _row: bytes, indexed values...}. */

/** Put the stored form of a row into out. */
void mongodb_row_store(enum store_collection collection,
                       const struct store_key *key, struct doc row,
                       struct buf *out);
/** The row and its key of a stored form; the row may be rebuilt in scratch.
 *  Borrows from both. False: not a row of ours. */
bool mongodb_row_load(enum store_collection collection, struct doc stored,
                      struct buf *scratch, struct store_key *key,
                      struct doc *row);
/** Append a key as a member. */
void mongodb_append_key(bson_t *to, const char *name,
                        enum store_collection collection,
                        const struct store_key *key);

/** {_id: key} into query, for bson_destroy. */
void mongodb_query_key(bson_t *query, enum store_collection collection,
                       const struct store_key *key);
/** {_id: {$gte: first, $lt: past}}, for bson_destroy. */
void mongodb_query_range(bson_t *query, enum store_collection collection,
                         const struct store_key *first,
                         const struct store_key *past);
/** What a scan asks for, for bson_destroy. */
void mongodb_query_scan(bson_t *query, const struct store_scan_plan *plan);

/** As struct store_ops has it. */
enum err mongodb_commit(struct store *base, const struct store_fence *fence,
                        const struct store_batch *batch, struct doc progress);

#endif
