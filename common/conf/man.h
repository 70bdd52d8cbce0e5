/* SPDX-License-Identifier: Apache-2.0 */
/** Manual pages, in the man(7) form, of what a program tells of itself. */
#ifndef HYP_CONF_MAN_H
#define HYP_CONF_MAN_H

#include "common/base/buf.h"

/** Title and section NAME. section: 1 (users) or 8 (administration). */
void man_begin(struct buf *out, const char *name, int section,
               const char *summary);
/** A heading; what follows is below it. */
void man_section(struct buf *out, const char *title);
void man_subsection(struct buf *out, const char *title);
/** A paragraph, filled; an empty line in text begins the next one. */
void man_text(struct buf *out, const char *text);
/** A tag that is printed bold (value, which may be NULL, underlined behind
 *  it), and what it means as an indented paragraph. */
void man_item(struct buf *out, const char *tag, const char *value,
              const char *text);
/** Lines as they are. */
void man_lines(struct buf *out, const char *text);

#endif
