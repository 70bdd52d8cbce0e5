/* SPDX-License-Identifier: Apache-2.0 */
/** One connection to the broker: reach it, log in, read frames, back off. */
#ifndef HYP_BUS_AMQP_LINK_H
#define HYP_BUS_AMQP_LINK_H

#include <amqp.h>
#include <amqp_framing.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/log.h"
#include "common/bus/amqp_tls.h"
#include "common/bus/bus_amqp.h"

enum {
    LINK_REASON_MAX = 640,
    LINK_NAME_MAX = 128,
    LINK_SERVER_MAX = 264, /* [host]:port */
    LINK_RPC_TIMEOUT_S = 10, /* to declare may take a while */
    LINK_ASK_TIMEOUT_S = 5   /* while events flow: half of what makes a process
                                look as if it hung */
};

enum link_state {
    LINK_DOWN,       /**< until retry_ms */
    LINK_CONNECTING, /**< TCP only; until deadline_ms */
    LINK_UP          /**< logged in */
};

/** What the user of the bus is told next about this link. */
enum link_news {
    LINK_NO_NEWS,
    LINK_NEWS_UP,
    LINK_NEWS_LOST
};

struct amqp_link {
    const struct bus_amqp_conf *conf;
    struct log_complaint *away; /**< shared by the links of a bus */
    char name[LINK_NAME_MAX];
    enum link_state state;
    enum link_news news;
    bool known;      /**< the user was told that it is up, and not yet lost */
    size_t turn;     /**< of the servers: 0 is conf's host */
    size_t n_failed; /**< one after the other, this round */
    char server[LINK_SERVER_MAX]; /**< the one in turn, for people */
    int fd;
    struct addrinfo *addresses;
    struct addrinfo *address; /**< being tried */
    int64_t deadline_ms;
    int64_t retry_ms;
    int64_t backoff_ms;
    int64_t up_ms;
    int64_t served_ms; /**< last time the library could keep heartbeats */
    int64_t heard_ms;  /**< last time the broker was seen to send something */
    int64_t heartbeat_ms; /**< as agreed with the broker; 0: none */
    amqp_connection_state_t conn;
    amqp_connection_state_t dead; /**< kept for what a delivery borrows */
    struct amqp_tls tls;          /**< of conn */
    bool can_ask;                 /**< the channel for questions is open */
    bool readable;                /**< there may be something in the socket */
    char reason[LINK_REASON_MAX];
};

/** Borrows conf and away. suffix tells the broker which connection it is. */
void amqp_link_init(struct amqp_link *link, const struct bus_amqp_conf *conf,
                    struct log_complaint *away, const char *name,
                    const char *suffix);
/** In order when the broker answers within a second. */
void amqp_link_fini(struct amqp_link *link);
/** Go on connecting; true when it has just logged in. */
bool amqp_link_advance(struct amqp_link *link, int64_t now_ms);
/** Close as it is, remember why, come back later. */
void amqp_link_lose(struct amqp_link *link, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Nothing of the connection lost last is borrowed any more. */
void amqp_link_bury(struct amqp_link *link);
/** From now on an answer is waited for so long, where there is a connection. */
void amqp_link_be_patient(struct amqp_link *link, int seconds);
/** Whether a synchronous method went well; else the link is lost, for this
 *  reason. what: "declare queue Engine_x". */
bool amqp_link_check(struct amqp_link *link, amqp_rpc_reply_t reply,
                     const char *what);
/** A complaint of the broker in words. */
void amqp_reply_describe(amqp_rpc_reply_t reply, char *out, size_t size);
/** The next frame, without waiting; false when there is none, or when the
 *  link was lost. Frames that close the channel or connection lose it. */
bool amqp_link_read(struct amqp_link *link, amqp_frame_t *frame);
/** What poll(2) said of the socket. */
void amqp_link_note(struct amqp_link *link, short revents, int64_t now_ms);
/** Whether nothing came for longer than a living broker is silent. */
bool amqp_link_is_silent(const struct amqp_link *link, int64_t now_ms);
/** Tell the broker that we live, without reading what it sends. */
void amqp_link_beat(struct amqp_link *link, int64_t now_ms);
/** How long poll(2) may sleep for this link's sake. */
int64_t amqp_link_wait_ms(const struct amqp_link *link, int64_t now_ms);
/** The socket and what to wait for on it; -1 when there is none. */
int amqp_link_fd(const struct amqp_link *link, short *events);

#endif
