/* SPDX-License-Identifier: Apache-2.0 */
/** How many partitions each engine has: partitions.conf, the one place that
 *  says so to the engines, those who send to them and those who start them. */
#ifndef HYP_BUS_PARTITIONS_H
#define HYP_BUS_PARTITIONS_H

#include "common/conf/conf.h"

enum {
    PARTITIONS_MAX = 256
};

/** Section [partitions] of partitions.conf. */
struct partitions {
    struct conf_list engines; /**< "alarm*4"; who is not there has one */
};

extern const struct conf_option partitions_options[];

/** Take "name" or "name*N" apart: bytes of the name, and N (1 without). False
 *  when it is neither, or N is not within 1..PARTITIONS_MAX. */
bool partitions_parse(const char *text, size_t *len, int64_t *n);
/** Whether each of the list is "name*N", and no name stands twice.
 *  ERR_INVALID with what is expected. */
MUST_CHECK enum err partitions_check(const struct partitions *partitions,
                                     struct errbuf *why);
/** Of a list that partitions_check has let pass. */
int64_t partitions_of(const struct partitions *partitions, const char *engine);
/** In a list of engines as senders have it, say how many partitions those
 *  have that stand there by their bare names: "alarm" becomes "alarm*4". */
void partitions_spell(const struct partitions *partitions,
                      struct conf_list *list);
/** In a list of processes, "engine-alarm" becomes "engine-alarm.0"... */
void partitions_spread(const struct partitions *partitions,
                       struct conf_list *list);

#endif
