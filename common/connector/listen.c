/* SPDX-License-Identifier: Apache-2.0 */
/** Sockets that wait for senders. */
#include "common/connector/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 128,
    MAPPED_AT = 12, /* where IPv4 stands in an address of IPv6 */
    DATAGRAM_ROOM = 4 * 1024 * 1024 /* asked for; the kernel gives its limit */
};

/* Bytes of the address, 0 when it is none. */
static socklen_t fill(const char *address, int port,
                      struct sockaddr_storage *out)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    bool any = strcmp(address, "*") == 0;

    memset(out, 0, sizeof *out);
    if (any || inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        return sizeof *six;
    }
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        return sizeof *four;
    }
    return 0;
}

static void set_options(int fd, int family, int type, bool any)
{
    const int on = 1;
    const int only_six = !any;
    const int room = DATAGRAM_ROOM;

    if (type == SOCK_STREAM) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six,
                         sizeof only_six);
    }
}

static bool start(int fd, const struct sockaddr_storage *address, socklen_t len,
                  int type)
{
    return bind(fd, (const struct sockaddr *)address, len) == 0 &&
           (type != SOCK_STREAM || listen(fd, BACKLOG) == 0);
}

enum err listen_open(const char *address, int port, int type, int *fd,
                     struct errbuf *why)
{
    struct sockaddr_storage where;
    socklen_t len = fill(address, port, &where);
    int made;

    if (len == 0) {
        errbuf_set(why,
                   "listen: \"%.100s\"; expected an address as number, "
                   "or *",
                   address);
        return ERR_INVALID;
    }
    made = socket(where.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made >= 0) {
        set_options(made, where.ss_family, type, strcmp(address, "*") == 0);
    }
    if (made < 0 || !start(made, &where, len, type)) {
        errbuf_set(why, "cannot listen on %s port %d: %s", address, port,
                   strerror(errno));
        if (made >= 0) {
            (void)close(made);
        }
        return ERR_UNAVAILABLE;
    }
    *fd = made;
    return ERR_OK;
}

const char *listen_peer(const struct sockaddr_storage *address,
                        char text[PEER_TEXT_MAX])
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;

    text[0] = '\0';
    if (address->ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &four->sin_addr, text, PEER_TEXT_MAX);
    } else if (address->ss_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            (void)inet_ntop(AF_INET, &six->sin6_addr.s6_addr[MAPPED_AT], text,
                            PEER_TEXT_MAX);
        } else {
            (void)inet_ntop(AF_INET6, &six->sin6_addr, text, PEER_TEXT_MAX);
        }
    }
    return text;
}
