/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Templates: text with names in it that are replaced by values, escaped for
 * where the text goes. Pure. docs/templates.md is the language.
 */
#ifndef HYP_TEMPLATE_TEMPLATE_H
#define HYP_TEMPLATE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

enum {
    TEMPLATE_BYTES_MAX = 16 * 1024, /**< of a template */
    TEMPLATE_NODES_MAX = 500,       /**< texts, values and sections in it */
    TEMPLATE_DEPTH_MAX = 8,         /**< sections in one another */
    TEMPLATE_NAME_MAX = 256,        /**< bytes of a name */
    TEMPLATE_CALLS_MAX = 8,         /**< helpers of one value */
    TEMPLATE_STEPS_MAX = 10000,     /**< nodes of one rendering */
    TEMPLATE_VALUE_MAX = 128 * 1024 /**< bytes of one value */
};

/** Where the text goes: how values are escaped. A shell is no such place. */
enum template_target {
    TEMPLATE_TEXT,  /**< as they are */
    TEMPLATE_HTML,  /**< & < > " ' as entities */
    TEMPLATE_JSON,  /**< inside a string of JSON */
    TEMPLATE_HEADER /**< one line: control characters become blanks */
};

struct template;

/** Parse len bytes. ERR_INVALID: why tells line and column and what was
 *  expected; ERR_LIMIT: a limit above. Gives *out. */
MUST_CHECK enum err template_parse(const char *text, size_t len,
                                   struct template **out, struct errbuf *why);
void template_free(struct template *tmpl);

/** Where the names at the top lead; false (and DOC_MISSING): nowhere. */
struct template_source {
    void *ctx;
    bool (*get)(void *ctx, const char *path, struct doc_value *value);
};

/** Append the text. A name that leads nowhere gives nothing. ERR_LIMIT: it
 *  would be larger than out holds, or than the limits above. */
MUST_CHECK enum err template_render(const struct template *tmpl,
                                    const struct template_source *source,
                                    enum template_target target,
                                    struct buf *out);

/** Told of each name; inside: it stands in a section, where it may be a
 *  member of what the section is about. */
typedef void template_name_fn(void *ctx, const char *name, bool inside);
void template_each_name(const struct template *tmpl, template_name_fn *each,
                        void *ctx);

#endif
