/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What people call the marks of an alarm in filters: acked, snoozed, ticketed,
 * commented, cancelled stand for "the field that holds it is set".
 */
#ifndef HYP_WEBSERVER_MARKS_H
#define HYP_WEBSERVER_MARKS_H

#include "common/base/err.h"
#include "common/filter/filter.h"

/** Put in place of *filter one whose words for marks are the alarms' fields.
 *  *filter is freed and given anew; left alone on failure. */
MUST_CHECK enum err marks_resolve(struct filter **filter, struct errbuf *why);

#endif
