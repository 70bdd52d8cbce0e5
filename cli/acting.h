/* SPDX-License-Identifier: Apache-2.0 */
/** What operators do to many at once: choose, ask, send, report. */
#ifndef HYP_CLI_ACTING_H
#define HYP_CLI_ACTING_H

#include "cli/listing.h"

struct acting {
    const char *path;     /**< of the list */
    const char *post;     /**< behind it: where it acts; NULL: "/actions" */
    const char *one;      /**< "alarm" */
    const char *many;     /**< "alarms" */
    const char *and_more; /**< what the action reaches beside them; "" */
    const struct column *columns;
    /** The id that a word means; *id is given. Returns the exit code. */
    int (*find)(struct hyp *hyp, const char *word, char **id);
    const char *type;  /**< a member, unless post names it */
    const char *extra; /**< further members, ",\"a\":1"; NULL: none */
    const char *all;   /**< the filter that --all stands for; NULL: none */
    bool asks;         /**< also for a single one */
};

/** Act on the ones that the words, --filter or --all name; asks first when they
 * are many, unless --yes. Returns the exit code. */
int acting_do(struct hyp *hyp, const struct acting *acting);
/** A find for what is named by its whole id. */
int acting_take_id(struct hyp *hyp, const char *word, char **id);
/** Add ,"name":"text" in JSON. */
void acting_add_text(struct buf *out, const char *name, const char *text);

#endif
