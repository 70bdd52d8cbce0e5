/* SPDX-License-Identifier: Apache-2.0 */
/** hypcontrol repartition: other numbers of partitions for an installation
 *  that runs, without a loss and without the sources noticing. */
#ifndef HYP_CONTROL_REPARTITION_H
#define HYP_CONTROL_REPARTITION_H

#include "control/suite.h"

/** Who may write the configuration: it can belong to root, while all else is
 *  done as the suite's user. */
struct rewriter;

/** Call before suite_open: keeps root's rights where the process has them.
 *  prefix as for suite_open. */
struct rewriter *rewriter_new(const char *prefix);
void rewriter_free(struct rewriter *rewriter);

struct repartition_request {
    const char *prefix; /**< as for suite_open */
    const char *const
        *numbers; /**< n of "alarm=4"; none: go on with the last */
    size_t n;
    bool dry_run;    /**< tell what would be done */
    int64_t wait_ms; /**< how long engines may take to drain; 0: 10 min */
    struct rewriter *rewriter;
};

/**
 * Do it; the suite is opened anew on the way. Whatever ends it in the middle:
 * the same call goes on.
 * ERR_OK: the engines run with the new numbers. ERR_INVALID: not possible;
 * ERR_CONFLICT, ERR_UNAVAILABLE: not now; why says what to do. Before anything
 * was moved the suite is then started as it was.
 */
MUST_CHECK enum err repartition_run(struct suite *suite,
                                    const struct repartition_request *request,
                                    struct errbuf *why);

#endif
