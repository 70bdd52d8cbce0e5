/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Objects: what people configure at run time, {kind, name, labels, spec}. One
 * field table a kind checks a spec and gives its JSON Schema. Pure.
 */
#ifndef HYP_OBJECT_OBJECT_H
#define HYP_OBJECT_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

enum {
    OBJECT_NAME_MAX = 128,        /**< bytes of a name */
    OBJECT_BYTES_MAX = 65536,     /**< of a spec as a document */
    OBJECT_LABELS_MAX = 32,       /**< labels of an object */
    OBJECT_LABEL_BYTES_MAX = 256, /**< of a label's name, and of its value */
    OBJECT_TEXTS_BYTES_MAX = 256  /**< of each of OBJECT_TEXTS */
};

enum object_type {
    OBJECT_TEXT, /**< min..max bytes */
    OBJECT_BOOL,
    OBJECT_INT,      /**< min..max */
    OBJECT_DURATION, /**< min..max ms, as seconds or as text ("15m") */
    OBJECT_CHOICE,   /**< one of choices */
    OBJECT_FILTER,   /**< either form of docs/filters.md */
    OBJECT_ANY,      /**< any JSON value but null */
    OBJECT_LIST,     /**< min..max objects, told apart by their "type" */
    OBJECT_TEXTS,    /**< min..max texts */
    OBJECT_DOC,      /**< an object with members of its own */
    OBJECT_MAP       /**< an object of at most max members, called anyhow */
};

struct object_variant;

/** A member of a spec; a table ends with a NULL name. */
struct object_field {
    const char *name;
    enum object_type type;
    bool required;
    int64_t min, max;
    const char *const *choices;            /**< NULL-terminated */
    const struct object_variant *variants; /**< of a list; NULL name ends */
    const struct object_field *fields;     /**< of OBJECT_DOC */
    const char *fallback; /**< the default as JSON, for people; NULL: none */
    const char *help;     /**< one line */
};

/** One form of a list's objects: its "type", and further members. */
struct object_variant {
    const char *name;
    const struct object_field *fields; /**< NULL: none */
    const char *help;
};

struct object_kind {
    const char *name; /**< "eventfilter" */
    const char *help;
    const struct object_field *fields;
    int64_t bytes; /**< of a spec as a document; 0: OBJECT_BYTES_MAX */
    int64_t most;  /**< objects of the kind that live; 0: as many as others */
    /** What the table cannot tell; called once the table holds. why's field
     *  is a path from the spec on. May be NULL. */
    enum err (*check)(struct doc spec, struct errbuf *why);
};

/**
 * Check a whole object as it was sent: "name" and "spec" must be there,
 * "labels" may, "kind" is kind's name when it is given, and what only the
 * server sets (version, revision, ...) is passed over.
 * Returns ERR_OK; ERR_INVALID with the path ("spec.actions[1].value") and
 * what was expected; ERR_LIMIT: the spec is larger than its kind's may be.
 */
MUST_CHECK enum err object_check(const struct object_kind *kind,
                                 struct doc object, struct errbuf *why);
/** Read a duration as a spec holds it. False: it is none. */
bool object_duration(const struct doc_value *value, int64_t *ms);
/** Append the JSON Schema of a kind's objects. */
void object_add_schema(const struct object_kind *kind, struct buf *out);
/** Whether the text can name an object: letters, digits, and . _ - behind the
 *  first. */
bool object_name_is_good(const char *name);

#endif
