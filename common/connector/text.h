/* SPDX-License-Identifier: Apache-2.0 */
/** Texts of foreign senders, in whatever encoding, as UTF-8. */
#ifndef HYP_CONNECTOR_TEXT_H
#define HYP_CONNECTOR_TEXT_H

#include <stddef.h>

#include "common/base/buf.h"

/**
 * Append bytes as UTF-8: as they are when they are that (a character cut in
 * two at the end is left out where another of several bytes stands before it),
 * else as Windows-1252, of which ISO 8859-1 is a part.
 * Control characters but tab and newline are left out.
 * What out has no room for is cut off, on a character's boundary.
 */
void text_add(struct buf *out, const char *bytes, size_t len);
/** The same in place of what out held; returns it as a C string. */
const char *text_set(struct buf *out, const char *bytes, size_t len);

#endif
