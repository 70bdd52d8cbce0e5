/* SPDX-License-Identifier: Apache-2.0 */
/** Cursors: where a scan stopped, as text that means nothing to its bearer. */
#ifndef HYP_STORE_STORE_CURSOR_H
#define HYP_STORE_STORE_CURSOR_H

#include "common/store/store_backend.h"

/** Append the text of a cursor behind the row. */
void store_cursor_format(const struct store_query *query,
                         const struct store_key *key, struct doc row,
                         struct buf *out);
/** Take query->cursor apart into plan, whose after_* then borrow from
 *  scratch. ERR_INVALID: not a cursor, or one of another query. */
MUST_CHECK enum err store_cursor_parse(const struct store_query *query,
                                       struct buf *scratch,
                                       struct store_scan_plan *plan,
                                       struct errbuf *why);

#endif
