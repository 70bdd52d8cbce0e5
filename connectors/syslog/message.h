/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One syslog message, in the form of RFC 5424, of RFC 3164, or of neither.
 * Never refused: what is not understood is text. Pure.
 */
#ifndef HYP_CONNECTORS_SYSLOG_MESSAGE_H
#define HYP_CONNECTORS_SYSLOG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/doc/doc.h"

enum {
    SYSLOG_DEFAULT_PRI = 13, /**< user.notice */
    SYSLOG_TAG_MAX = 64,     /**< bytes of a program's name, RFC 3164 */
    SYSLOG_ELEMENTS_MAX = 32,
    SYSLOG_PARAMETERS_MAX = 64 /**< of an element */
};

/** Part of a message, as sent, in whatever encoding. */
struct syslog_text {
    const char *text;
    size_t len;
};

/** A time as it stands there. */
struct syslog_time {
    bool given;
    bool has_zone;  /**< else it is the sender's local time */
    int year;       /**< 0: not told */
    int month, day; /**< from 1 */
    int hour, minute, second;
    int ms;
    int offset_min; /**< of the zone, east of UTC */
};

struct syslog_message {
    int facility; /**< 0..23 */
    int severity; /**< 0 emerg .. 7 debug */
    struct syslog_time time;
    struct syslog_text host; /**< empty: not told */
    struct syslog_text app;
    struct syslog_text procid;
    struct syslog_text msgid;
    struct syslog_text data; /**< structured data, with its brackets */
    struct syslog_text text; /**< without the mark of UTF-8 before it */
};

/** Take a message apart; all borrows from data. */
void syslog_parse(const char *data, size_t len, struct syslog_message *message);
/** Add structured data as members of the open document: {id: {name: value}},
 *  texts as UTF-8. What is no structured data adds nothing more. */
void syslog_add_data(struct syslog_text data, struct doc_out *out);
/** "kern", "user", ...; "emerg", "alert", ... */
const char *syslog_facility_name(int facility);
const char *syslog_severity_name(int severity);

#endif
