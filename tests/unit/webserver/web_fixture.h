/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The whole server on memory store and broker behind a real socket, stepped
 * by the test itself: no second thread, no waiting.
 */
#ifndef HYP_TESTS_WEB_FIXTURE_H
#define HYP_TESTS_WEB_FIXTURE_H

#include "common/bus/bus_memory.h"
#include "common/store/store_memory.h"
#include "webserver/server.h"

#define WEB_KEY "0123456789abcdef0123456789abcdef"

struct web_fixture;

/** Called between steps: answer actions, cut connections, ... */
typedef void web_hook_fn(struct web_fixture *fixture);

struct web_fixture {
    struct web_conf conf;
    struct conf_part part;
    struct conf *conf_handle;
    struct store_memory *memory;
    struct store *store;
    struct broker *broker;
    struct bus *bus;
    struct server server;
    web_hook_fn *hook;
    size_t hook_count; /* for the hook's own use */
    bool hang_up;      /* set by the hook: the client waits no longer */
    char folder[64];   /* run_folder, empty */
    /* the last answer */
    int status;
    struct buf head, body;
    struct doc_out *docs;
    struct doc doc; /* empty when the body is no JSON object */
};

/** Start; set: "key=value" overrides of [webserver], ended by NULL, or NULL. */
void web_start(struct web_fixture *fixture, const char *const *set);
void web_stop(struct web_fixture *fixture);
/** Put a row given as JSON; the key is its member "_key" (or "id"), "_a" and
 *  "_b" the numbers. */
void web_put(struct web_fixture *fixture, enum store_collection into,
             const char *json);
/** Send these bytes and read until the server closes or has answered nothing
 *  for `steps` rounds. Fills the answer; status 0: none came. */
void web_raw(struct web_fixture *fixture, const void *data, size_t len);
/** A request with the right key; body NULL: GET, else POST. */
void web_call(struct web_fixture *fixture, const char *path, const char *body);
/** The same with a method, further header lines ("A: b\r\n") and without the
 *  key unless headers hold it. */
void web_method(struct web_fixture *fixture, const char *method,
                const char *path, const char *headers, const char *body);
/** Step until nothing happens any more. */
void web_settle(struct web_fixture *fixture);
/** Text at a path of the answer ("items.0.id"), as JSON; "" when missing.
 *  Valid until the next call. */
const char *web_at(struct web_fixture *fixture, const char *path);

#endif
