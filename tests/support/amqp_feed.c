/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A publisher that loses nothing, for the tests that kill things: messages go
 * out in order, with confirms and a message-id each, and after a lost
 * connection everything from the oldest unconfirmed goes out again under the
 * same ids. The broker is named by environment (amqp_env.h).
 */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/amqp_env.h"

enum {
    CHANNEL = 1,
    FRAME_BYTES = 128 * 1024,
    WINDOW = 200,
    RECONNECT_NS = 100 * 1000 * 1000,
    FRAME_WAIT_US = 10 * 1000,
    HEARTBEAT_S = 5,
    ID_MAX = 256,
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: amqp_feed PREFIX FILE\n"
    "Publish each line EXCHANGE<tab>ROUTING-KEY<tab>BODY of FILE under\n"
    "message-id PREFIX-<line>. Standard input says how far, a number of lines\n"
    "each time; its end means all. Prints the number of lines confirmed as it\n"
    "grows.\n";

struct feed {
    struct bus_amqp_conf conf;
    const char *prefix;
    char **lines;
    bool *confirmed; /* by line */
    size_t n_lines;
    size_t allowed;
    size_t oldest; /* unconfirmed */
    size_t next;   /* to be sent */
    bool connected;
    bool failed;
    bool input_open;
    amqp_connection_state_t conn;
    size_t first_tag_line; /* line of delivery tag 1 of this connection */
    char input[ID_MAX];
    size_t input_len;
};

static void add_line(struct feed *feed, char *line, size_t *room)
{
    if (feed->n_lines == *room) {
        *room = *room == 0 ? WINDOW : 2 * *room;
        feed->lines = xrealloc_array(feed->lines, *room, sizeof *feed->lines);
    }
    feed->lines[feed->n_lines++] = line;
}

static bool read_lines(struct feed *feed, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    size_t room = 0;
    ssize_t len;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((len = getline(&line, &size, file)) > 0) {
        line[len - 1] = '\0';
        add_line(feed, xstrdup(line), &room);
    }
    free(line);
    (void)fclose(file);
    feed->confirmed = xcalloc(feed->n_lines + 1, sizeof *feed->confirmed);
    return true;
}

static void disconnect(struct feed *feed)
{
    if (feed->conn != NULL) {
        (void)amqp_destroy_connection(feed->conn);
    }
    feed->conn = NULL;
    feed->connected = false;
    feed->next = feed->oldest;
    feed->first_tag_line = feed->oldest;
}

static bool try_connect(struct feed *feed)
{
    amqp_socket_t *socket;

    feed->conn = amqp_new_connection();
    socket = amqp_tcp_socket_new(feed->conn);
    if (amqp_socket_open(socket, feed->conf.host, (int)feed->conf.port) !=
            AMQP_STATUS_OK ||
        amqp_login(feed->conn, feed->conf.vhost, 0, FRAME_BYTES, HEARTBEAT_S,
                   AMQP_SASL_METHOD_PLAIN, feed->conf.user, feed->conf.password)
                .reply_type != AMQP_RESPONSE_NORMAL ||
        amqp_channel_open(feed->conn, CHANNEL) == NULL ||
        amqp_confirm_select(feed->conn, CHANNEL) == NULL) {
        return false;
    }
    return true;
}

static void connect_again(struct feed *feed)
{
    const struct timespec wait = {.tv_nsec = RECONNECT_NS};

    disconnect(feed);
    if (try_connect(feed)) {
        feed->connected = true;
    } else {
        disconnect(feed);
        (void)amqp_env_next(&feed->conf);
        (void)nanosleep(&wait, NULL);
    }
}

/* What stands before the next tab; at behind it. */
static amqp_bytes_t take_field(char **at)
{
    size_t len = strcspn(*at, "\t");
    const amqp_bytes_t field = {.len = len, .bytes = *at};

    *at += len + ((*at)[len] == '\t' ? 1 : 0);
    return field;
}

static void publish_next(struct feed *feed)
{
    char *body = feed->lines[feed->next];
    amqp_bytes_t exchange = take_field(&body);
    amqp_bytes_t key = take_field(&body);
    char id[ID_MAX];
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                  AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .user_id = amqp_cstring_bytes(feed->conf.user),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT};

    (void)snprintf(id, sizeof id, "%s-%zu", feed->prefix, feed->next);
    properties.message_id = amqp_cstring_bytes(id);
    if (amqp_basic_publish(feed->conn, CHANNEL, exchange, key, 1, 0,
                           &properties,
                           amqp_cstring_bytes(body)) != AMQP_STATUS_OK) {
        disconnect(feed);
        return;
    }
    feed->next++;
}

static void tell(const struct feed *feed)
{
    (void)printf("%zu\n", feed->oldest);
    (void)fflush(stdout);
}

/* A nack makes everything from the oldest unconfirmed go out again. */
static void settle(struct feed *feed, uint64_t tag, bool multiple, bool taken)
{
    size_t last = feed->first_tag_line + (size_t)tag - 1;
    size_t first = multiple ? feed->oldest : last;

    if (!taken) {
        disconnect(feed);
        return;
    }
    for (size_t i = first; i <= last && i < feed->n_lines; i++) {
        feed->confirmed[i] = true;
    }
    if (feed->confirmed[feed->oldest]) {
        while (feed->oldest < feed->n_lines && feed->confirmed[feed->oldest]) {
            feed->oldest++;
        }
        tell(feed);
    }
}

static void on_method(struct feed *feed, const amqp_method_t *method)
{
    if (method->id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = method->decoded;

        settle(feed, ack->delivery_tag, ack->multiple, true);
    } else if (method->id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *nack = method->decoded;

        settle(feed, nack->delivery_tag, nack->multiple, false);
    } else if (method->id == AMQP_BASIC_RETURN_METHOD) {
        (void)fputs("amqp_feed: no queue takes a message\n", stderr);
        feed->failed = true;
    } else {
        disconnect(feed);
    }
}

static void read_frame(struct feed *feed)
{
    struct timeval wait = {.tv_usec = FRAME_WAIT_US};
    amqp_frame_t frame;
    int status;

    amqp_maybe_release_buffers(feed->conn);
    status = amqp_simple_wait_frame_noblock(feed->conn, &frame, &wait);
    if (status == AMQP_STATUS_TIMEOUT) {
        return;
    }
    if (status != AMQP_STATUS_OK) {
        disconnect(feed);
    } else if (frame.frame_type == AMQP_FRAME_METHOD) {
        on_method(feed, &frame.payload.method);
    }
}

static void take_input_line(struct feed *feed)
{
    int64_t most;

    feed->input[feed->input_len] = '\0';
    feed->input_len = 0;
    if (str_to_i64(feed->input, 0, (int64_t)feed->n_lines, &most) == ERR_OK) {
        feed->allowed = (size_t)most;
    } else {
        (void)fprintf(stderr, "amqp_feed: \"%s\": expected a number\n",
                      feed->input);
        feed->failed = true;
    }
}

static void read_input(struct feed *feed)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char c;

    while (feed->input_open && poll(&in, 1, 0) > 0) {
        if (read(STDIN_FILENO, &c, 1) != 1) {
            feed->input_open = false;
            feed->allowed = feed->n_lines;
        } else if (c == '\n') {
            take_input_line(feed);
        } else if (feed->input_len < sizeof feed->input - 1) {
            feed->input[feed->input_len++] = c;
        }
    }
}

static void step(struct feed *feed)
{
    read_input(feed);
    if (!feed->connected) {
        connect_again(feed);
    } else if (feed->next < feed->allowed &&
               feed->next - feed->oldest < WINDOW) {
        publish_next(feed);
    } else {
        read_frame(feed);
    }
}

static void release(struct feed *feed)
{
    for (size_t i = 0; i < feed->n_lines; i++) {
        free(feed->lines[i]);
    }
    free(feed->lines);
    free(feed->confirmed);
    if (feed->connected) {
        (void)amqp_connection_close(feed->conn, AMQP_REPLY_SUCCESS);
    }
    disconnect(feed);
    amqp_env_fini(&feed->conf);
}

int main(int argc, char **argv)
{
    struct feed feed = {.input_open = true};

    if (argc != 3) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (!amqp_env_read(&feed.conf)) {
        return EXIT_FAILURE;
    }
    feed.prefix = argv[1];
    feed.failed = !read_lines(&feed, argv[2]);
    while (!feed.failed && (feed.input_open || feed.oldest < feed.n_lines)) {
        step(&feed);
    }
    release(&feed);
    return feed.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
