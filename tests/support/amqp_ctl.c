/* SPDX-License-Identifier: Apache-2.0 */
/** Publish to and read from a RabbitMQ as an outsider would: for tests and by
 *  hand. The broker is named by environment (amqp_env.h). */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/doc/doc.h"
#include "tests/support/amqp_env.h"

enum {
    CHANNEL = 1,
    FRAME_BYTES = 128 * 1024,
    WINDOW = 1000,
    PREFETCH = 500,
    RPC_S = 15,
    WAIT_STEP_S = 1,
    INPUT_MAX = 256 * 1024 * 1024,
    READ_BYTES = 8 * 1024,
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: amqp_ctl COMMAND [options]\n"
    "  publish [FILE]   each line as a message, confirmed; standard input\n"
    "                   when there is no FILE\n"
    "    -x EXCHANGE    default: the default exchange\n"
    "    -k KEY         routing key, or the queue's name\n"
    "    -t TYPE -i ID -u USER -s SECONDS   content type, message-id,\n"
    "                   user-id, timestamp; absent unless given\n"
    "    -d MODE        delivery mode 1 or 2; absent unless given\n"
    "    -n TIMES       the whole input again and again\n"
    "    -a             the whole input as one message\n"
    "    -m             mandatory: fail when no queue takes a message\n"
    "    -q             no confirms, as a careless sender\n"
    "  consume QUEUE    print bodies, a line each; acknowledge\n"
    "    -n COUNT       end after so many (default: at the end of the time)\n"
    "    -w SECONDS     end when nothing comes for so long (default 1)\n"
    "    -r             leave them in the queue: acknowledge nothing\n"
    "    -v             routing key and redelivered flag in front\n"
    "    -j             message-id in front, the suite's documents as JSON\n"
    "  listen EXCHANGE KEY   the same with a queue of its own; says\n"
    "                   \"listening\" on standard error when it is ready\n"
    "  bind QUEUE EXCHANGE KEY   a durable queue that gets what is published\n"
    "    -Q             a quorum queue\n"
    "  depth QUEUE      print the messages that are ready\n"
    "  purge QUEUE      empty it\n"
    "  delete QUEUE     remove it\n";

struct options {
    const char *exchange;
    const char *key;
    const char *type;
    const char *id;
    const char *user;
    int64_t seconds;
    int64_t mode;
    int64_t count;
    int64_t wait_s;
    bool whole;
    bool mandatory;
    bool quiet;
    bool leave;
    bool verbose;
    bool json;
    bool quorum;
};

struct session {
    amqp_connection_state_t conn;
    struct options options;
    uint64_t sent;
    uint64_t confirmed;
    uint64_t refused;
};

static int complain(const char *what, amqp_rpc_reply_t reply)
{
    const amqp_channel_close_t *close = reply.reply.decoded;

    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && close != NULL) {
        (void)fprintf(stderr, "amqp_ctl: %s: %u %.*s\n", what,
                      close->reply_code, (int)close->reply_text.len,
                      (const char *)close->reply_text.bytes);
    } else {
        (void)fprintf(stderr, "amqp_ctl: %s: %s\n", what,
                      amqp_error_string2(reply.library_error));
    }
    return EXIT_FAILURE;
}

static bool good(const struct session *s, const char *what)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(s->conn);

    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        return true;
    }
    (void)complain(what, reply);
    return false;
}

static bool connect_to(struct session *s, const struct bus_amqp_conf *conf)
{
    struct timeval rpc = {.tv_sec = RPC_S};
    amqp_socket_t *socket;
    amqp_rpc_reply_t reply;

    s->conn = amqp_new_connection();
    socket = amqp_tcp_socket_new(s->conn);
    if (amqp_socket_open(socket, conf->host, (int)conf->port) !=
        AMQP_STATUS_OK) {
        (void)fprintf(stderr, "amqp_ctl: cannot reach %s:%lld\n", conf->host,
                      (long long)conf->port);
        return false;
    }
    reply = amqp_login(s->conn, conf->vhost, 0, FRAME_BYTES, 0,
                       AMQP_SASL_METHOD_PLAIN, conf->user, conf->password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        (void)complain("login", reply);
        return false;
    }
    (void)amqp_set_rpc_timeout(s->conn, &rpc);
    (void)amqp_channel_open(s->conn, CHANNEL);
    return good(s, "open a channel");
}

static void add_text(amqp_basic_properties_t *properties, amqp_flags_t flag,
                     amqp_bytes_t *member, const char *text)
{
    if (text != NULL) {
        properties->_flags |= flag;
        *member = amqp_cstring_bytes(text);
    }
}

static amqp_basic_properties_t properties_of(const struct options *o)
{
    amqp_basic_properties_t p = {0};

    add_text(&p, AMQP_BASIC_CONTENT_TYPE_FLAG, &p.content_type, o->type);
    add_text(&p, AMQP_BASIC_MESSAGE_ID_FLAG, &p.message_id, o->id);
    add_text(&p, AMQP_BASIC_USER_ID_FLAG, &p.user_id, o->user);
    if (o->seconds >= 0) {
        p._flags |= AMQP_BASIC_TIMESTAMP_FLAG;
        p.timestamp = (uint64_t)o->seconds;
    }
    if (o->mode > 0) {
        p._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
        p.delivery_mode = (uint8_t)o->mode;
    }
    return p;
}

static void count_confirm(struct session *s, const amqp_method_t *method)
{
    const amqp_basic_ack_t *ack = method->decoded;
    const amqp_basic_nack_t *nack = method->decoded;

    if (method->id == AMQP_BASIC_ACK_METHOD) {
        s->confirmed = ack->multiple ? ack->delivery_tag : s->confirmed + 1;
    } else if (method->id == AMQP_BASIC_NACK_METHOD) {
        s->confirmed = nack->multiple ? nack->delivery_tag : s->confirmed + 1;
        s->refused++;
    } else if (method->id == AMQP_BASIC_RETURN_METHOD) {
        s->refused++;
    }
}

/* Until at most `open` publishes are unconfirmed. Acks of one channel to one
 * queue come in order, which is all that this counting needs. */
static bool await_confirms(struct session *s, uint64_t open)
{
    struct timeval rpc = {.tv_sec = RPC_S};
    amqp_frame_t frame;

    while (!s->options.quiet && s->sent - s->confirmed > open) {
        int status = amqp_simple_wait_frame_noblock(s->conn, &frame, &rpc);

        if (status != AMQP_STATUS_OK ||
            (frame.frame_type == AMQP_FRAME_METHOD &&
             frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD)) {
            (void)fprintf(stderr, "amqp_ctl: %llu of %llu confirmed: %s\n",
                          (unsigned long long)s->confirmed,
                          (unsigned long long)s->sent,
                          status != AMQP_STATUS_OK ? amqp_error_string2(status)
                                                   : "channel closed");
            return false;
        }
        if (frame.frame_type == AMQP_FRAME_METHOD) {
            count_confirm(s, &frame.payload.method);
        }
        amqp_maybe_release_buffers(s->conn);
    }
    return true;
}

static bool publish_one(struct session *s, char *body, size_t len)
{
    const struct options *o = &s->options;
    amqp_basic_properties_t properties = properties_of(o);
    int status = amqp_basic_publish(
        s->conn, CHANNEL, amqp_cstring_bytes(o->exchange),
        amqp_cstring_bytes(o->key), o->mandatory, 0, &properties,
        (amqp_bytes_t){.len = len, .bytes = body});

    if (status != AMQP_STATUS_OK) {
        (void)fprintf(stderr, "amqp_ctl: publish: %s\n",
                      amqp_error_string2(status));
        return false;
    }
    s->sent++;
    return await_confirms(s, WINDOW);
}

static bool publish_lines(struct session *s, const struct buf *input)
{
    char *at = input->data;
    char *end = at + input->len;

    while (at < end) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((line_end != NULL ? line_end : end) - at);

        if (!publish_one(s, at, len)) {
            return false;
        }
        at += len + 1;
    }
    return true;
}

static bool read_input(const char *path, struct buf *input)
{
    FILE *file = path != NULL ? fopen(path, "r") : stdin;
    char part[READ_BYTES];
    size_t len;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((len = fread(part, 1, sizeof part, file)) > 0) {
        buf_add(input, part, len);
    }
    if (file != stdin) {
        (void)fclose(file);
    }
    return !input->overflow;
}

static bool publish_input(struct session *s, const struct buf *input)
{
    if (!s->options.quiet) {
        (void)amqp_confirm_select(s->conn, CHANNEL);
        if (!good(s, "ask for confirms")) {
            return false;
        }
    }
    for (int64_t i = 0; i < s->options.count; i++) {
        if (s->options.whole ? !publish_one(s, input->data, input->len)
                             : !publish_lines(s, input)) {
            return false;
        }
    }
    return await_confirms(s, 0);
}

static int run_publish(struct session *s, char **args)
{
    struct buf input;
    bool done;

    if (s->options.key == NULL) {
        (void)fputs("amqp_ctl: publish needs -k\n", stderr);
        return EXIT_USAGE;
    }
    if (s->options.count == 0) {
        s->options.count = 1;
    }
    buf_init(&input, INPUT_MAX);
    done = read_input(args[0], &input) && publish_input(s, &input);
    buf_fini(&input);
    if (s->refused > 0) {
        (void)fprintf(stderr, "amqp_ctl: %llu refused\n",
                      (unsigned long long)s->refused);
    }
    return done && s->refused == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A line: message-id, tab, body; a dead letter is a document. */
static void print_json(const amqp_message_t *message)
{
    static const char type[] = "application/vnd.hypervise.dead";
    const amqp_bytes_t *found = &message->properties.content_type;
    const struct doc doc = {message->body.bytes, (uint32_t)message->body.len};
    struct buf text;

    buf_init(&text, INPUT_MAX);
    if (found->len == strlen(type) &&
        memcmp(found->bytes, type, found->len) == 0) {
        doc_to_json(doc, &text);
    } else {
        buf_add(&text, message->body.bytes, message->body.len);
    }
    (void)printf("%.*s\t%s\n", (int)message->properties.message_id.len,
                 (const char *)message->properties.message_id.bytes,
                 buf_str(&text));
    buf_fini(&text);
}

static void print_message(const struct session *s,
                          const amqp_envelope_t *envelope)
{
    if (s->options.json) {
        print_json(&envelope->message);
        return;
    }
    if (s->options.verbose) {
        (void)printf("%.*s\t%d\t", (int)envelope->routing_key.len,
                     (const char *)envelope->routing_key.bytes,
                     envelope->redelivered);
    }
    (void)fwrite(envelope->message.body.bytes, 1, envelope->message.body.len,
                 stdout);
    (void)putchar('\n');
}

static bool take_message(struct session *s, amqp_rpc_reply_t *reply)
{
    struct timeval wait = {.tv_sec = s->options.wait_s};
    amqp_envelope_t envelope;

    amqp_maybe_release_buffers(s->conn);
    *reply = amqp_consume_message(s->conn, &envelope, &wait, 0);
    if (reply->reply_type != AMQP_RESPONSE_NORMAL) {
        return false;
    }
    print_message(s, &envelope);
    if (!s->options.leave) {
        (void)amqp_basic_ack(s->conn, CHANNEL, envelope.delivery_tag, 0);
    }
    amqp_destroy_envelope(&envelope);
    return true;
}

static int take_messages(struct session *s, amqp_bytes_t queue)
{
    amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_NORMAL};
    int64_t n = 0;

    if (!s->options.leave) {
        (void)amqp_basic_qos(s->conn, CHANNEL, 0, PREFETCH, 0);
    }
    (void)amqp_basic_consume(s->conn, CHANNEL, queue, amqp_empty_bytes, 0, 0, 0,
                             amqp_empty_table);
    if (!good(s, "consume")) {
        return EXIT_FAILURE;
    }
    while ((s->options.count == 0 || n < s->options.count) &&
           take_message(s, &reply)) {
        n++;
    }
    (void)fflush(stdout);
    /* A round trip, so that the acknowledgements have arrived. */
    (void)amqp_basic_qos(s->conn, CHANNEL, 0, PREFETCH, 0);
    if (n < s->options.count) {
        (void)fprintf(stderr, "amqp_ctl: %lld of %lld came\n", (long long)n,
                      (long long)s->options.count);
        return EXIT_FAILURE;
    }
    return reply.reply_type == AMQP_RESPONSE_NORMAL ||
                   reply.library_error == AMQP_STATUS_TIMEOUT
               ? EXIT_SUCCESS
               : complain("consume", reply);
}

static int run_consume(struct session *s, char **args)
{
    return take_messages(s, amqp_cstring_bytes(args[0]));
}

static int run_listen(struct session *s, char **args)
{
    amqp_queue_declare_ok_t *ok;
    amqp_bytes_t queue;
    int status;

    ok = amqp_queue_declare(s->conn, CHANNEL, amqp_empty_bytes, 0, 0, 1, 1,
                            amqp_empty_table);
    if (ok == NULL) {
        return complain("declare", amqp_get_rpc_reply(s->conn));
    }
    queue = amqp_bytes_malloc_dup(ok->queue);
    (void)amqp_queue_bind(s->conn, CHANNEL, queue, amqp_cstring_bytes(args[0]),
                          amqp_cstring_bytes(args[1]), amqp_empty_table);
    if (!good(s, "bind")) {
        amqp_bytes_free(queue);
        return EXIT_FAILURE;
    }
    (void)fputs("listening\n", stderr);
    status = take_messages(s, queue);
    amqp_bytes_free(queue);
    return status;
}

static int run_bind(struct session *s, char **args)
{
    amqp_bytes_t queue = amqp_cstring_bytes(args[0]);
    amqp_table_entry_t type = {
        .key = amqp_cstring_bytes("x-queue-type"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8,
                  .value.bytes = amqp_cstring_bytes("quorum")}};
    const amqp_table_t arguments = {.num_entries = s->options.quorum ? 1 : 0,
                                    .entries = &type};

    (void)amqp_queue_declare(s->conn, CHANNEL, queue, 0, 1, 0, 0, arguments);
    if (!good(s, "declare")) {
        return EXIT_FAILURE;
    }
    (void)amqp_queue_bind(s->conn, CHANNEL, queue, amqp_cstring_bytes(args[1]),
                          amqp_cstring_bytes(args[2]), amqp_empty_table);
    return good(s, "bind") ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_depth(struct session *s, char **args)
{
    const amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(s->conn, CHANNEL, amqp_cstring_bytes(args[0]), 1, 1,
                           0, 0, amqp_empty_table);

    if (ok == NULL) {
        return complain("depth", amqp_get_rpc_reply(s->conn));
    }
    (void)printf("%u\n", ok->message_count);
    return EXIT_SUCCESS;
}

static int run_purge(struct session *s, char **args)
{
    (void)amqp_queue_purge(s->conn, CHANNEL, amqp_cstring_bytes(args[0]));
    return good(s, "purge") ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_delete(struct session *s, char **args)
{
    (void)amqp_queue_delete(s->conn, CHANNEL, amqp_cstring_bytes(args[0]), 0,
                            0);
    return good(s, "delete") ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct {
    const char *name;
    int least, most; /* arguments */
    int (*run)(struct session *s, char **args);
} commands[] = {
    {"publish", 0, 1, run_publish}, {"consume", 1, 1, run_consume},
    {"listen", 2, 2, run_listen},   {"bind", 3, 3, run_bind},
    {"depth", 1, 1, run_depth},     {"purge", 1, 1, run_purge},
    {"delete", 1, 1, run_delete},
};

static int run(struct session *s, int command, char **args)
{
    struct bus_amqp_conf conf;
    int status = EXIT_FAILURE;
    bool connected;

    if (!amqp_env_read(&conf)) {
        return EXIT_FAILURE;
    }
    connected = connect_to(s, &conf);
    for (size_t i = 0; !connected && i < conf.other_hosts.n; i++) {
        (void)amqp_destroy_connection(s->conn);
        (void)amqp_env_next(&conf);
        connected = connect_to(s, &conf);
    }
    if (connected) {
        status = commands[command].run(s, args);
    }
    (void)amqp_connection_close(s->conn, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(s->conn);
    amqp_env_fini(&conf);
    return status;
}

static bool set_number(const char *text, int64_t *out)
{
    return str_to_i64(text, 0, INT32_MAX, out) == ERR_OK;
}

static bool set_option(struct options *o, int c)
{
    switch (c) {
    case 'x':
        o->exchange = optarg;
        return true;
    case 'k':
        o->key = optarg;
        return true;
    case 't':
        o->type = optarg;
        return true;
    case 'i':
        o->id = optarg;
        return true;
    case 'u':
        o->user = optarg;
        return true;
    case 's':
        return set_number(optarg, &o->seconds);
    case 'd':
        return set_number(optarg, &o->mode);
    case 'n':
        return set_number(optarg, &o->count);
    case 'w':
        return set_number(optarg, &o->wait_s);
    case 'a':
        o->whole = true;
        return true;
    case 'm':
        o->mandatory = true;
        return true;
    case 'q':
        o->quiet = true;
        return true;
    case 'r':
        o->leave = true;
        return true;
    case 'v':
        o->verbose = true;
        return true;
    case 'j':
        o->json = true;
        return true;
    case 'Q':
        o->quorum = true;
        return true;
    default:
        return false;
    }
}

static int find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (name != NULL && strcmp(name, commands[i].name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct session s = {
        .options = {.exchange = "", .seconds = -1, .wait_s = WAIT_STEP_S}};
    int command = find_command(argc > 1 ? argv[1] : NULL);
    bool understood = command >= 0;
    int c;

    while (understood && (c = getopt(argc - 1, argv + 1,
                                     "x:k:t:i:u:s:d:n:w:amqrvjQ")) != -1) {
        understood = set_option(&s.options, c);
    }
    if (!understood || argc - 1 - optind < commands[command].least ||
        argc - 1 - optind > commands[command].most) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return run(&s, command, argv + 1 + optind);
}
