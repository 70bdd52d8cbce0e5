/* SPDX-License-Identifier: Apache-2.0 */
/** A list as CSV (RFC 4180), whole: read in pieces, between which others are
 *  answered. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "webserver/list.h"
#include "webserver/list_query.h"

enum {
    ROWS_A_PIECE = 1000,
    TURN_MS = 20, /* at a stretch */
    VALUE_MAX = 1024 * 1024
};

struct export
{
    struct deadline deadline;
    struct server *server;
    struct request *request;
    const struct list_spec *spec; /* the part that is being read */
    struct list_query query;
    struct buf cursor;
    struct buf value; /* of one cell */
};

static void export_free(struct export *export)
{
    list_query_fini(&export->query);
    buf_fini(&export->cursor);
    buf_fini(&export->value);
    free(export);
}

/* Cells. */

static void add_text(const char *text, struct buf *out)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        buf_add_str(out, *text == '"' ? "\"" : "");
        buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

static void add_cell(struct export *export, const struct store_key *key,
                     struct doc row, const char *name)
{
    struct buf *out = request_out(export->request);
    struct doc_value value;

    if (!doc_get(row, name, &value)) {
        if (strcmp(name, "id") == 0) {
            add_text(key->text, out);
        }
        return;
    }
    if (value.type == DOC_STRING) {
        add_text(value.u.s.text, out);
    } else if (value.type != DOC_NULL) {
        buf_clear(&export->value);
        doc_value_to_json(&value, &export->value);
        add_text(buf_str(&export->value), out);
    }
}

static bool on_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct export *export = ctx;
    struct buf *out = request_out(export->request);

    for (const struct item_field *f = export->spec->fields; f->name != NULL;
         f++) {
        buf_add_str(out, f == export->spec->fields ? "" : ",");
        add_cell(export, key, row, f->name);
    }
    buf_add_str(out, "\r\n");
    return !out->overflow;
}

static void add_head(struct export *export)
{
    struct buf *out = request_out(export->request);

    for (const struct item_field *f = export->spec->fields; f->name != NULL;
         f++) {
        buf_addf(out, "%s%s", f == export->spec->fields ? "" : ",", f->name);
    }
    buf_add_str(out, "\r\n");
}

/* Pieces. */

static enum err read_piece(struct export *export, struct errbuf *why)
{
    char *cursor = xstrdup(buf_str(&export->cursor));
    const struct store_query query = {.collection = export->spec->collection,
                                      .filter = export->query.filter,
                                      .sort = export->query.sort,
                                      .descending = export->query.descending,
                                      .cursor = cursor,
                                      .limit = ROWS_A_PIECE,
                                      .look = ROWS_A_PIECE};
    enum err err = store_scan(export->server->store, &query, on_row, export,
                              &export->cursor, why);

    free(cursor);
    if (err == ERR_OK && export->cursor.len == 0) {
        export->spec = export->spec->then;
    }
    return err;
}

/* Whether there is more to read; else it is answered, and freed. */
static bool take_piece(struct export *export)
{
    struct request *request = export->request;
    struct errbuf why = {0};
    enum err err;

    if (!list_has_store(export->server, request)) {
        export_free(export);
        return false;
    }
    err = read_piece(export, &why);
    if (err == ERR_OK && export->spec != NULL &&
        !request_out(request)->overflow) {
        return true;
    }
    if (err == ERR_OK) {
        request->reply.content_type = "text/csv; charset=utf-8";
        request_reply(request, HTTP_OK);
    } else {
        list_reply_failed(request, err, &why);
    }
    export_free(export);
    return false;
}

static void on_cancel(void *ctx)
{
    struct export *export = ctx;

    deadlines_remove(&export->server->deadlines, &export->deadline);
    export_free(export);
}

static void on_turn(struct deadline *deadline);

/* Whether it goes on later. */
static bool go_on(struct export *export)
{
    int64_t until_ms = clock_mono_ms() + TURN_MS;

    do {
        if (!take_piece(export)) {
            return false;
        }
    } while (clock_mono_ms() < until_ms);
    export->deadline.at_ms = clock_mono_ms() + 1;
    export->deadline.passed = on_turn;
    deadlines_add(&export->server->deadlines, &export->deadline);
    return true;
}

static void on_turn(struct deadline *deadline)
{
    /* deadline is the first member */
    (void)go_on((struct export *)deadline);
}

void list_export(struct server *server, struct request *request,
                 const struct list_spec *spec)
{
    struct export *export = xcalloc(1, sizeof *export);

    export->server = server;
    export->request = request;
    export->spec = spec;
    buf_init(&export->cursor, LIST_CURSOR_MAX);
    buf_init(&export->value, VALUE_MAX);
    if (!list_query_read(server, request, spec, &export->query)) {
        export_free(export);
        return;
    }
    add_head(export);
    if (go_on(export)) {
        request_wait(request, on_cancel, export);
    }
}
