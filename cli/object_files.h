/* SPDX-License-Identifier: Apache-2.0 */
/** Objects as people keep them: files and folders of JSON and YAML. */
#ifndef HYP_CLI_OBJECT_FILES_H
#define HYP_CLI_OBJECT_FILES_H

#include "cli/hyp.h"
#include "common/doc/doc.h"

/** One object, borrowed, with where it stands ("rules.json, object 2").
 *  Returns whether to go on. */
typedef bool object_files_fn(void *ctx, const char *where, struct doc object);

/** Give each object of a file (JSON: one, an array, or one a line; YAML: one or
 *  a sequence in each of its documents), of standard input ("-"), or of a
 *  folder's files that end in .json, .yaml or .yml, by name. Returns HYP_DONE;
 *  HYP_USAGE when one cannot be read, told. */
int object_files_each(const char *path, object_files_fn *fn, void *ctx);
/** Append a file's or standard input's content; false: told. */
bool object_files_read(const char *path, struct buf *out);

#endif
