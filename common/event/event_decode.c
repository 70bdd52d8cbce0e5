/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From JSON text to raw events in one pass: scalars go into an arena that each
 * item starts anew, nested values straight into documents.
 */
#include "common/event/event_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event_number.h"
#include "common/event/event_unique.h"
#include "common/json/json_path.h"
#include "common/json/json_scan.h"

enum {
    NAME_SLOTS = 256, /* of the table of known names */
    SEEN_BITS = 64,   /* of a set of names */
    REASON_MAX = 64,
    SHORT_PART = 32, /* bytes; nearly all parts are shorter */
    MEMBER_ROOM = 32 /* a member's bytes but name and text */
};

/* What a known field may hold, as far as reading it goes. */
enum shape {
    SHAPE_SCALAR,
    SHAPE_TEXTS, /* array (or map) of texts; one text is an array of one */
    SHAPE_ITEMS, /* array of objects */
    SHAPE_DOC,
    SHAPE_EXTRA, /* its members are unknown members */
    SHAPE_SKIP   /* what other suites carry along for themselves */
};

struct name {
    const char *text;
    enum shape shape;
    enum raw_field field; /* of the first four shapes */
};

static const struct name names[] = {
    {"connector", SHAPE_SCALAR, RAW_CONNECTOR},
    {"connector_name", SHAPE_SCALAR, RAW_CONNECTOR_NAME},
    {"event_type", SHAPE_SCALAR, RAW_EVENT_TYPE},
    {"source_type", SHAPE_SCALAR, RAW_SOURCE_TYPE},
    {"component", SHAPE_SCALAR, RAW_COMPONENT},
    {"resource", SHAPE_SCALAR, RAW_RESOURCE},
    {"timestamp", SHAPE_SCALAR, RAW_TIMESTAMP},
    {"state", SHAPE_SCALAR, RAW_STATE},
    {"state_type", SHAPE_SCALAR, RAW_STATE_TYPE},
    {"output", SHAPE_SCALAR, RAW_OUTPUT},
    {"long_output", SHAPE_SCALAR, RAW_LONG_OUTPUT},
    {"perf_data", SHAPE_SCALAR, RAW_PERF_DATA},
    {"ttl", SHAPE_SCALAR, RAW_TTL},
    {"author", SHAPE_SCALAR, RAW_AUTHOR},
    {"display_name", SHAPE_SCALAR, RAW_DISPLAY_NAME},
    {"address", SHAPE_SCALAR, RAW_ADDRESS},
    {"domain", SHAPE_SCALAR, RAW_DOMAIN},
    {"perimeter", SHAPE_SCALAR, RAW_PERIMETER},
    {"ref_rk", SHAPE_SCALAR, RAW_REF_RK},
    {"referer", SHAPE_SCALAR, RAW_REF_RK},
    {"alarm_id", SHAPE_SCALAR, RAW_ALARM_ID},
    {"action_id", SHAPE_SCALAR, RAW_ACTION_ID},
    {"ticket", SHAPE_SCALAR, RAW_TICKET},
    {"ticket_url", SHAPE_SCALAR, RAW_TICKET_URL},
    {"duration", SHAPE_SCALAR, RAW_DURATION},
    {"keep_state", SHAPE_SCALAR, RAW_KEEP_STATE},
    {"perf_data_array", SHAPE_ITEMS, RAW_PERF},
    {"tags", SHAPE_TEXTS, RAW_TAGS},
    {"hostgroups", SHAPE_TEXTS, RAW_HOSTGROUPS},
    {"servicegroups", SHAPE_TEXTS, RAW_SERVICEGROUPS},
    {"infos", SHAPE_DOC, RAW_INFOS},
    {"extra", SHAPE_EXTRA, RAW_N_FIELDS},
    {"rk", SHAPE_SKIP, RAW_N_FIELDS},
    {"routing_key", SHAPE_SKIP, RAW_N_FIELDS},
    {"entity_id", SHAPE_SKIP, RAW_N_FIELDS},
    {"received_at", SHAPE_SKIP, RAW_N_FIELDS},
    {"_id", SHAPE_SKIP, RAW_N_FIELDS},
    {"event_id", SHAPE_SKIP, RAW_N_FIELDS},
    {"rt", SHAPE_SKIP, RAW_N_FIELDS},
    {"status", SHAPE_SKIP, RAW_N_FIELDS},
    {"processing", SHAPE_SKIP, RAW_N_FIELDS},
    {"current_alarm", SHAPE_SKIP, RAW_N_FIELDS},
    {"current_entity", SHAPE_SKIP, RAW_N_FIELDS},
    {"alarm_change", SHAPE_SKIP, RAW_N_FIELDS},
    {"pbehavior_info", SHAPE_SKIP, RAW_N_FIELDS},
    {"stat_name", SHAPE_SKIP, RAW_N_FIELDS},
};

enum {
    N_NAMES = sizeof names / sizeof names[0]
};

struct slot {
    const struct name *name; /* NULL: free */
    size_t len;
};

/* Where the members of the open container go. */
enum target {
    TO_NOTHING,
    TO_NUMBER, /* {"$numberLong": n} in place of a scalar */
    TO_DOC,
    TO_TEXTS,
    TO_ITEMS
};

struct event_decoder {
    const struct event_limits *limits;
    event_item_fn *item;
    void *ctx;
    struct slot slots[NAME_SLOTS];
    char *arena; /* texts of the item */
    size_t arena_cap;
    size_t arena_len;
    struct doc_out *extra;
    struct doc_out *docs[RAW_N_DOCS];
    struct doc_out *spare;
    struct raw_event raw;
    struct errbuf why;
    bool bad; /* the item is refused: the rest of it is passed over */
    /* the text */
    struct json_scan scan;
    size_t base; /* depth that items stand at */
    size_t at;   /* end of the item before */
    /* the place */
    size_t depth;
    uint64_t arrays;         /* a bit for each open level: it is an array */
    const struct name *name; /* of the item's open member; NULL: unknown */
    const char *key;         /* of the next nested or unknown member */
    size_t key_len;
    uint64_t seen[DOC_DEPTH_MAX]; /* names of each open level, a bit each */
    bool repeats;                 /* a name may stand twice in the field */
    bool extra_repeats;           /* or in the unknown members */
    enum target target;
    struct doc_out *out;
    size_t room;    /* most bytes of out */
    size_t n_items; /* objects of a SHAPE_ITEMS so far */
    bool flat;      /* the open member is "extra" itself */
};

/* Names differ in length and in a few places; the weights spread them. len is
 * above 0. */
static size_t name_slot(const char *text, size_t len)
{
    enum {
        FIRST = 5,
        MIDDLE = 101,
        LAST = 31,
        LENGTH = 17
    };
    size_t sum = (size_t)(unsigned char)text[0] * FIRST;

    sum += (size_t)(unsigned char)text[len / 2] * MIDDLE;
    sum += (size_t)(unsigned char)text[len - 1] * LAST;
    return (sum + len * LENGTH) % NAME_SLOTS;
}

static void fill_slots(struct slot *slots)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        size_t len = strlen(names[i].text);
        size_t at = name_slot(names[i].text, len);

        while (slots[at].name != NULL) {
            at = (at + 1) % NAME_SLOTS;
        }
        slots[at] = (struct slot){&names[i], len};
    }
}

static const struct name *find_name(const struct event_decoder *decoder,
                                    const char *text, size_t len)
{
    size_t at = len > 0 ? name_slot(text, len) : 0;

    for (; decoder->slots[at].name != NULL; at = (at + 1) % NAME_SLOTS) {
        const struct slot *slot = &decoder->slots[at];

        if (slot->len == len && memcmp(slot->name->text, text, len) == 0) {
            return slot->name;
        }
    }
    return NULL;
}

const char *event_raw_name(enum raw_field field)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        if (names[i].field == field) {
            return names[i].text;
        }
    }
    return "";
}

static const char *member_name(const struct event_decoder *decoder)
{
    return decoder->name != NULL ? decoder->name->text : "extra";
}

/* The item's text is what stands behind the one before, without the comma. */
static size_t item_start(const struct event_decoder *decoder)
{
    return decoder->at + strspn(decoder->scan.text + decoder->at, " \t\r\n,");
}

/* The member as a whole passes a limit. */
static void refuse_member(struct event_decoder *decoder, const char *reason)
{
    if (!decoder->bad) {
        errbuf_set_field(&decoder->why, member_name(decoder), "%s: %s",
                         member_name(decoder), reason);
        decoder->bad = true;
    }
}

/* What was read last cannot be taken. */
static void refuse(struct event_decoder *decoder, const char *reason)
{
    size_t start = item_start(decoder);
    char path[JSON_PATH_MAX + 1];

    if (!decoder->bad) {
        (void)json_path_at(decoder->scan.text + start, decoder->scan.at - start,
                           path);
        errbuf_set_field(&decoder->why, path, "%s: %s", member_name(decoder),
                         reason);
        decoder->bad = true;
    }
}

/* A fixed number of bytes, where so many are there to be read, costs less than
 * libc's way to find out how many. The arena has room for them. */
static void copy_part(const struct json_scan *scan, char *copy)
{
    size_t left = scan->len - (size_t)(scan->part - scan->text);

    if (scan->part_len <= SHORT_PART && left >= SHORT_PART) {
        memcpy(copy, scan->part, SHORT_PART);
    } else {
        memcpy(copy, scan->part, scan->part_len);
    }
}

/* Copy the token's part into the arena, which has a byte for each byte of the
 * text: a copy and its NUL take no more than the text with its quotes or
 * separator. Its length in *len. */
static char *keep(struct event_decoder *decoder, size_t *len)
{
    const struct json_scan *scan = &decoder->scan;
    char *copy = decoder->arena + decoder->arena_len;

    BUG_IF(decoder->arena_cap - decoder->arena_len <= scan->part_len);
    *len = scan->part_len;
    if (scan->escaped) {
        *len = json_unescape(scan->part, scan->part_len, copy);
    } else {
        copy_part(scan, copy);
    }
    copy[*len] = '\0';
    decoder->arena_len += *len + 1;
    return copy;
}

/* Escapes can name what must not be in a text. */
static char *keep_text(struct event_decoder *decoder, size_t *len)
{
    char *text = keep(decoder, len);

    if (decoder->scan.escaped && memchr(text, '\0', *len) != NULL) {
        refuse(decoder, "a NUL character in a text");
    } else if (decoder->scan.escaped && !utf8_valid(text, *len)) {
        refuse(decoder, "half of a surrogate pair in a text");
    }
    return text;
}

/* Nested values */

static bool in_array(const struct event_decoder *decoder)
{
    return (decoder->arrays >> (decoder->depth - 1) & 1) != 0;
}

static void refuse_larger(struct event_decoder *decoder)
{
    char reason[REASON_MAX];

    (void)snprintf(reason, sizeof reason, "larger than %zu bytes",
                   decoder->room);
    refuse_member(decoder, reason);
}

/* Whether len more bytes of text may go into the open document. */
static bool has_room(struct event_decoder *decoder, size_t len)
{
    size_t key_len = in_array(decoder) ? 0 : decoder->key_len;
    size_t most = key_len + len + MEMBER_ROOM;

    if (doc_out_len(decoder->out) + most <= decoder->room) {
        return true;
    }
    refuse_larger(decoder);
    return false;
}

static void add_number(struct event_decoder *decoder, const struct raw *token)
{
    struct event_number number;

    if (!event_number_parse(token->text, token->len, &number)) {
        refuse(decoder, "a number too large");
    } else if (number.whole) {
        doc_add_i64(decoder->out, decoder->key, number.i);
    } else {
        doc_add_f64(decoder->out, decoder->key, number.d);
    }
}

/* A null member is absent; in an array it keeps the others in their place. */
static void add_value(struct event_decoder *decoder, const struct raw *token)
{
    if (!has_room(decoder, token->len)) {
        return;
    }
    switch (token->kind) {
    case RAW_ABSENT:
        if (in_array(decoder)) {
            doc_add_null(decoder->out, decoder->key);
        }
        break;
    case RAW_BOOL:
        doc_add_bool(decoder->out, decoder->key, token->b);
        break;
    case RAW_NUMBER:
        add_number(decoder, token);
        break;
    case RAW_TEXT:
        doc_add_strn(decoder->out, decoder->key, token->text, token->len);
        break;
    case RAW_OBJECT:
    case RAW_ARRAY:
        break; /* containers come as open and close */
    }
}

static void add_text(struct event_decoder *decoder, const struct raw *token)
{
    if (token->kind == RAW_ABSENT || !has_room(decoder, token->len)) {
        return;
    }
    if (token->kind == RAW_BOOL) {
        doc_add_str(decoder->out, decoder->key, token->b ? "true" : "false");
    } else {
        doc_add_strn(decoder->out, decoder->key, token->text, token->len);
    }
}

static void refuse_item(struct event_decoder *decoder)
{
    char reason[REASON_MAX];

    (void)snprintf(reason, sizeof reason, "element %zu: expected an object",
                   decoder->n_items + 1);
    refuse(decoder, reason);
}

/* The number that stands for a scalar, as MongoDB's extended JSON has it. */
static void take_number(struct event_decoder *decoder, const struct raw *token)
{
    struct raw *raw = &decoder->raw.fields[decoder->name->field];

    if (raw->kind == RAW_ABSENT && str_starts(decoder->key, "$number") &&
        (token->kind == RAW_NUMBER || token->kind == RAW_TEXT)) {
        *raw = *token;
    } else {
        raw->kind = RAW_OBJECT; /* not empty: the rules refuse it */
    }
}

static void nested_token(struct event_decoder *decoder, const struct raw *token)
{
    bool element = decoder->depth == decoder->base + 2;

    switch (decoder->target) {
    case TO_NOTHING:
        break;
    case TO_NUMBER:
        take_number(decoder, token);
        break;
    case TO_DOC:
        add_value(decoder, token);
        break;
    case TO_TEXTS:
        add_text(decoder, token);
        break;
    case TO_ITEMS:
        if (!element) {
            add_value(decoder, token);
        } else if (token->kind != RAW_ABSENT) {
            refuse_item(decoder);
        }
        break;
    }
}

static void begin(struct event_decoder *decoder, const char *key, bool array)
{
    if (array) {
        doc_begin_array(decoder->out, key);
    } else {
        doc_begin_doc(decoder->out, key);
    }
}

static void nested_item(struct event_decoder *decoder, bool array)
{
    if (array) {
        refuse_item(decoder);
        return;
    }
    if (decoder->n_items >= (size_t)decoder->limits->perf_items) {
        char reason[REASON_MAX];

        (void)snprintf(reason, sizeof reason, "more than %zu elements",
                       decoder->n_items);
        refuse_member(decoder, reason);
        return;
    }
    decoder->n_items++;
    begin(decoder, decoder->key, array);
}

static void nested_open(struct event_decoder *decoder, bool array)
{
    bool element = decoder->depth == decoder->base + 2;

    switch (decoder->target) {
    case TO_NOTHING:
        break;
    case TO_NUMBER:
        decoder->raw.fields[decoder->name->field].kind = RAW_OBJECT;
        decoder->target = TO_NOTHING;
        break;
    case TO_TEXTS:
        refuse(decoder, "expected texts, found something nested");
        break;
    case TO_ITEMS:
    case TO_DOC:
        if (!has_room(decoder, 0)) {
            break;
        }
        if (decoder->target == TO_ITEMS && element) {
            nested_item(decoder, array);
        } else {
            begin(decoder, decoder->key, array);
        }
        break;
    }
}

static void nested_close(struct event_decoder *decoder)
{
    if (decoder->target == TO_DOC || decoder->target == TO_ITEMS) {
        doc_end(decoder->out);
    }
}

/* Finish a document, and replace it if names repeat by one without. */
static struct doc make_unique(struct event_decoder *decoder,
                              struct doc_out **out, bool maybe)
{
    struct doc_out *old = *out;
    struct doc doc = doc_out_done(*out);

    if (!maybe || !event_has_repeats(doc)) {
        return doc;
    }
    doc_out_reset(decoder->spare);
    event_add_unique(doc, decoder->spare);
    *out = decoder->spare;
    decoder->spare = old;
    return doc_out_done(*out);
}
/* Members of an item */

static void write_to(struct event_decoder *decoder, struct doc_out *out,
                     size_t room)
{
    decoder->out = out;
    decoder->room = room;
}

static void write_to_extra(struct event_decoder *decoder)
{
    write_to(decoder, decoder->extra, (size_t)decoder->limits->extra_bytes);
}

/* Start the document of a field with the one member that is its value. */
static void begin_field(struct event_decoder *decoder, bool array)
{
    struct doc_out *out = decoder->docs[decoder->name->field - RAW_PERF];

    decoder->repeats = false;
    doc_out_reset(out);
    write_to(decoder, out,
             decoder->name->shape == SHAPE_ITEMS
                 ? EVENT_PERF_BYTES_MAX
                 : (size_t)decoder->limits->extra_bytes);
    begin(decoder, "v", array);
}

static void end_field(struct event_decoder *decoder, enum raw_kind kind)
{
    struct raw *raw = &decoder->raw.fields[decoder->name->field];
    struct doc_out **out = &decoder->docs[decoder->name->field - RAW_PERF];
    struct doc whole;

    doc_end(*out);
    whole = make_unique(decoder, out, decoder->repeats);
    *raw = (struct raw){.kind = kind, .doc = doc_sub(whole, "v")};
    if (doc_count(raw->doc) == 0) {
        raw->kind = RAW_ABSENT;
        raw->doc = (struct doc){NULL, 0};
    }
}

/* One text in place of an array of texts. */
static void take_single_text(struct event_decoder *decoder,
                             const struct raw *token)
{
    decoder->arrays |= UINT64_C(1) << decoder->depth;
    decoder->depth++;
    begin_field(decoder, true);
    add_text(decoder, token);
    decoder->depth--;
    end_field(decoder, RAW_ARRAY);
}

static void unknown_token(struct event_decoder *decoder,
                          const struct raw *token)
{
    if (token->kind != RAW_ABSENT) {
        write_to_extra(decoder);
        add_value(decoder, token);
    }
}

static void member_token(struct event_decoder *decoder, struct raw *token)
{
    enum shape shape =
        decoder->name != NULL ? decoder->name->shape : SHAPE_EXTRA;

    if (token->kind == RAW_TEXT && token->len == 0) {
        token->kind = RAW_ABSENT;
    }
    switch (shape) {
    case SHAPE_EXTRA:
        unknown_token(decoder, token);
        break;
    case SHAPE_TEXTS:
        if (token->kind == RAW_TEXT || token->kind == RAW_NUMBER) {
            take_single_text(decoder, token);
            break;
        }
        decoder->raw.fields[decoder->name->field] = *token;
        break;
    case SHAPE_SCALAR:
    case SHAPE_ITEMS:
    case SHAPE_DOC:
        decoder->raw.fields[decoder->name->field] = *token;
        break;
    case SHAPE_SKIP:
        break;
    }
}

static void open_unknown(struct event_decoder *decoder, bool array)
{
    write_to_extra(decoder);
    decoder->target = TO_DOC;
    decoder->flat = decoder->name != NULL && !array;
    if (!decoder->flat && has_room(decoder, 0)) {
        begin(decoder, decoder->key, array);
    }
}

static void member_open(struct event_decoder *decoder, bool array)
{
    enum shape shape =
        decoder->name != NULL ? decoder->name->shape : SHAPE_EXTRA;

    decoder->flat = false;
    decoder->n_items = 0;
    switch (shape) {
    case SHAPE_EXTRA:
        open_unknown(decoder, array);
        break;
    case SHAPE_SCALAR:
        decoder->target = TO_NUMBER;
        decoder->raw.fields[decoder->name->field] = (struct raw){0};
        break;
    case SHAPE_TEXTS:
        decoder->target = TO_TEXTS;
        begin_field(decoder, array);
        break;
    case SHAPE_ITEMS:
        decoder->target = array ? TO_ITEMS : TO_DOC;
        begin_field(decoder, array);
        break;
    case SHAPE_DOC:
        decoder->target = TO_DOC;
        begin_field(decoder, array);
        break;
    case SHAPE_SKIP:
        decoder->target = TO_NOTHING;
        break;
    }
}

static void member_close(struct event_decoder *decoder, bool array)
{
    enum shape shape =
        decoder->name != NULL ? decoder->name->shape : SHAPE_EXTRA;

    if (shape == SHAPE_EXTRA) {
        if (!decoder->flat) {
            doc_end(decoder->out);
        }
        decoder->flat = false;
    } else if (shape != SHAPE_SKIP && shape != SHAPE_SCALAR) {
        end_field(decoder, array ? RAW_ARRAY : RAW_OBJECT);
    }
    decoder->target = TO_NOTHING;
}

/* Items */

static void start_item(struct event_decoder *decoder)
{
    memset(decoder->raw.fields, 0, sizeof decoder->raw.fields);
    decoder->arena_len = 0;
    decoder->bad = false;
    decoder->name = NULL;
    decoder->key = "";
    decoder->key_len = 0;
    decoder->seen[decoder->base] = 0;
    decoder->extra_repeats = false;
    decoder->target = TO_NOTHING;
    decoder->flat = false;
    doc_out_reset(decoder->extra);
    decoder->raw.extra = decoder->extra;
}

static void refuse_stray(struct event_decoder *decoder)
{
    errbuf_set_field(&decoder->why, JSON_PATH_WHOLE,
                     "expected an event, which is an object");
    decoder->bad = true;
}

static void give_item(struct event_decoder *decoder)
{
    size_t end = decoder->scan.at;
    size_t start = item_start(decoder);
    struct event_item item = {.raw = &decoder->raw};

    decoder->at = end;
    item.why = decoder->bad ? &decoder->why : NULL;
    item.text = decoder->scan.text + start;
    item.len = end - start;
    decoder->item(decoder->ctx, &item);
}

static bool on_token(struct event_decoder *decoder, struct raw *token)
{
    if (decoder->depth < decoder->base || decoder->depth == 0) {
        return false; /* a lone scalar is no message */
    }
    if (decoder->depth == decoder->base) {
        start_item(decoder);
        refuse_stray(decoder);
        give_item(decoder);
        return true;
    }
    if (decoder->bad) {
        return true;
    }
    if (decoder->depth == decoder->base + 1) {
        member_token(decoder, token);
    } else {
        nested_token(decoder, token);
    }
    return true;
}

static bool on_bool(struct event_decoder *decoder, bool value)
{
    struct raw token = {.kind = RAW_BOOL, .b = value};

    return on_token(decoder, &token);
}

static bool on_number(struct event_decoder *decoder)
{
    struct raw token = {.kind = RAW_NUMBER};

    decoder->scan.escaped = false;
    if (decoder->depth > decoder->base) {
        token.text = keep(decoder, &token.len);
    }
    return on_token(decoder, &token);
}

static bool on_text(struct event_decoder *decoder)
{
    struct raw token = {.kind = RAW_TEXT};

    if (decoder->depth > decoder->base) {
        token.text = keep_text(decoder, &token.len);
    }
    return on_token(decoder, &token);
}

/* Remember the name at its level; two with the same bit may be the same. */
static void note_name(struct event_decoder *decoder, size_t level)
{
    size_t slot =
        decoder->key_len > 0 ? name_slot(decoder->key, decoder->key_len) : 0;
    uint64_t bit = UINT64_C(1) << slot % SEEN_BITS;

    if ((decoder->seen[level] & bit) != 0) {
        decoder->repeats = true;
        decoder->extra_repeats = true;
    }
    decoder->seen[level] |= bit;
}

static void on_name(struct event_decoder *decoder)
{
    const struct json_scan *scan = &decoder->scan;
    size_t level = decoder->depth - 1;
    bool member = level == decoder->base;
    const char *text = scan->part;

    decoder->key_len = scan->part_len;
    if (scan->escaped) {
        text = keep_text(decoder, &decoder->key_len);
    }
    if (member) {
        decoder->name = find_name(decoder, text, decoder->key_len);
    }
    if (member && decoder->name != NULL) {
        decoder->key = decoder->name->text;
        if (decoder->name->shape != SHAPE_EXTRA) {
            return;
        }
    } else {
        decoder->key = scan->escaped ? text : keep(decoder, &decoder->key_len);
    }
    if (decoder->flat && level == decoder->base + 1) {
        level = decoder->base; /* beside the other unknown members */
    }
    note_name(decoder, level);
}

static void inner_open(struct event_decoder *decoder, bool array)
{
    if (decoder->depth == decoder->base + 1) {
        member_open(decoder, array);
    } else {
        nested_open(decoder, array);
    }
}

static void inner_close(struct event_decoder *decoder, bool array)
{
    if (decoder->depth == decoder->base + 1) {
        member_close(decoder, array);
    } else {
        nested_close(decoder);
    }
}

static bool open_container(struct event_decoder *decoder, bool array)
{
    if (decoder->depth < decoder->base ? !array
                                       : array && decoder->depth == 0) {
        return false; /* not the shape that was asked for */
    }
    if (decoder->depth >= (size_t)decoder->limits->depth) {
        return false;
    }
    if (decoder->depth < decoder->base) {
        decoder->at = decoder->scan.at;
    } else if (decoder->depth == decoder->base) {
        start_item(decoder);
        if (array) {
            refuse_stray(decoder);
        }
    } else if (!decoder->bad) {
        inner_open(decoder, array);
    }
    decoder->arrays &= ~(UINT64_C(1) << decoder->depth);
    decoder->arrays |= (uint64_t)array << decoder->depth;
    decoder->seen[decoder->depth] = 0;
    decoder->depth++;
    return true;
}

static void close_container(struct event_decoder *decoder, bool array)
{
    decoder->depth--;
    if (decoder->depth < decoder->base) {
        return;
    }
    if (decoder->depth == decoder->base) {
        give_item(decoder);
    } else if (!decoder->bad) {
        inner_close(decoder, array);
    }
}

/* False at the end, and where the text cannot be taken. */
static bool take_token(struct event_decoder *decoder, enum json_token token)
{
    switch (token) {
    case JSON_TOKEN_NULL:
        return on_token(decoder, &(struct raw){.kind = RAW_ABSENT});
    case JSON_TOKEN_TRUE:
    case JSON_TOKEN_FALSE:
        return on_bool(decoder, token == JSON_TOKEN_TRUE);
    case JSON_TOKEN_NUMBER:
        return on_number(decoder);
    case JSON_TOKEN_TEXT:
        return on_text(decoder);
    case JSON_TOKEN_NAME:
        on_name(decoder);
        return true;
    case JSON_TOKEN_OPEN_OBJECT:
    case JSON_TOKEN_OPEN_ARRAY:
        return open_container(decoder, token == JSON_TOKEN_OPEN_ARRAY);
    case JSON_TOKEN_CLOSE_OBJECT:
    case JSON_TOKEN_CLOSE_ARRAY:
        close_container(decoder, token == JSON_TOKEN_CLOSE_ARRAY);
        return true;
    case JSON_TOKEN_END:
    case JSON_TOKEN_BAD:
    default:
        return false;
    }
}

static void reserve_arena(struct event_decoder *decoder, size_t len)
{
    if (decoder->arena_cap < len) {
        free(decoder->arena);
        decoder->arena = xmalloc(len);
        decoder->arena_cap = len;
    }
}

bool event_decode(struct event_decoder *decoder, const char *text, size_t len,
                  bool array)
{
    enum json_token token;

    reserve_arena(decoder, len + 1 + SHORT_PART);
    json_scan_init(&decoder->scan, text, len);
    decoder->base = array ? 1 : 0;
    decoder->at = 0;
    decoder->depth = 0;
    do {
        token = json_scan_next(&decoder->scan);
    } while (take_token(decoder, token));
    return token == JSON_TOKEN_END;
}

struct doc event_decoder_take_extra(struct event_decoder *decoder)
{
    struct doc doc =
        make_unique(decoder, &decoder->extra, decoder->extra_repeats);

    return doc_count(doc) > 0 ? doc : (struct doc){NULL, 0};
}

struct event_decoder *event_decoder_new(const struct event_limits *limits,
                                        event_item_fn *item, void *ctx)
{
    struct event_decoder *decoder = xcalloc(1, sizeof *decoder);

    decoder->limits = limits;
    decoder->item = item;
    decoder->ctx = ctx;
    fill_slots(decoder->slots);
    decoder->extra = doc_out_new();
    decoder->spare = doc_out_new();
    for (size_t i = 0; i < RAW_N_DOCS; i++) {
        decoder->docs[i] = doc_out_new();
    }
    return decoder;
}

void event_decoder_free(struct event_decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    for (size_t i = 0; i < RAW_N_DOCS; i++) {
        doc_out_free(decoder->docs[i]);
    }
    doc_out_free(decoder->spare);
    doc_out_free(decoder->extra);
    free(decoder->arena);
    free(decoder);
}
