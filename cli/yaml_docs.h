/* SPDX-License-Identifier: Apache-2.0 */
/**
 * YAML as far as it is JSON in another form: mappings, sequences, texts,
 * numbers, true, false, null (the core schema of YAML 1.2: yes and no are
 * texts). No tags but !!str, no aliases.
 */
#ifndef HYP_CLI_YAML_DOCS_H
#define HYP_CLI_YAML_DOCS_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

/** The content of one YAML document, borrowed. Returns whether to go on. */
typedef bool yaml_value_fn(void *ctx, const struct doc_value *value);

/** Read each document of the text. ERR_INVALID: no such YAML, ERR_LIMIT: too
 *  deep or too large; why names line and column. */
MUST_CHECK enum err yaml_read(const char *text, size_t len, yaml_value_fn *each,
                              void *ctx, struct errbuf *why);
/** Append a document, "---" in front, that reads as the same again. ERR_LIMIT:
 *  out is full, ERR_INVALID: it holds bytes, or numbers that are none. */
MUST_CHECK enum err yaml_write(struct doc doc, struct buf *out);

#endif
