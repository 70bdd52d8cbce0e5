/* SPDX-License-Identifier: Apache-2.0 */
/** Writing partitions.conf and the program files that follow from it. */
#ifndef HYP_CONTROL_REWRITER_H
#define HYP_CONTROL_REWRITER_H

#include "control/repartition.h"

enum {
    REWRITER_LIST_MAX = 16384
};

/** Put the list ("alarm*4, context*4"; "" none) into partitions.conf and have
 *  setup make the program files. ERR_UNAVAILABLE. */
MUST_CHECK enum err rewriter_write(const struct rewriter *rewriter,
                                   const char *list, struct errbuf *why);

#endif
