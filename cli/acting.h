/* SPDX-License-Identifier: Apache-2.0 */
/** What operators do to alarms and entities: choose, ask, send, report. */
#ifndef HYP_CLI_ACTING_H
#define HYP_CLI_ACTING_H

#include "cli/listing.h"

struct acting {
    const char *path;     /**< of the list; "/actions" behind it acts */
    const char *one;      /**< "alarm" */
    const char *many;     /**< "alarms" */
    const char *and_more; /**< what the action reaches beside them; "" */
    const struct column *columns;
    /** The id that a word means; *id is given. Returns the exit code. */
    int (*find)(struct hyp *hyp, const char *word, char **id);
    const char *type;
    const char *extra; /**< further members, ",\"a\":1"; NULL: none */
    bool asks;         /**< also for a single one */
};

/** Act on the ones that the words or --filter name; asks first when they are
 *  many, unless --yes. Returns the exit code. */
int acting_do(struct hyp *hyp, const struct acting *acting);
/** Add ,"name":"text" in JSON. */
void acting_add_text(struct buf *out, const char *name, const char *text);

#endif
