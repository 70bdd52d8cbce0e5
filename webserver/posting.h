/* SPDX-License-Identifier: Apache-2.0 */
/** Events from a request's body to the broker, with an answer per item. */
#ifndef HYP_WEBSERVER_POSTING_H
#define HYP_WEBSERVER_POSTING_H

#include <stddef.h>

#include "webserver/server.h"

enum posting_style {
    POSTING_API,
    POSTING_2015, /**< {total, data, success} */
    POSTING_2024  /**< {sent_events, failed_events, retry_events} */
};

/** Validate, publish, and answer the request when the broker has confirmed
 *  or publish_timeout is over. text is borrowed for the call. */
void posting_start(struct server *server, struct request *request,
                   enum posting_style style, const char *text, size_t len);

#endif
