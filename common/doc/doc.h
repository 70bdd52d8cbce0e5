/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A document: named, typed values in the binary form (BSON) that events,
 * stored rows and API items share. Read in place, written in one pass.
 * Times in documents are seconds since 1970 UTC as doubles (ms precise).
 */
#ifndef HYP_DOC_DOC_H
#define HYP_DOC_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    DOC_DEPTH_MAX = 40,             /**< nesting that reader and writer take */
    DOC_NODES_MAX = 500000,         /**< values that doc_from_json takes */
    DOC_BYTES_MAX = 8 * 1024 * 1024 /**< largest document */
};

enum doc_type {
    DOC_MISSING,
    DOC_NULL,
    DOC_BOOL,
    DOC_INT,
    DOC_DOUBLE,
    DOC_STRING, /**< UTF-8, NUL-terminated, no NUL inside */
    DOC_BYTES,
    DOC_DOC,
    DOC_ARRAY /**< a document whose keys are "0", "1", ... */
};

/** Borrowed bytes of a document; {NULL, 0} reads as an empty one. */
struct doc {
    const uint8_t *data;
    uint32_t len;
};

struct doc_value {
    enum doc_type type;
    union {
        bool b;
        int64_t i;
        double d;
        struct {
            const char *text; /**< or bytes, for DOC_BYTES */
            uint32_t len;
        } s;
        struct doc doc; /**< DOC_DOC and DOC_ARRAY */
    } u;
};

/** Whether the bytes are one whole well-formed document of the types above
 *  within the limits. Everything from outside passes here once. */
bool doc_check(struct doc doc);

/* Reading. The document must have passed doc_check or come from doc_out. */

struct doc_iter {
    const uint8_t *at;
    const uint8_t *end;
};

void doc_iter_init(struct doc_iter *it, struct doc doc);
/** Next member; false at the end. key and value borrow from the document. */
bool doc_next(struct doc_iter *it, const char **key, struct doc_value *value);
/** Direct member; value->type is DOC_MISSING (and false) if absent. */
bool doc_get(struct doc doc, const char *key, struct doc_value *value);
/** Member by dotted path through documents and array indexes. */
bool doc_path(struct doc doc, const char *path, struct doc_value *value);
/** Direct members by kind; fallback when absent or of another kind. A number
 *  of the other kind is converted (doubles truncated; the fallback where
 *  int64_t cannot hold it). */
const char *doc_str(struct doc doc, const char *key, const char *fallback);
int64_t doc_i64(struct doc doc, const char *key, int64_t fallback);
double doc_f64(struct doc doc, const char *key, double fallback);
bool doc_bool(struct doc doc, const char *key, bool fallback);
/** A time member (seconds) as milliseconds. */
int64_t doc_ms(struct doc doc, const char *key, int64_t fallback_ms);
/** Nested document or array; empty when absent. */
struct doc doc_sub(struct doc doc, const char *key);
/** Members of a document or array. */
size_t doc_count(struct doc doc);
/** Order of two values: missing = null < numbers < strings < documents <
 *  arrays < bytes < bools; numbers by value, what is no number first; strings
 *  by bytes. As both databases sort. */
int doc_compare(const struct doc_value *a, const struct doc_value *b);

/* Writing. */

struct doc_out;

struct doc_out *doc_out_new(void);
void doc_out_free(struct doc_out *out);
/** Start the next document; what doc_out_done gave before is gone. */
void doc_out_reset(struct doc_out *out);
/** Add members to the innermost open document. In an array, key is ignored. */
void doc_add_null(struct doc_out *out, const char *key);
void doc_add_bool(struct doc_out *out, const char *key, bool value);
void doc_add_i64(struct doc_out *out, const char *key, int64_t value);
void doc_add_f64(struct doc_out *out, const char *key, double value);
/** Seconds from milliseconds. */
void doc_add_ms(struct doc_out *out, const char *key, int64_t ms);
void doc_add_str(struct doc_out *out, const char *key, const char *text);
void doc_add_strn(struct doc_out *out, const char *key, const char *text,
                  size_t len);
void doc_add_bytes(struct doc_out *out, const char *key, const void *data,
                   size_t len);
void doc_add_doc(struct doc_out *out, const char *key, struct doc doc);
void doc_add_array(struct doc_out *out, const char *key, struct doc array);
void doc_add_value(struct doc_out *out, const char *key,
                   const struct doc_value *value);
/** Open and close a nested document or array. */
void doc_begin_doc(struct doc_out *out, const char *key);
void doc_begin_array(struct doc_out *out, const char *key);
void doc_end(struct doc_out *out);
/** Finish; every begin must have its end. Borrowed until the next reset. */
struct doc doc_out_done(struct doc_out *out);
/** Bytes written so far, to keep limits. */
size_t doc_out_len(const struct doc_out *out);

/** Append the document as one line of JSON. Doubles that are whole numbers
 *  are written without a fraction; bytes as base64url text. */
void doc_to_json(struct doc doc, struct buf *out);
void doc_value_to_json(const struct doc_value *value, struct buf *out);
/**
 * Parse one JSON object of len bytes (nothing may follow it) into out, which
 * is reset first. *doc borrows from out until its next reset; empty on error.
 * Whole numbers of 64 bits become DOC_INT, others DOC_DOUBLE. A name given
 * twice is kept twice; readers see the first.
 * ERR_INVALID: not JSON, not an object, not UTF-8, a NUL in a string or name,
 * a number no double holds; ERR_LIMIT: DOC_DEPTH_MAX, DOC_NODES_MAX or
 * DOC_BYTES_MAX would be passed. why names line and column (in bytes, of the
 * end of what is refused).
 */
MUST_CHECK enum err doc_from_json(const char *text, size_t len,
                                  struct doc_out *out, struct doc *doc,
                                  struct errbuf *why);

/** The same for any JSON value, as of an API body or a list of values. *value
 *  borrows from out until its next reset; DOC_MISSING on error. */
MUST_CHECK enum err doc_value_from_json(const char *text, size_t len,
                                        struct doc_out *out,
                                        struct doc_value *value,
                                        struct errbuf *why);

#endif
