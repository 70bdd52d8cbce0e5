/* SPDX-License-Identifier: Apache-2.0 */
/** A request about one dead letter: as it comes, as it is stored. */
#include "engines/eventstore/dead_request.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/engine/known.h"

enum {
    AUTHOR_MAX = 256,
    LETTER_ID_MAX = 256,
    BODY_MAX = 64 * 1024,
    ANSWER_MAX = 16 * 1024
};

struct op_names {
    const char *op;
    const char *done; /* type of the answer, and its routing key */
};

static const struct op_names ops[] = {
    [DEAD_REPLAY] = {"replay", "dead_replayed"},
    [DEAD_PURGE] = {"purge", "dead_purged"},
};

struct text_field {
    const char *name;
    size_t min, max;
};

static const struct text_field fields[] = {
    {"op", 1, 16},
    {"id", 1, LETTER_ID_MAX},
    {"author", 0, AUTHOR_MAX},
    {"action", 1, KNOWN_ID_MAX},
    {"body", 0, BODY_MAX},
};

static enum err copy_text(struct doc doc, const struct text_field *field,
                          struct doc_out *row, struct errbuf *why)
{
    struct doc_value value;

    if (!doc_get(doc, field->name, &value) || value.type == DOC_NULL) {
        if (field->min == 0) {
            return ERR_OK;
        }
        value.type = DOC_NULL;
    }
    if (value.type != DOC_STRING || value.u.s.len < field->min ||
        value.u.s.len > field->max) {
        errbuf_set_field(why, field->name,
                         "expected a text of %zu to %zu bytes", field->min,
                         field->max);
        return ERR_INVALID;
    }
    doc_add_value(row, field->name, &value);
    return ERR_OK;
}

enum err dead_request_read(const struct bus_delivery *delivery,
                           struct doc_out *json, struct doc_out *row,
                           struct errbuf *why)
{
    struct doc doc;
    const char *op;

    if (delivery->body == NULL) {
        errbuf_set_field(why, "body", "%zu bytes pass the limit",
                         delivery->len);
        return ERR_INVALID;
    }
    if (doc_from_json(delivery->body, delivery->len, json, &doc, why) !=
        ERR_OK) {
        return ERR_INVALID;
    }
    doc_out_reset(row);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (copy_text(doc, &fields[i], row, why) != ERR_OK) {
            return ERR_INVALID;
        }
    }
    op = doc_str(doc, "op", "");
    if (strcmp(op, ops[DEAD_REPLAY].op) != 0 &&
        strcmp(op, ops[DEAD_PURGE].op) != 0) {
        errbuf_set_field(why, "op", "expected replay or purge");
        return ERR_INVALID;
    }
    return ERR_OK;
}

struct dead_request *dead_request_new(int64_t n, struct doc row)
{
    struct dead_request *request = xcalloc(1, sizeof *request);

    request->n = n;
    request->row = xmemdup(row.data, row.len);
    request->len = row.len;
    return request;
}

void dead_request_free(struct dead_request *request)
{
    free(request->row);
    free(request);
}

struct doc dead_request_doc(const struct dead_request *request)
{
    return (struct doc){request->row, request->len};
}

enum dead_op dead_request_op(const struct dead_request *request)
{
    const char *op = doc_str(dead_request_doc(request), "op", "");

    return strcmp(op, ops[DEAD_PURGE].op) == 0 ? DEAD_PURGE : DEAD_REPLAY;
}

void dead_request_answer(struct engine_io *io,
                         const struct dead_request *request, const char *to,
                         const char *refusal)
{
    const struct doc doc = dead_request_doc(request);
    const char *type =
        refusal != NULL ? "dead_refused" : ops[dead_request_op(request)].done;
    struct doc_out *out = engine_scratch(io);
    struct buf text;

    doc_out_reset(out);
    doc_add_str(out, "type", type);
    doc_add_str(out, "action", doc_str(doc, "action", ""));
    doc_add_str(out, "id", doc_str(doc, "id", ""));
    doc_add_str(out, "author", doc_str(doc, "author", ""));
    doc_add_ms(out, "t", engine_now_ms(io));
    if (to != NULL) {
        doc_add_str(out, "to", to);
    }
    if (refusal != NULL) {
        doc_add_str(out, "message", refusal);
    }
    buf_init(&text, ANSWER_MAX);
    doc_to_json(doc_out_done(out), &text);
    engine_originate(
        io, &(struct engine_outgoing){.exchange = BUS_ALERTS,
                                      .routing_key = type,
                                      .content_type = "application/json",
                                      .message_id = doc_str(doc, "action", ""),
                                      .body = buf_str(&text),
                                      .len = text.len});
    buf_fini(&text);
}
