/* SPDX-License-Identifier: Apache-2.0 */
/** collectd's binary network protocol: a datagram in, value lists and
 *  notifications out. Reads no clock and keeps nothing between datagrams. */
#ifndef HYP_CONNECTOR_COLLECTD_NETWORK_H
#define HYP_CONNECTOR_COLLECTD_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum {
    NETWORK_NAME_MAX = 255,     /**< bytes of a name; collectd sends 127 */
    NETWORK_MESSAGE_MAX = 1023, /**< of a notification; collectd sends 255 */
    NETWORK_DATAGRAM_MAX = 65535
};

/** How sure it is who sent it. */
enum network_level {
    NETWORK_PLAIN,
    NETWORK_SIGNED,
    NETWORK_ENCRYPTED
};

enum network_type {
    NETWORK_COUNTER,
    NETWORK_GAUGE,
    NETWORK_DERIVE,
    NETWORK_ABSOLUTE
};

/** What the parts before one say; bytes as sent, in no known encoding. */
struct network_name {
    char host[NETWORK_NAME_MAX + 1];
    char plugin[NETWORK_NAME_MAX + 1];
    char plugin_instance[NETWORK_NAME_MAX + 1];
    char type[NETWORK_NAME_MAX + 1];
    char type_instance[NETWORK_NAME_MAX + 1];
    int64_t time_ms;     /**< 0: not told */
    int64_t interval_ms; /**< 0: not told */
};

struct network_values {
    const struct network_name *name;
    size_t n;
    const uint8_t *types; /**< n of enum network_type */
    const uint8_t *bytes; /**< 8 for each, see network_value() */
};

/** A notification: severity 1 failure, 2 warning, 4 okay. */
struct network_notice {
    const struct network_name *name;
    uint64_t severity;
    char message[NETWORK_MESSAGE_MAX + 1];
};

/** Where what is read goes, in order; all borrowed for the call. */
struct network_sink {
    void *ctx;
    void (*values)(void *ctx, const struct network_values *values);
    void (*notice)(void *ctx, const struct network_notice *notice);
    /** A user's password (borrowed), or NULL. */
    const char *(*password)(void *ctx, const char *user);
};

/**
 * Read a datagram.
 *
 * need  what is below this level is refused.
 * got   gets the highest level that was proven.
 * Returns ERR_OK; ERR_INVALID with why at the first thing that is wrong: what
 * stands before it was given, nothing after it. A signature is checked before
 * anything that it covers is given.
 */
MUST_CHECK enum err network_read(const struct network_sink *sink,
                                 const void *data, size_t len,
                                 enum network_level need,
                                 enum network_level *got, struct errbuf *why);

/** The i-th value as a number. */
double network_value(const struct network_values *values, size_t i);

#endif
