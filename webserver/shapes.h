/* SPDX-License-Identifier: Apache-2.0 */
/** What bodies and answers look like: the schemas of the API's description. */
#ifndef HYP_WEBSERVER_SHAPES_H
#define HYP_WEBSERVER_SHAPES_H

#include "common/base/buf.h"

/**
 * Members are "name:type" with blanks between them. Types: text, number,
 * whole, bool, time, object, any, texts, or another shape as #name, of which
 * [#name] is an array. With ? behind it, it may be null; with ~ too or alone,
 * it may be missing. Others may stand beside them.
 */
struct shape {
    const char *name;
    const char *members;
    const char *doc;      /**< one line */
    const char *statuses; /**< of an answer, blanks between; NULL: "200" */
    const char *media;    /**< NULL: application/json */
    const char *schema;   /**< instead of members, as JSON */
};

/** By its name; of "name[]", a list of those. It must be there. */
const struct shape *shapes_find(const char *name);
/** Append the schema that stands for it ("name[]": a list of those). */
void shapes_add_reference(const char *name, struct buf *out);
/** Append an object of all schemas by their names. */
void shapes_add_all(struct buf *out);

#endif
