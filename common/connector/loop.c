/* SPDX-License-Identifier: Apache-2.0 */
/** The sockets of a process under one poll(). */
#include "common/connector/loop.h"

#include <poll.h>
#include <stdlib.h>

#include "common/base/err.h"
#include "common/base/mem.h"

struct loop {
    struct loop_watch **watches; /* NULL: removed, until it is cleaned up */
    size_t n;
    struct pollfd *items;
    size_t room;
};

struct loop *loop_new(void)
{
    return xcalloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    free(loop->watches);
    free(loop->items);
    free(loop);
}

void loop_add(struct loop *loop, struct loop_watch *watch)
{
    loop->watches = xrealloc_array(loop->watches, loop->n + 1, sizeof(void *));
    watch->at = loop->n;
    loop->watches[loop->n++] = watch;
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
    BUG_IF(watch->at >= loop->n || loop->watches[watch->at] != watch);
    loop->watches[watch->at] = NULL;
}

static void clean_up(struct loop *loop)
{
    size_t kept = 0;

    for (size_t i = 0; i < loop->n; i++) {
        if (loop->watches[i] != NULL) {
            loop->watches[i]->at = kept;
            loop->watches[kept++] = loop->watches[i];
        }
    }
    loop->n = kept;
}

static void fill(struct loop *loop, const int *more, size_t n_more)
{
    size_t n = loop->n + n_more;

    if (n > loop->room) {
        loop->items = xrealloc_array(loop->items, n, sizeof *loop->items);
        loop->room = n;
    }
    for (size_t i = 0; i < loop->n; i++) {
        const struct loop_watch *watch = loop->watches[i];

        /* A socket that is not watched does not tell its errors either. */
        loop->items[i] = (struct pollfd){
            .fd = watch->events != 0 ? watch->fd : -1, .events = watch->events};
    }
    for (size_t i = 0; i < n_more; i++) {
        loop->items[loop->n + i] =
            (struct pollfd){.fd = more[i], .events = POLLIN};
    }
}

void loop_wait(struct loop *loop, const int *more, size_t n_more,
               int timeout_ms)
{
    size_t n;

    clean_up(loop);
    fill(loop, more, n_more);
    n = loop->n;
    if (poll(loop->items, n + n_more, timeout_ms) <= 0) {
        return;
    }
    /* What is added meanwhile stands behind and waits for the next time. */
    for (size_t i = 0; i < n; i++) {
        struct loop_watch *watch = loop->watches[i];

        if (watch != NULL && loop->items[i].revents != 0) {
            watch->fn(watch->ctx, loop->items[i].revents);
        }
    }
}
