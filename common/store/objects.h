/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Objects in the store: each kind has a revision that counts its changes, and
 * every version is kept for a while, so that a kind can be read as it was.
 * Rows are {name, kind, labels, spec, version, revision, created_at,
 * updated_at, author}; a version that deletes has no spec.
 */
#ifndef HYP_STORE_OBJECTS_H
#define HYP_STORE_OBJECTS_H

#include "common/store/store.h"

enum {
    OBJECTS_KEPT = 100,       /**< versions of one object */
    OBJECTS_OF_A_KIND = 10000 /**< objects that live */
};

#define OBJECTS_NEWEST INT64_MAX

/** How many changes the kind has seen; 0 when none. */
MUST_CHECK enum err objects_revision(struct store *store, const char *kind,
                                     int64_t *revision);
/** Append the row of a living object. ERR_NOT_FOUND; ERR_UNAVAILABLE. */
MUST_CHECK enum err objects_get(struct store *store, const char *kind,
                                const char *name, struct buf *out);
/** One object, borrowed for the call. */
typedef void objects_fn(void *ctx, struct doc row);
/**
 * Give each object that lived at that revision of the kind, as it was then,
 * by name. Of versions that are kept no more the oldest that is there stands
 * for them. May be ERR_UNAVAILABLE after some were given.
 */
MUST_CHECK enum err objects_each_at(struct store *store, const char *kind,
                                    int64_t revision, objects_fn *each,
                                    void *ctx);

/** A change of one object, by the writer of STORE_OBJECTS. */
struct objects_change {
    const char *kind;
    const char *name;
    struct doc labels; /**< empty: none */
    struct doc spec;   /**< empty: delete */
    const char *author;
    int64_t now_ms;
    /** The version that must be there: 0 for none (create), -1 for any. */
    int64_t expected;
    int64_t most; /**< objects of the kind; 0: OBJECTS_OF_A_KIND */
};

/**
 * Make the change in one commit.
 *
 * fence     of the writer, raised; its batch is counted.
 * version   the version made.
 * revision  the kind's now.
 * Returns ERR_OK; ERR_CONFLICT: another version is there (*version says
 * which, 0 for none); ERR_NOT_FOUND: nothing to delete; ERR_LIMIT: too many
 * objects; ERR_FENCED: raise the fence and call again; ERR_UNAVAILABLE.
 */
MUST_CHECK enum err objects_commit(struct store *store,
                                   struct store_fence *fence,
                                   const struct objects_change *change,
                                   int64_t *version, int64_t *revision);

#endif
