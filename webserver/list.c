/* SPDX-License-Identifier: Apache-2.0 */
/** Lists and single items from the store. */
#include "webserver/list.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "webserver/json_text.h"
#include "webserver/list_query.h"
#include "webserver/marks.h"

enum {
    FILTER_TEXT_MAX = 256 * 1024,
    SEARCH_MAX = 200,
    SORT_MAX = LIST_SORT_MAX,
    CURSOR_MAX = LIST_CURSOR_MAX
};

/* Beyond any date, and no overflow in milliseconds. */
#define TIME_MAX_S 1e12

/* A row that waits for the end of the scan. */
struct kept {
    char *text; /* of its key */
    void *data;
    uint32_t len;
};

/* A list as it was asked for. */
struct listing {
    struct server *server;
    struct request *request;
    const struct list_spec *spec;  /* the part that is being read */
    const struct list_spec *first; /* of the whole list */
    struct filter *filter;
    char sort[SORT_MAX + 1]; /* "": by key */
    bool descending;
    int64_t limit;
    const char *cursor; /* of the part; "" at its start */
    int64_t n;
    struct kept *kept;
    size_t n_kept, kept_bytes;
    struct buf next;
    struct errbuf why;
};

bool list_has_store(struct server *server, struct request *request)
{
    if (server->store == NULL) {
        request_problem(request, HTTP_UNAVAILABLE, NULL,
                        "the store is away: %s", server->store_reason);
        return false;
    }
    return true;
}

void list_reply_failed(struct request *request, enum err err,
                       const struct errbuf *why)
{
    buf_clear(request_out(request));
    if (err == ERR_INVALID) {
        request_problem(request, HTTP_BAD_REQUEST, why->field, "%s", why->text);
    } else {
        request_problem(request, HTTP_UNAVAILABLE, NULL,
                        "the store does not answer%s%s",
                        why->text[0] != '\0' ? ": " : "", why->text);
    }
}

/* Parameters. */

bool list_int(struct request *request, const char *name, const char *text,
              struct list_bounds bounds, int64_t *value)
{
    if (text == NULL ||
        str_to_i64(text, bounds.min, bounds.max, value) == ERR_OK) {
        return true;
    }
    request_problem(request, HTTP_BAD_REQUEST, name,
                    "expected a whole number from %lld to %lld",
                    (long long)bounds.min, (long long)bounds.max);
    return false;
}

bool list_int_param(struct request *request, const char *name, int64_t min,
                    int64_t max, int64_t *value)
{
    return list_int(request, name, request_param(request, name),
                    (struct list_bounds){min, max}, value);
}

bool list_has_name(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; at != NULL; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strcspn(at, ",") == len && strncmp(at, name, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool parse_time(const char *text, int64_t *ms)
{
    double seconds;
    int64_t before;

    if (text[0] == '-' &&
        clock_parse_duration(text + 1, &before, NULL) == ERR_OK) {
        *ms = clock_now_ms() - before;
        return true;
    }
    if (str_to_double(text, &seconds) != ERR_OK || seconds < 0 ||
        seconds > TIME_MAX_S) {
        return false;
    }
    *ms = clock_s_to_ms(seconds);
    return true;
}

bool list_time(struct request *request, const char *name, const char *text,
               int64_t *ms)
{
    if (text == NULL || parse_time(text, ms)) {
        return true;
    }
    request_problem(request, HTTP_BAD_REQUEST, name,
                    "expected seconds since 1970, or a time before now like "
                    "-3h");
    return false;
}

bool list_time_param(struct request *request, const char *name, int64_t *ms)
{
    return list_time(request, name, request_param(request, name), ms);
}

/* A regular expression that finds exactly the text. */
static void quote_pattern(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\^$.|?*+()[]{}-#", *text) != NULL) {
            buf_add_char(out, '\\');
        }
        buf_add_char(out, *text);
    }
}

static void add_search(const char *const *fields, const char *text,
                       struct buf *out)
{
    struct buf pattern;

    buf_init(&pattern, 2 * SEARCH_MAX + 1);
    quote_pattern(text, &pattern);
    buf_add_str(out, "{\"$or\":[");
    for (size_t i = 0; fields[i] != NULL; i++) {
        buf_addf(out, "%s{\"%s\":{\"$regex\":", i > 0 ? "," : "", fields[i]);
        json_add_text(out, buf_str(&pattern));
        buf_add_str(out, ",\"$options\":\"i\"}}");
    }
    buf_add_str(out, "]}");
    buf_fini(&pattern);
}

/* Each condition of the request, as members of an $and. */
static bool add_filter(struct listing *l, struct buf *out)
{
    const char *text = request_param(l->request, "filter");
    struct filter *filter = NULL;
    enum err err;

    if (text == NULL || text[0] == '\0') {
        return true;
    }
    err = filter_parse(text, &filter, &l->why);
    if (err == ERR_OK && l->first->marks) {
        err = marks_resolve(&filter, &l->why);
    }
    if (err != ERR_OK) {
        request_problem(l->request, HTTP_BAD_REQUEST, "filter", "%s",
                        l->why.text);
        filter_free(filter);
        return false;
    }
    filter_format(filter, out);
    filter_free(filter);
    return true;
}

/* A pattern for the ids of a component and of all that it has, by the form of
 * entity ids: "/<type>/<connector>/<connector name>/<component>[/...]". */
static void add_component(const char *component, struct buf *out)
{
    struct buf pattern;

    buf_init(&pattern, 4 * EVENT_ENTITY_ID_MAX);
    buf_add_str(&pattern, "^/[^/]+/[^/]+/[^/]+/");
    for (const char *c = component; *c != '\0'; c++) {
        if (*c == '/' || *c == '%') {
            buf_add_str(&pattern, *c == '/' ? "%2F" : "%25");
        } else {
            buf_add_str(&pattern, isascii((unsigned char)*c) &&
                                          !isalnum((unsigned char)*c)
                                      ? "\\"
                                      : "");
            buf_add_char(&pattern, *c);
        }
    }
    buf_add_str(&pattern, "(?:/|\\z)");
    buf_add_str(out, "{\"entity_id\":{\"$regex\":");
    json_add_text(out, buf_str(&pattern));
    buf_add_str(out, "}}");
    buf_fini(&pattern);
}

/* Ready for one condition more of those that began at start. */
static struct buf *next_condition(struct buf *out, size_t start)
{
    buf_add_str(out, out->len > start ? "," : "");
    return out;
}

/* A parameter that the list has; false: it is too long, told. */
static bool param_fits(struct listing *l, const char *name, int max,
                       const char **value)
{
    *value = name == NULL ? NULL : request_param(l->request, name);
    if (*value == NULL || strlen(*value) <= (size_t)max) {
        return true;
    }
    request_problem(l->request, HTTP_BAD_REQUEST, name,
                    "expected at most %d bytes", max);
    return false;
}

static void add_entity(const char *entity, struct buf *out)
{
    buf_add_str(out, "{\"entity_id\":");
    json_add_text(out, entity);
    buf_add_char(out, '}');
}

static bool add_conditions(struct listing *l, struct buf *out)
{
    const struct list_spec *spec = l->first;
    const char *search, *entity, *component;
    size_t start = out->len;

    if (!add_filter(l, out) || !param_fits(l, "search", SEARCH_MAX, &search) ||
        !param_fits(l, spec->entity_param, INT_MAX, &entity) ||
        !param_fits(l, spec->component_param, EVENT_COMPONENT_MAX,
                    &component)) {
        return false;
    }
    if (search != NULL && search[0] != '\0') {
        add_search(spec->search, search, next_condition(out, start));
    }
    if (entity != NULL) {
        add_entity(entity, next_condition(out, start));
    }
    if (component != NULL) {
        add_component(component, next_condition(out, start));
    }
    if (spec->where != NULL) {
        buf_add_str(next_condition(out, start), spec->where);
    }
    if (spec->kind != NULL) {
        buf_addf(next_condition(out, start), "{\"kind\":\"%s\"}", spec->kind);
    }
    return true;
}

static bool make_filter(struct listing *l)
{
    static const char start[] = "{\"$and\":[";
    struct buf text;
    bool good;

    buf_init(&text, FILTER_TEXT_MAX);
    buf_add_str(&text, start);
    good = add_conditions(l, &text);
    if (good && text.len > sizeof start - 1) {
        buf_add_str(&text, "]}");
        good = filter_parse(buf_str(&text), &l->filter, &l->why) == ERR_OK;
        if (!good) {
            request_problem(l->request, HTTP_BAD_REQUEST, "filter", "%s",
                            l->why.text);
        }
    }
    buf_fini(&text);
    return good;
}

/* "a, b, c" of what every part of the list can sort by. */
static void name_sorts(const struct list_spec *spec, struct buf *out)
{
    const struct store_schema *schema = store_schema(spec->collection);

    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        const char *field = schema->indexes[i];

        if (spec->then == NULL ||
            store_schema_indexes(spec->then->collection, field)) {
            buf_addf(out, "%s%s", out->len > 0 ? ", " : "", field);
        }
    }
}

static bool can_sort(const struct list_spec *spec, const char *field)
{
    for (; spec != NULL; spec = spec->then) {
        if (!store_schema_indexes(spec->collection, field)) {
            return false;
        }
    }
    return true;
}

static bool set_sort(struct listing *l)
{
    const char *given = request_param(l->request, "sort");
    const char *sort = given != NULL ? given : l->first->sort;
    struct buf names;

    if (sort == NULL || l->first->span != NULL) {
        l->descending = l->first->span != NULL && l->first->span->descending;
        return true;
    }
    l->descending = sort[0] == '-';
    sort += l->descending ? 1 : 0;
    if (can_sort(l->first, sort)) {
        (void)snprintf(l->sort, sizeof l->sort, "%s", sort);
        return true;
    }
    buf_init(&names, ERRBUF_TEXT_MAX);
    name_sorts(l->first, &names);
    request_problem(l->request, HTTP_BAD_REQUEST, "sort",
                    "expected one of: %s (with - before it: from high to low)",
                    buf_str(&names));
    buf_fini(&names);
    return false;
}

/* Cursors are "<part>.<the store's own>": part counts the lists that follow
 * each other. */
static bool set_cursor(struct listing *l)
{
    const char *text = request_param(l->request, "cursor");

    l->cursor = "";
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    if (strlen(text) <= CURSOR_MAX && text[1] == '.' &&
        (text[0] == '0' || (text[0] == '1' && l->first->then != NULL))) {
        l->spec = text[0] == '0' ? l->first : l->first->then;
        l->cursor = text + 2;
        return true;
    }
    request_problem(l->request, HTTP_BAD_REQUEST, "cursor",
                    "expected what 'next' of the list before holds");
    return false;
}

bool list_query_read(struct server *server, struct request *request,
                     const struct list_spec *spec, struct list_query *query)
{
    struct listing l = {
        .server = server, .request = request, .spec = spec, .first = spec};
    bool good = set_sort(&l) && make_filter(&l);

    *query =
        (struct list_query){.filter = l.filter, .descending = l.descending};
    (void)snprintf(query->sort_text, sizeof query->sort_text, "%s", l.sort);
    query->sort = query->sort_text[0] != '\0' ? query->sort_text : NULL;
    return good;
}

void list_query_fini(struct list_query *query)
{
    filter_free(query->filter);
}

/* Reading. */

static void keep_row(struct listing *l, const struct store_key *key,
                     struct doc row)
{
    struct kept *kept;

    if (l->kept == NULL) {
        l->kept = xcalloc((size_t)l->limit, sizeof l->kept[0]);
    }
    kept = &l->kept[l->n_kept++];
    kept->text = xstrdup(key->text != NULL ? key->text : "");
    kept->data = xmemdup(row.data, row.len);
    kept->len = row.len;
    l->kept_bytes += row.len;
}

static void prepare_kept(const struct listing *l)
{
    struct doc *rows = xcalloc(l->n_kept + 1, sizeof *rows);

    for (size_t i = 0; i < l->n_kept; i++) {
        rows[i] = (struct doc){l->kept[i].data, l->kept[i].len};
    }
    l->first->prepare(l->server, rows, l->n_kept);
    free(rows);
}

/* Only lists under text keys complete their rows. */
static void write_kept(struct listing *l)
{
    struct buf *out = request_out(l->request);

    if (l->first->prepare != NULL) {
        prepare_kept(l);
    }

    for (size_t i = 0; i < l->n_kept; i++) {
        const struct store_key key = {.text = l->kept[i].text};
        const struct doc row = {l->kept[i].data, l->kept[i].len};

        buf_add_str(out, i > 0 ? "," : "");
        l->first->write(l->server, l->first, &key, row, out);
    }
}

static void free_kept(struct listing *l)
{
    for (size_t i = 0; i < l->n_kept; i++) {
        free(l->kept[i].text);
        free(l->kept[i].data);
    }
    free(l->kept);
}

static bool on_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct listing *l = ctx;
    struct buf *out = request_out(l->request);

    l->n++;
    if (l->first->write != NULL) {
        keep_row(l, key, row);
        return l->kept_bytes < REQUEST_REPLY_MAX;
    }
    buf_add_str(out, l->n > 1 ? "," : "");
    item_write(l->spec->fields, l->spec->collection, key, row, out);
    return !out->overflow;
}

static enum err read_part(struct listing *l)
{
    const struct list_span *span = l->spec->span;
    const struct store_query query = {
        .collection = l->spec->collection,
        .filter = l->filter,
        .from = span != NULL ? &span->from : NULL,
        .to = span != NULL ? &span->to : NULL,
        .sort = l->sort[0] != '\0' ? l->sort : NULL,
        .descending = l->descending,
        .cursor = l->cursor,
        .limit = l->limit - l->n,
        .look = LIST_LOOK,
    };
    enum err err =
        store_scan(l->server->store, &query, on_row, l, &l->next, &l->why);

    if (err == ERR_INVALID && l->cursor[0] != '\0') {
        errbuf_set_field(&l->why, "cursor",
                         "the cursor is not of this list with this order");
    }
    return err;
}

/* The parts one after the other, until the limit. */
static enum err read_rows(struct listing *l)
{
    enum err err = read_part(l);

    while (err == ERR_OK && l->next.len == 0 && l->n < l->limit &&
           l->spec->then != NULL) {
        l->spec = l->spec->then;
        l->cursor = "";
        err = read_part(l);
    }
    return err;
}

static void add_next(const struct listing *l, struct buf *out)
{
    const struct list_spec *part = l->spec;

    buf_add_str(out, "],\"next\":");
    if (l->next.len > 0) {
        buf_addf(out, "\"%d.%s\"", part == l->first ? 0 : 1, buf_str(&l->next));
    } else if (part->then != NULL) {
        buf_add_str(out, "\"1.\""); /* full at the very end of a part */
    } else {
        buf_add_str(out, "null");
    }
}

/* Whether the page is the whole list. */
static bool is_whole(const struct listing *l)
{
    const char *cursor = request_param(l->request, "cursor");

    return l->next.len == 0 && l->spec->then == NULL &&
           (cursor == NULL || cursor[0] == '\0');
}

/* With a span of keys the total counts what the page holds: a count there
 * would read every row. */
static enum err add_total(const struct listing *l, struct buf *out)
{
    bool counts = !is_whole(l) && l->first->span == NULL;
    int64_t total = counts ? 0 : l->n;
    bool exact = counts || is_whole(l);

    for (const struct list_spec *s = l->first; s != NULL && counts;
         s = s->then) {
        const struct store_query query = {.collection = s->collection,
                                          .filter = l->filter,
                                          .limit = LIST_TOTAL_MAX + 1,
                                          .look = LIST_LOOK};
        bool whole;
        int64_t n;
        enum err err = store_count_some(l->server->store, &query, &n, &whole);

        if (err != ERR_OK) {
            return err;
        }
        total += n;
        exact = exact && whole;
    }
    if (total > LIST_TOTAL_MAX) {
        total = LIST_TOTAL_MAX;
        exact = false;
    }
    buf_addf(out, ",\"total\":%lld,\"total_is\":\"%s\"}", (long long)total,
             exact ? "exact" : "at least");
    return ERR_OK;
}

static void run_listing(struct listing *l)
{
    struct buf *out = request_out(l->request);
    enum err err;

    buf_add_str(out, "{\"items\":[");
    err = read_rows(l);
    if (err == ERR_OK) {
        write_kept(l);
        add_next(l, out);
        err = add_total(l, out);
    }
    if (err == ERR_OK) {
        request_reply(l->request, HTTP_OK);
    } else {
        list_reply_failed(l->request, err, &l->why);
    }
}

void list_reply(struct server *server, struct request *request,
                const struct list_spec *spec)
{
    struct listing l = {.server = server,
                        .request = request,
                        .spec = spec,
                        .first = spec,
                        .limit = LIST_DEFAULT};

    buf_init(&l.next, CURSOR_MAX);
    if (list_int_param(request, "limit", 1, LIST_MAX, &l.limit) &&
        set_sort(&l) && set_cursor(&l) && make_filter(&l) &&
        list_has_store(server, request)) {
        run_listing(&l);
    }
    filter_free(l.filter);
    free_kept(&l);
    buf_fini(&l.next);
}

void list_reply_item(struct server *server, struct request *request,
                     const struct list_spec *spec, const char *what)
{
    const struct store_key key = {.text = request->id};
    struct errbuf why = {0};
    struct buf row;
    enum err err = ERR_NOT_FOUND;

    if (!list_has_store(server, request)) {
        return;
    }
    buf_init(&row, DOC_BYTES_MAX);
    for (; spec != NULL && err == ERR_NOT_FOUND; spec = spec->then) {
        err = store_get(server->store, spec->collection, &key, &row);
        if (err == ERR_OK) {
            const struct doc doc = {(const uint8_t *)row.data,
                                    (uint32_t)row.len};

            if (spec->prepare != NULL) {
                spec->prepare(server, &doc, 1);
            }
            if (spec->write != NULL) {
                spec->write(server, spec, &key, doc, request_out(request));
            } else {
                item_write(spec->fields, spec->collection, &key, doc,
                           request_out(request));
            }
            request_reply(request, HTTP_OK);
        }
    }
    if (err == ERR_NOT_FOUND) {
        request_problem(request, HTTP_NOT_FOUND, "id", "there is no such %s",
                        what);
    } else if (err != ERR_OK) {
        list_reply_failed(request, err, &why);
    }
    buf_fini(&row);
}
