/* SPDX-License-Identifier: Apache-2.0 */
/** The sending side: what goes on the wire, in which order, how often. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/engine/sender.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    WIRE_MAX = 1024,
    TOKEN_MAX = 32,
    LARGE = 600 * 1024
};

/* A bus that writes down what is published. */
struct wire {
    struct bus bus;
    char text[WIRE_MAX];
    uint64_t number;
    bool away;
};

static void add_word(char *text, const char *word)
{
    size_t len = strlen(text);

    (void)snprintf(text + len, WIRE_MAX - len, "%s%s", len > 0 ? " " : "",
                   word);
}

static enum err wire_publish(struct bus *bus, const struct bus_message *message,
                             uint64_t *number)
{
    struct wire *wire = (struct wire *)bus;
    struct envelope envelope;
    char word[TOKEN_MAX + BUS_NAME_MAX];
    struct buf room;

    if (wire->away) {
        return ERR_UNAVAILABLE;
    }
    *number = ++wire->number;
    buf_init(&room, ENVELOPE_BODY_MAX);
    if (envelope_open(message->body, message->len, &room, &envelope, NULL) ==
        ERR_OK) {
        assert_string_equal(message->exchange, "");
        assert_string_equal(envelope.header.sender, "me");
        assert_int_equal(envelope.header.epoch, 77);
        assert_true(message->mandatory);
        (void)snprintf(word, sizeof word, "%s%" PRIu64 "/%" PRIu64,
                       message->routing_key, envelope.header.sequence,
                       envelope.header.confirmed);
    } else {
        (void)snprintf(word, sizeof word, "%s", message->routing_key);
    }
    buf_fini(&room);
    add_word(wire->text, word);
    return ERR_OK;
}

static const struct bus_ops wire_ops = {.publish = wire_publish};

/*
 * Told as words: aN, bN: an envelope to queue a or b in batch N; mN: a message
 * of the outbox with sequence N, in batch N; L: a large one to a, in batch 1;
 * r: the batch is committed; s: send all that goes; 1: send one; cN: number N
 * is confirmed; CN: all up to it; nN: it is refused; l: the connection is
 * lost; u: it is away for the next s.
 * On the wire: QUEUE SEQUENCE "/" CONFIRMED, or m and its number.
 */
static const struct {
    const char *name;
    const char *story;
    const char *wire;
    uint64_t oldest; /* batch not confirmed; 0: none */
    uint64_t outbox; /* confirmed */
} rows[] = {
    {"nothing goes before the commit", "a1 a1 s", "", 1, 0},
    {"after it, in order", "a1 b1 a1 r s", "a1/0 b1/0 a2/0", 1, 0},
    {"what joins later waits for its own commit", "a1 r a2 s", "a1/0", 1, 0},
    {"and goes then", "a1 r a2 s r s", "a1/0 a2/0", 1, 0},
    {"confirmed: nothing is left", "a1 r s c1", "a1/0", 0, 0},
    {"numbers go on; the header tells what is confirmed", "a1 r s c1 a2 r s",
     "a1/0 a2/1", 2, 0},
    {"each queue has its own numbers", "a1 b1 r s C2 b2 r s", "a1/0 b1/0 b2/1",
     2, 0},
    {"confirmed out of order: the oldest counts", "a1 a2 r s c2 a3 r s",
     "a1/0 a2/0 a3/0", 1, 0},
    {"confirmed as many", "a1 a2 a3 r s C2", "a1/0 a2/0 a3/0", 3, 0},
    {"a nack: it and all after it go again, same numbers", "a1 a1 a1 r s n2",
     "a1/0 a2/0 a3/0", 1, 0},
    {"a nack, sent again", "a1 a1 a1 r s n2 s", "a1/0 a2/0 a3/0 a2/0 a3/0", 1,
     0},
    {"a nack of one whose followers are confirmed: they go too",
     "a1 a1 a1 r s c2 c3 n1 s", "a1/0 a2/0 a3/0 a1/0 a2/0 a3/0", 1, 0},
    {"a nack touches its own queue only", "a1 b1 a1 b1 r s n1 s",
     "a1/0 b1/0 a2/0 b2/0 a1/0 a2/0", 1, 0},
    {"a nack while others wait", "a1 r s a2 n1 r s", "a1/0 a1/0 a2/0", 1, 0},
    {"two nacks of what went together", "a1 a1 r s n1 n2 s",
     "a1/0 a2/0 a1/0 a2/0", 1, 0},
    {"the second life's confirms count, the first's do not",
     "a1 a1 r s n1 s c2", "a1/0 a2/0 a1/0 a2/0", 1, 0},
    {"and its own do", "a1 a1 r s n1 s C4", "a1/0 a2/0 a1/0 a2/0", 0, 0},
    {"a lost connection: all that is not confirmed, in order",
     "a1 b1 a1 r s c1 l s", "a1/0 b1/0 a2/0 b1/0 a2/0", 1, 0},
    {"a confirmed one behind an open one goes again as well",
     "a1 a1 r s c2 l s", "a1/0 a2/0 a1/0 a2/0", 1, 0},
    {"lost before the commit: nothing goes early", "a1 l s", "", 1, 0},
    {"away: it goes when it is back", "a1 r u s s", "a1/0", 1, 0},
    {"an unknown number changes nothing", "a1 r s c9 n9", "a1/0", 1, 0},
    {"outbox: confirmed in order", "m1 m2 m3 r s c1", "m1 m2 m3", 2, 1},
    {"outbox: not past one that is open", "m1 m2 m3 r s c1 c3", "m1 m2 m3", 2,
     1},
    {"outbox: all", "m1 m2 m3 r s C3", "m1 m2 m3", 0, 3},
    {"outbox: a nacked one and what follows", "m1 m2 m3 r s n2 s",
     "m1 m2 m3 m2 m3", 1, 0},
    {"outbox and queue are apart", "m1 a1 m2 r s n1 s", "m1 a1/0 m2 m1 m2", 1,
     0},
    {"the window: two large ones do not fit", "L L r s", "a1/0", 1, 0},
    {"the window: room after the confirm", "L L r s c1 s", "a1/0 a2/0", 1, 0},
    {"the window: room after a nack is for the nacked one", "L L r s n1 s",
     "a1/0 a1/0", 1, 0},
    {"the window: a lost connection empties it", "L L r s l s", "a1/0 a1/0", 1,
     0},
    {"the window: a small one joins", "L a1 r s", "a1/0 a2/0", 1, 0},
    {"sent one by one", "a1 a1 r 1", "a1/0", 1, 0},
};

static void add_envelope(struct sender *sender, size_t target, uint64_t batch,
                         size_t padding)
{
    struct envelope_out *envelope = envelope_out_new();
    struct doc_out *out = doc_out_new();
    char *text = xmalloc(padding + 1);
    uint32_t seed = 1;
    struct buf contents;

    /* No part of it stands twice, so that its size is its size on the wire. */
    for (size_t i = 0; i < padding; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)('0' + (seed >> 24) % 64);
    }
    text[padding] = '\0';
    doc_add_str(out, "x", text);
    assert_true(envelope_out_add(
        envelope,
        &(struct envelope_item){
            .stream = "s", .stream_len = 1, .n = 1, .doc = doc_out_done(out)}));
    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    envelope_out_finish(envelope, &contents);
    sender_add_envelope(sender, target, &contents, 0, batch);
    buf_fini(&contents);
    free(text);
    doc_out_free(out);
    envelope_out_free(envelope);
}

static void add_message(struct sender *sender, uint64_t n)
{
    char key[TOKEN_MAX];

    (void)snprintf(key, sizeof key, "m%" PRIu64, n);
    sender_add_message(sender,
                       &(struct bus_message){.exchange = "canopsis.alerts",
                                             .routing_key = key,
                                             .body = "x",
                                             .len = 1},
                       n, n);
}

static void tell(struct sender *sender, struct wire *wire, const char *word)
{
    uint64_t n = strtoull(word + 1, NULL, 10);

    switch (word[0]) {
    case 'a':
    case 'b':
        add_envelope(sender, word[0] == 'b', n, 10);
        break;
    case 'L':
        add_envelope(sender, 0, 1, LARGE);
        break;
    case 'm':
        add_message(sender, n);
        break;
    case 'r':
        sender_release(sender);
        break;
    case '1':
        assert_int_equal(sender_step(sender, &wire->bus), ERR_OK);
        break;
    case 's':
        while (sender_step(sender, &wire->bus) == ERR_OK) {
        }
        wire->away = false;
        break;
    case 'u':
        wire->away = true;
        break;
    case 'c':
    case 'C':
        sender_confirmed(sender, n, word[0] == 'C');
        break;
    case 'n':
        sender_refused(sender, n);
        break;
    case 'l':
        sender_lost(sender);
        break;
    default:
        fail_msg("unknown word %s", word);
    }
}

static void tell_all(struct sender *sender, struct wire *wire,
                     const char *story)
{
    char word[TOKEN_MAX];
    int used = 0;

    while (sscanf(story, "%31s%n", word, &used) == 1) {
        tell(sender, wire, word);
        story += used;
    }
}

static void test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct sender *sender = sender_new("me");
        struct wire wire = {.bus.ops = &wire_ops};
        uint64_t oldest;

        assert_int_equal(sender_add_target(sender, "a"), 0);
        assert_int_equal(sender_add_target(sender, "b"), 1);
        sender_set_epoch(sender, 77);
        tell_all(sender, &wire, rows[i].story);
        oldest = sender_oldest_batch(sender);
        if (strcmp(wire.text, rows[i].wire) != 0 ||
            oldest != (rows[i].oldest > 0 ? rows[i].oldest : UINT64_MAX) ||
            sender_outbox_confirmed(sender) != rows[i].outbox ||
            sender_is_idle(sender) != (rows[i].oldest == 0)) {
            fail_msg("%s: wire \"%s\", oldest %" PRIu64 ", outbox %" PRIu64,
                     rows[i].name, wire.text, oldest,
                     sender_outbox_confirmed(sender));
        }
        sender_free(sender);
    }
}

/* The ring grows and turns: a thousand messages, confirmed out of order. */
static void test_ring(void **state)
{
    struct sender *sender = sender_new("me");
    struct wire wire = {.bus.ops = &wire_ops};

    (void)state;
    (void)sender_add_target(sender, "a");
    sender_set_epoch(sender, 77);
    for (uint64_t n = 1; n <= 1000; n++) {
        add_envelope(sender, 0, n, 10);
        sender_release(sender);
        assert_int_equal(sender_step(sender, &wire.bus), ERR_OK);
        if (n % 10 == 0) {
            for (uint64_t back = 0; back < 7; back++) {
                sender_confirmed(sender, n - back, false);
            }
        }
        if (n % 70 == 0) {
            sender_confirmed(sender, n, true);
            assert_true(sender_is_idle(sender));
        }
    }
    assert_int_equal(sender_oldest_batch(sender), 981);
    assert_true(sender_mean_bytes(sender, 0) > 10);
    sender_free(sender);
}

/* A new epoch: numbers start at 1, nothing counts as confirmed. */
static void test_epoch(void **state)
{
    struct sender *sender = sender_new("me");
    struct wire wire = {.bus.ops = &wire_ops};

    (void)state;
    (void)sender_add_target(sender, "a");
    sender_set_epoch(sender, 77);
    tell_all(sender, &wire, "a1 a1 r s C2");
    sender_set_epoch(sender, 77);
    tell_all(sender, &wire, "a2 r s");
    assert_string_equal(wire.text, "a1/0 a2/0 a1/0");
    sender_free(sender);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_stories),
        ROW_SINGLE(test_ring),
        ROW_SINGLE(test_epoch),
    };

    return rows_run("sender", tables, N_ROWS(tables));
}
