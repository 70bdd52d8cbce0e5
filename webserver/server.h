/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The API server: what its handlers share, and one loop over HTTP and bus.
 * Store and bus come from outside, so that tests bring their own.
 */
#ifndef HYP_WEBSERVER_SERVER_H
#define HYP_WEBSERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus/bus.h"
#include "common/conf/conf.h"
#include "common/event/event_json.h"
#include "common/points/points_store.h"
#include "common/store/store.h"
#include "webserver/deadlines.h"
#include "webserver/health.h"
#include "webserver/http.h"
#include "webserver/own_event.h"
#include "webserver/publisher.h"
#include "webserver/waiters.h"

enum {
    SERVER_ID_MAX = 32
};

/** Queues: where events enter, where actions go, where changes come from. */
#define WEB_QUEUE_EVENTS  "Engine_cleaner"
#define WEB_QUEUE_ACTIONS "Engine_alarm.actions"
#define WEB_QUEUE_ALERTS  "webserver.alerts"
#define WEB_QUEUE_DEAD    "Engine_dead"

/** Section [webserver] of webserver.conf. */
struct web_conf {
    char *listen;
    int64_t port;
    char *key;
    int64_t body_bytes;
    int64_t header_bytes;
    int64_t query_bytes;
    int64_t connections;
    int64_t idle_ms;
    int64_t receive_ms;
    int64_t publish_ms;
    int64_t alarm_partitions; /**< of engine-alarm: where actions go */
    int64_t answer_ms;
    int64_t actions;
    int64_t points;
    struct conf_list extra_event_types;
    struct conf_list expect;
    char *run_folder;
    bool metrics_file;
    bool metrics_key; /**< /metrics wants the API key */
    char *exchange_name;
    int64_t self_ms;   /**< between two events about itself; 0: none */
    int64_t missed_ms; /**< a process not ready for so long is a problem */
    int64_t disk_minor, disk_major; /**< percent free */
};

extern const struct conf_option web_options[];

/** Counters since the start, for the status file. */
struct web_counts {
    uint64_t requests, refused, events, actions;
};

struct server {
    const struct web_conf *conf;
    struct store *store; /**< borrowed; NULL while it is away */
    char store_reason[256];
    struct store_fence fence; /**< of the webserver's own collections */
    bool fenced;              /**< fence is raised */
    struct bus *bus;          /**< borrowed */
    struct publisher publisher;
    struct waiters waiters;
    struct deadlines deadlines;
    size_t alerts; /**< number of the queue of alarm changes */
    bool alerts_up;
    struct http_options http_options;
    struct http_app http_app;
    struct http *http;
    struct health health;
    struct own_event own_event;
    struct event_limits limits;
    const char **extra_types; /* NULL-terminated, of limits */
    struct event_parser *parser;
    struct doc_out *doc;          /**< scratch of one handler call */
    struct points_newest *newest; /**< of the metrics under way, by number */
    size_t n_newest;
    int64_t started_ms;
    char id[SERVER_ID_MAX + 1]; /**< random, of this process */
    uint64_t n_postings;        /**< with it: the ids of its messages */
    struct web_counts counts;
};

/** Listen and consume. conf and bus are borrowed; server is the caller's
 *  memory and not moved. ERR_INVALID and ERR_UNAVAILABLE with why. */
MUST_CHECK enum err server_open(struct server *server,
                                const struct web_conf *conf, struct bus *bus,
                                struct errbuf *why);
void server_close(struct server *server);
/** The store (of the writer "webserver") came or went; reason (why there is
 *  none) is copied. */
void server_set_store(struct server *server, struct store *store,
                      const char *reason);
/** Whether it can answer everything: store and bus are there. */
bool server_is_ready(const struct server *server, struct errbuf *why);
/** The parts of that, each with why not (may be NULL). */
bool server_store_good(const struct server *server, struct errbuf *why);
bool server_bus_good(const struct server *server, struct errbuf *why);
/** Room on the disk of the status files; false: not known. */
bool server_disk(const struct server *server, double *free_bytes,
                 double *bytes);
/** Wait at most timeout_ms for something to do and do it. ERR_UNAVAILABLE:
 *  the bus cannot go on. */
MUST_CHECK enum err server_step(struct server *server, int timeout_ms);

#endif
