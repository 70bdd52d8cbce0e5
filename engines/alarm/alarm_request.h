/* SPDX-License-Identifier: Apache-2.0 */
/** An action as it comes through the action queue: JSON, by alarm id or by
 *  entity. */
#ifndef HYP_ENGINES_ALARM_ALARM_REQUEST_H
#define HYP_ENGINES_ALARM_ALARM_REQUEST_H

#include "common/base/buf.h"
#include "common/engine/engine.h"

/** What reading one needs; zeroed, then kept from one to the next. */
struct alarm_request {
    struct doc_out *out;
    struct buf entity_id;
    struct buf rk;
};

void alarm_request_init(struct alarm_request *request);
void alarm_request_fini(struct alarm_request *request);
/**
 * Read a message into an event, which borrows from request until the next
 * one. ERR_INVALID with the field; the event then holds what could be read,
 * its action_id above all, so that its sender can be told.
 */
MUST_CHECK enum err alarm_request_read(struct alarm_request *request,
                                       const struct bus_delivery *delivery,
                                       int64_t now_ms, struct event *event,
                                       struct errbuf *why);

#endif
