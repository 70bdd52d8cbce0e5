/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "cleaner": the only door; decodes, validates, numbers events. */
#include "engines/cleaner/cleaner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/bus/envelope.h"
#include "common/event/event_json.h"
#include "engines/cleaner/identity.h"
#include "engines/cleaner/idset.h"

struct cleaner {
    struct event_limits limits; /* as configured */
    struct conf_list extra_types;
    struct conf_list trusted_ids;
    int64_t ids_max;
    struct identity_conf identity_conf;
    struct identity *identity; /* NULL: names stay as they are */
    const char **extra_names;  /* NULL-terminated, borrows from the list */
    struct event_parser *parser;
    struct engine_io *io; /* of the call under way, for the sink */
    struct idset ids;
    struct buf new_ids; /* hashes added by the open batch */
    int64_t ids_row;    /* key of the last row written */
    struct buf room;    /* of the envelope being read */
};

#define CLEANER_LIMIT(key_, field)                                             \
    .section = "cleaner", .key = #key_,                                        \
    .offset = offsetof(struct cleaner, limits.field)

static const struct conf_option cleaner_options[] = {
    {CLEANER_LIMIT(message_bytes, message_bytes), .type = CONF_SIZE,
     .fallback = "1M", .min = 1024, .max = 4194304,
     .help = "a larger message is refused"},
    {CLEANER_LIMIT(depth, depth), .type = CONF_INT, .fallback = "32", .min = 4,
     .max = 32, .unit = "levels", .help = "JSON nested deeper is refused"},
    {CLEANER_LIMIT(events, events), .type = CONF_INT, .fallback = "10000",
     .min = 1, .max = 100000, .unit = "events",
     .help = "a message with more events is refused"},
    {CLEANER_LIMIT(output_bytes, output_bytes), .type = CONF_SIZE,
     .fallback = "4K", .min = 255, .max = 65536,
     .help = "a longer output is cut, with a mark"},
    {CLEANER_LIMIT(long_output_bytes, long_output_bytes), .type = CONF_SIZE,
     .fallback = "64K", .min = 1024, .max = 524288,
     .help = "a longer long_output is cut, with a mark"},
    {CLEANER_LIMIT(extra_bytes, extra_bytes), .type = CONF_SIZE,
     .fallback = "64K", .min = 1024, .max = 524288,
     .help = "unknown fields that take more are refused"},
    {CLEANER_LIMIT(perf_items, perf_items), .type = CONF_INT,
     .fallback = "1000", .min = 1, .max = 10000, .unit = "metrics",
     .help = "more metrics in one event are refused"},
    {CLEANER_LIMIT(max_ahead, max_ahead_ms), .type = CONF_DURATION,
     .fallback = "60s", .min = 0, .max = 86400000,
     .help = "a timestamp further ahead is replaced by the time of receipt"},
    {CLEANER_LIMIT(default_state, default_state), .type = CONF_INT,
     .fallback = "-1", .min = -1, .max = 3,
     .help = "state of a check that has none; -1: such a check is refused"},
    {.section = "cleaner",
     .key = "extra_event_types",
     .type = CONF_LIST,
     .offset = offsetof(struct cleaner, extra_types),
     .help = "further event types to take, as log types"},
    {.section = "cleaner",
     .key = "trusted_ids",
     .type = CONF_LIST,
     .offset = offsetof(struct cleaner, trusted_ids),
     .help = "users whose message-id tells a repeat, beside the suite's own"},
    {.section = "cleaner",
     .key = "ids_max",
     .type = CONF_INT,
     .offset = offsetof(struct cleaner, ids_max),
     .fallback = "200000",
     .min = 1000,
     .max = 10000000,
     .unit = "ids",
     .help = "message ids remembered"},
    {.section = "identity",
     .key = "aliases",
     .type = CONF_LIST,
     .offset = offsetof(struct cleaner, identity_conf.aliases),
     .help = "other names of sources, each from:to with CONNECTOR or "
             "CONNECTOR/NAME on both sides"},
    {.section = "identity",
     .key = "lower_case",
     .type = CONF_BOOL,
     .offset = offsetof(struct cleaner, identity_conf.lower_case),
     .fallback = "no",
     .help = "write components in lower case"},
    {.section = "identity",
     .key = "domains",
     .type = CONF_LIST,
     .offset = offsetof(struct cleaner, identity_conf.domains),
     .help = "domains taken off the end of components, such as example.net; "
             "*: whatever follows the first dot"},
    {0}};

/* Entry queues: the bound one, and two that others publish straight to. */
static const char *const cleaner_entries[] = {"Engine_cleaner", "Engine_che",
                                              "Engine_fifo", NULL};

static enum err cleaner_init(void *state, struct engine_io *io,
                             struct errbuf *why)
{
    struct cleaner *cleaner = state;

    (void)io;
    cleaner->extra_names =
        xcalloc(cleaner->extra_types.n + 1, sizeof *cleaner->extra_names);
    for (size_t i = 0; i < cleaner->extra_types.n; i++) {
        cleaner->extra_names[i] = cleaner->extra_types.items[i];
    }
    cleaner->limits.extra_types = cleaner->extra_names;
    cleaner->parser = event_parser_new(&cleaner->limits);
    buf_init(&cleaner->new_ids, DOC_BYTES_MAX / 2);
    buf_init(&cleaner->room, ENVELOPE_BODY_MAX);
    return identity_new(&cleaner->identity_conf, &cleaner->identity, why);
}

static bool load_ids(void *ctx, const struct store_key *key, struct doc row)
{
    struct cleaner *cleaner = ctx;
    struct doc_value value;

    cleaner->ids_row = key->a;
    if (!doc_get(row, "ids", &value) || value.type != DOC_BYTES) {
        return true;
    }
    for (size_t i = 0; i + sizeof(uint64_t) <= value.u.s.len;
         i += sizeof(uint64_t)) {
        uint64_t id;

        memcpy(&id, value.u.s.text + i, sizeof id);
        if (!idset_has(&cleaner->ids, id)) {
            idset_add(&cleaner->ids, id);
        }
    }
    return true;
}

static enum err cleaner_load(void *state, struct engine_io *io)
{
    struct cleaner *cleaner = state;
    const struct store_key first = {.text = engine_row(io), .a = 0};
    const struct store_key past = {.text = engine_row(io), .a = INT64_MAX};
    const struct store_query query = {.collection = STORE_IDS,
                                      .from = &first,
                                      .to = &past,
                                      .limit = INT64_MAX};

    idset_fini(&cleaner->ids);
    idset_init(&cleaner->ids, (size_t)cleaner->ids_max);
    cleaner->ids_row = 0;
    return store_scan(engine_store(io), &query, load_ids, cleaner, NULL, NULL);
}

static bool is_trusted(const struct cleaner *cleaner,
                       const struct engine_io *io, const char *user)
{
    if (user[0] != '\0' && strcmp(user, engine_user(io)) == 0) {
        return true;
    }
    for (size_t i = 0; i < cleaner->trusted_ids.n; i++) {
        if (strcmp(user, cleaner->trusted_ids.items[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a trusted sender's message was taken before under its id. */
static bool is_known(struct cleaner *cleaner, const struct engine_io *io,
                     const struct bus_properties *properties)
{
    char *name;
    uint64_t id;

    if (properties->message_id[0] == '\0' ||
        !is_trusted(cleaner, io, properties->user_id)) {
        return false;
    }
    name = xasprintf("%s/%s", properties->user_id, properties->message_id);
    id = hash_fixed(name, strlen(name));
    free(name);
    if (idset_has(&cleaner->ids, id)) {
        return true;
    }
    idset_add(&cleaner->ids, id);
    buf_add_u64(&cleaner->new_ids, id);
    return false;
}

/* Under the name that the suite has for its source. */
static void pass(struct cleaner *cleaner, uint32_t index,
                 const struct event *event)
{
    struct event renamed = *event;

    if (cleaner->identity != NULL &&
        identity_apply(cleaner->identity, &renamed)) {
        engine_count(cleaner->io, "renamed", 1);
        event = &renamed;
    }
    engine_pass(cleaner->io, index, event);
}

static void sink_event(void *ctx, uint32_t index, const struct event *event)
{
    pass(ctx, index, event);
}

static void sink_refused(void *ctx, uint32_t index, const char *text,
                         size_t len, const struct errbuf *why)
{
    const struct cleaner *cleaner = ctx;

    engine_refuse(cleaner->io, index, text, len, why);
}

/* Events that another process of the suite has decoded already. */
static void take_envelope(struct cleaner *cleaner, struct engine_io *io,
                          const struct engine_input *input)
{
    const struct bus_delivery *delivery = input->delivery;
    struct envelope envelope;
    struct errbuf why;
    enum err err = ERR_INVALID;

    if (strcmp(delivery->properties.user_id, engine_user(io)) != 0) {
        errbuf_set_field(&why, "content-type",
                         "envelopes are taken from the suite's own user only; "
                         "expected JSON");
    } else {
        err = envelope_open(delivery->body, delivery->len, &cleaner->room,
                            &envelope, &why);
    }
    if (err != ERR_OK) {
        engine_refuse(io, 0, delivery->body, delivery->len, &why);
        return;
    }
    for (uint32_t i = 0; i < envelope.count; i++) {
        struct envelope_item item;
        struct event event;

        envelope_get(&envelope, i, &item);
        if (event_from_doc(item.doc, &event, &why) == ERR_OK) {
            event.received_ms = input->received_ms;
            pass(cleaner, i, &event);
        } else {
            engine_refuse(io, i, item.doc.data, item.doc.len, &why);
        }
    }
}

static void cleaner_input(void *state, struct engine_io *io,
                          const struct engine_input *input)
{
    struct cleaner *cleaner = state;
    const struct bus_delivery *delivery = input->delivery;
    const struct event_sink sink = {
        .ctx = cleaner, .event = sink_event, .refused = sink_refused};
    struct errbuf why;

    /* A repeat by receipt took its id the first time. */
    if (!input->repeat && is_known(cleaner, io, &delivery->properties)) {
        engine_count(io, "known_ids", 1);
        return;
    }
    if (delivery->body == NULL) {
        errbuf_set_field(&why, "body",
                         "message of %zu bytes passes the limit of %" PRId64,
                         delivery->len, cleaner->limits.message_bytes);
        /* The head is all that a dead letter keeps. */
        engine_refuse(io, 0, delivery->head, delivery->len, &why);
        return;
    }
    cleaner->io = io;
    if (strcmp(delivery->properties.content_type, ENVELOPE_CONTENT_TYPE) == 0) {
        take_envelope(cleaner, io, input);
        return;
    }
    (void)event_parse(cleaner->parser, delivery->body, delivery->len,
                      input->received_ms, &sink);
}

/* One row of ids a batch; rows that only hold forgotten ids go. */
static void cleaner_commit(void *state, struct engine_io *io)
{
    struct cleaner *cleaner = state;
    struct doc_out *out = engine_scratch(io);
    struct store_key key = {.text = engine_row(io)};

    if (cleaner->new_ids.len == 0) {
        return;
    }
    key.a = ++cleaner->ids_row;
    doc_out_reset(out);
    doc_add_bytes(out, "ids", cleaner->new_ids.data, cleaner->new_ids.len);
    store_batch_append(engine_batch(io), STORE_IDS, &key, doc_out_done(out));
    if (key.a > cleaner->ids_max) {
        /* A row holds one id at least, so older rows hold none of the last
         * ids_max. */
        const struct store_key first = {.text = key.text, .a = 0};
        const struct store_key past = {.text = key.text,
                                       .a = key.a - cleaner->ids_max};

        store_batch_delete_range(engine_batch(io), STORE_IDS, &first, &past);
    }
    buf_clear(&cleaner->new_ids);
}

static void cleaner_fini(void *state)
{
    struct cleaner *cleaner = state;

    event_parser_free(cleaner->parser);
    identity_free(cleaner->identity);
    idset_fini(&cleaner->ids);
    buf_fini(&cleaner->new_ids);
    buf_fini(&cleaner->room);
    free(cleaner->extra_names);
}

static const struct engine_metric cleaner_metrics[] = {
    {"known_ids", "Messages whose id was known: repeats of a sender", false},
    {"renamed", "Events whose source got the name of [identity]", false},
    {0}};

const struct engine_ops cleaner_engine = {
    .name = "cleaner",
    .description =
        "Takes every event that reaches the bus: decodes JSON, checks each\n"
        "field, gives each event its number and passes it on. What cannot be\n"
        "taken goes to the dead letters with the reason.",
    .options = cleaner_options,
    .state_size = sizeof(struct cleaner),
    .metrics = cleaner_metrics,
    .entries = cleaner_entries,
    .init = cleaner_init,
    .load = cleaner_load,
    .input = cleaner_input,
    .commit = cleaner_commit,
    .fini = cleaner_fini,
};
