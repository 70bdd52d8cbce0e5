/* SPDX-License-Identifier: Apache-2.0 */
/** The sockets of a process under one poll(): who is called when. */
#ifndef HYP_CONNECTOR_LOOP_H
#define HYP_CONNECTOR_LOOP_H

#include <stddef.h>

struct loop;
struct pollfd;

/** revents as of poll(). May add and remove any watch, its own too. */
typedef void loop_fn(void *ctx, short revents);

/** One socket; embed it. events may be changed at any time. */
struct loop_watch {
    int fd;
    short events; /**< POLLIN, POLLOUT; 0: not watched for now */
    loop_fn *fn;
    void *ctx;
    size_t at; /**< the loop's own */
};

struct loop *loop_new(void);
/** The watches are their owners'. */
void loop_free(struct loop *loop);
/** Borrows watch until it is removed. */
void loop_add(struct loop *loop, struct loop_watch *watch);
void loop_remove(struct loop *loop, struct loop_watch *watch);
/** Wait at most timeout_ms for the watched sockets and these further ones
 *  (they only end the wait), and call whom it concerns. */
void loop_wait(struct loop *loop, const int *more, size_t n_more,
               int timeout_ms);

#endif
