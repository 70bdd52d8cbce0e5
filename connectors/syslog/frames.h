/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Messages in a stream (RFC 6587): counted ("11 <13>message"), or each ended
 * by a newline or NUL; both may stand in one stream. Pure.
 */
#ifndef HYP_CONNECTORS_SYSLOG_FRAMES_H
#define HYP_CONNECTORS_SYSLOG_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

/** Of one stream; zeroed at its begin. */
struct frames {
    size_t skip;    /**< bytes to come of a counted message that was cut */
    bool skip_line; /**< up to the end of a line that was cut */
};

struct frame {
    const char *data; /**< NULL: nothing but bytes to pass over */
    size_t len;
    bool cut;            /**< it was longer than max: this is its beginning */
    size_t takes;        /**< bytes to pass over when it has been dealt with, */
    struct frames after; /**< and what is then to be known of the stream */
};

/**
 * Find the next message.
 *
 * max    bytes of a message that is given; what is longer is cut.
 * eof    nothing more will come: what is there ends here.
 * frame  borrows from data.
 * Returns false when more is needed.
 */
bool frames_next(const struct frames *frames, const char *data, size_t len,
                 size_t max, bool eof, struct frame *frame);

#endif
