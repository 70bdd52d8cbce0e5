/* SPDX-License-Identifier: Apache-2.0 */
/** XML-RPC as supervisord speaks it: calls as text, answers as documents. */
#ifndef HYP_CONTROL_XMLRPC_H
#define HYP_CONTROL_XMLRPC_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

/** A parameter: text, or a boolean when text is NULL. */
struct xmlrpc_param {
    const char *text;
    bool flag;
};

/** Append the call's XML to out. */
void xmlrpc_call(struct buf *out, const char *method,
                 const struct xmlrpc_param *params, size_t n_params);

/**
 * Parse an answer into the document {"result": value} or {"fault": struct}.
 * Integers, doubles, booleans, strings, arrays and structs keep their type;
 * dates and base64 become strings.
 * Returns ERR_OK, the document being borrowed from out until its next reset;
 * ERR_INVALID (not an XML-RPC answer; why says where); ERR_LIMIT (too deep).
 */
MUST_CHECK enum err xmlrpc_parse(const char *xml, size_t len,
                                 struct doc_out *out, struct doc *answer,
                                 struct errbuf *why);

#endif
