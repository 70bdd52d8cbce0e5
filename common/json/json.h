/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bounded JSON for what is not an event: API bodies, rules, configuration
 * documents. Loading keeps limits before memory; the getters say with a path
 * which member is wrong and what was expected.
 */
#ifndef HYP_JSON_JSON_H
#define HYP_JSON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/doc/doc.h"

struct json_limits {
    size_t depth; /**< nesting of objects and arrays; a flat object has 1 */
    size_t bytes; /**< of the text */
    size_t nodes; /**< values of any kind, empty containers counting two */
};

/** For API bodies and objects: DOC_DEPTH_MAX, 1 MiB, 100,000 values. */
extern const struct json_limits json_limits_usual;

/**
 * Parse one JSON value of any kind; nothing may follow it.
 *
 * out  gives: json_decref() it.
 * Returns ERR_OK; ERR_LIMIT (before memory is taken for the tree) or
 * ERR_INVALID (not JSON, not UTF-8, a NUL in a string, a name twice), both
 * with "line L, column C: ...".
 */
MUST_CHECK enum err json_load_limited(const char *text, size_t len,
                                      const struct json_limits *limits,
                                      json_t **out, struct errbuf *why);

/* --- members ------------------------------------------------------------ */

/** An object, where it stands ("" at the top, "spec.rules[2]") and who is
 *  told what is wrong. All borrowed. A NULL object reads as an empty one. */
struct json_in {
    const json_t *object;
    const char *path;
    struct errbuf *why;
};

/** Whether a member may be absent; null counts as absent. Then *out of the
 *  getters keeps the default that the caller put there. */
enum json_need {
    JSON_OPTIONAL,
    JSON_REQUIRED
};

struct json_range {
    int64_t min, max;
};

/* Each returns ERR_OK, or ERR_INVALID with "spec.priority: expected an
 * integer from 0 to 1000, got a string" and the path as why's field. What
 * *out points to borrows from the tree. */

/** Text of at most max bytes; not empty when it is required. */
MUST_CHECK enum err json_get_str(const struct json_in *in, const char *key,
                                 enum json_need need, size_t max,
                                 const char **out);
MUST_CHECK enum err json_get_i64(const struct json_in *in, const char *key,
                                 enum json_need need, struct json_range range,
                                 int64_t *out);
MUST_CHECK enum err json_get_f64(const struct json_in *in, const char *key,
                                 enum json_need need, double *out);
MUST_CHECK enum err json_get_bool(const struct json_in *in, const char *key,
                                  enum json_need need, bool *out);
/** Index of the text among choices (NULL-terminated). */
MUST_CHECK enum err json_get_choice(const struct json_in *in, const char *key,
                                    enum json_need need,
                                    const char *const *choices, size_t *out);
/** A duration in milliseconds, from text ("90s") or a number of seconds. */
MUST_CHECK enum err json_get_duration(const struct json_in *in, const char *key,
                                      enum json_need need,
                                      struct json_range range_ms, int64_t *out);
/** An array of at most max items. */
MUST_CHECK enum err json_get_array(const struct json_in *in, const char *key,
                                   enum json_need need, size_t max,
                                   const json_t **out);
/** Refuse members that are not among known (NULL-terminated). */
MUST_CHECK enum err json_only_keys(const struct json_in *in,
                                   const char *const *known);

/** A nested object with a place to keep its path. */
struct json_child {
    struct json_in in;
    char path[ERRBUF_FIELD_MAX];
};

/** Go into the object that is the member key. Absent: child->in.object is
 *  NULL. child must stay where it is while child->in is used. */
MUST_CHECK enum err json_enter(const struct json_in *in, const char *key,
                               enum json_need need, struct json_child *child);
/** Go into the object that is item i of the array under key. */
MUST_CHECK enum err json_enter_item(const struct json_in *in, const char *key,
                                    size_t i, struct json_child *child);
/** Refuse the member key in these words: "path.key: text"; ERR_INVALID. */
__attribute__((format(printf, 3, 4))) enum err
json_refuse(const struct json_in *in, const char *key, const char *format, ...);

/* --- documents ------------------------------------------------------------ */

/** The document as a tree; gives, json_decref() it. Bytes become base64url
 *  text, doubles that are not finite null. */
json_t *json_from_doc(struct doc doc);
/**
 * The object as a document in out, which is reset first; *doc borrows from
 * out until its next reset.
 * Returns ERR_OK; ERR_INVALID (no object, or a NUL in a string); ERR_LIMIT
 * (DOC_DEPTH_MAX or DOC_BYTES_MAX).
 */
MUST_CHECK enum err json_to_doc(const json_t *object, struct doc_out *out,
                                struct doc *doc, struct errbuf *why);

#endif
