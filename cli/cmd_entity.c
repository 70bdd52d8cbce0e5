/* SPDX-License-Identifier: Apache-2.0 */
/** hyp entity: what sends events. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/acting.h"
#include "cli/call.h"
#include "cli/object_files.h"
#include "common/base/mem.h"

static const struct column entity_columns[] = {
    {"TYPE", "type", COLUMN_TEXT, false},
    {"NAME", "name", COLUMN_TEXT, false},
    {"COMPONENT", "component", COLUMN_TEXT, false},
    {"RESOURCE", "resource", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"ENABLED", "enabled", COLUMN_BOOL, true},
    {"LAST EVENT", "last_event_at", COLUMN_AGE, false},
    {"CONNECTOR", "connector", COLUMN_TEXT, true},
    {"CONNECTOR NAME", "connector_name", COLUMN_TEXT, true},
    {"TAGS", "tags", COLUMN_TEXT, true},
    {"INFOS", "infos", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column neighbour_columns[] = {
    {"RELATION", "relation", COLUMN_TEXT, false},
    {"TYPE", "type", COLUMN_TEXT, false},
    {"NAME", "name", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"ENABLED", "enabled", COLUMN_BOOL, true},
    {"LAST EVENT", "last_event_at", COLUMN_AGE, false},
    {"CONNECTOR", "connector", COLUMN_TEXT, false},
    {"CONNECTOR NAME", "connector_name", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

enum {
    PATH_BYTES = 16 * 1024,
    IMPORT_BYTES = 64 * 1024 * 1024
};

#define ENTITIES "/api/v1/entities"

int cmd_entity_list(struct hyp *hyp)
{
    return listing_show(hyp, ENTITIES, entity_columns);
}

int cmd_entity_show(struct hyp *hyp)
{
    return listing_show_one(hyp, ENTITIES, entity_columns);
}

int cmd_entity_neighbours(struct hyp *hyp)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ENTITIES "/neighbours");
    api_add_param(&path, "id", hyp->args.words[0]);
    code = listing_show(hyp, buf_str(&path), neighbour_columns);
    buf_fini(&path);
    return code;
}

/* Import. */

/* The document as it is in the file, to the route with the options. */
static int call_import(struct hyp *hyp, const struct buf *document, bool dry,
                       struct api_answer *answer)
{
    char *author = call_author(hyp);
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, "/api/v1/context/import");
    api_add_param(&path, "source", hyp_option(hyp, "source"));
    api_add_param(&path, "author", author);
    api_add_param(&path, "partial", hyp_has(hyp, "partial") ? "true" : NULL);
    api_add_param(&path, "dry_run", dry ? "true" : NULL);
    code = call_method(hyp, "PUT", buf_str(&path), document, answer);
    buf_fini(&path);
    free(author);
    return code;
}

static const struct column plan_columns[] = {
    {"WOULD", "would", COLUMN_TEXT, false},
    {"ID", "id", COLUMN_TEXT, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column done_columns[] = {
    {"RESULT", "result", COLUMN_TEXT, false},
    {"ID", "id", COLUMN_TEXT, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static void show_items(const struct hyp *hyp, struct doc answer,
                       const struct column *columns)
{
    struct table *table = table_new(hyp, columns);
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, doc_sub(answer, "items"));
    while (doc_next(&it, &index, &value)) {
        table_add(table, value.u.doc);
    }
    table_finish(table);
    table_free(table);
}

static void tell_counts(struct doc answer, const char *const *names)
{
    struct buf line;

    buf_init(&line, PATH_BYTES);
    for (; *names != NULL; names++) {
        buf_addf(&line, "%s%lld %s", line.len > 0 ? ", " : "",
                 (long long)doc_i64(answer, *names, 0), *names);
    }
    hyp_say("%s", buf_str(&line));
    buf_fini(&line);
}

/* What goes by being absent is shown before it is asked for. */
static int ask_import(struct hyp *hyp, const struct buf *document, bool *go)
{
    static const char *const names[] = {
        "set", "enable", "disable", "delete", "refused", "unchanged", NULL};
    struct api_answer answer;
    bool dry = hyp_has(hyp, "dry-run");
    int code = call_import(hyp, document, true, &answer);
    int64_t harm;

    *go = false;
    if (code != HYP_DONE) {
        return code;
    }
    harm = doc_i64(answer.doc, "disable", 0) + doc_i64(answer.doc, "delete", 0);
    if (dry || (harm > 0 && !hyp_has(hyp, "yes"))) {
        show_items(hyp, answer.doc, plan_columns);
        (void)fflush(stdout);
        tell_counts(answer.doc, names);
    }
    api_answer_fini(&answer);
    if (!dry && harm > 0 && !hyp_confirm(hyp, "import?")) {
        return hyp->terminal ? HYP_REFUSED : HYP_USAGE;
    }
    *go = !dry;
    return HYP_DONE;
}

static int import_now(struct hyp *hyp, const struct buf *document)
{
    static const char *const names[] = {"done",        "pending",   "refused",
                                        "unpublished", "unchanged", NULL};
    struct api_answer answer;
    int code = call_import(hyp, document, false, &answer);

    if (code != HYP_DONE) {
        return code;
    }
    show_items(hyp, answer.doc, done_columns);
    (void)fflush(stdout);
    tell_counts(answer.doc, names);
    if (doc_i64(answer.doc, "refused", 0) > 0 ||
        doc_i64(answer.doc, "unpublished", 0) > 0) {
        code = HYP_PARTLY;
    }
    api_answer_fini(&answer);
    return code;
}

int cmd_entity_import(struct hyp *hyp)
{
    struct buf document;
    bool go;
    int code = HYP_USAGE;

    if (hyp_option(hyp, "source") == NULL) {
        hyp_say("--source NAME: who knows this");
        return HYP_USAGE;
    }
    buf_init(&document, IMPORT_BYTES);
    if (object_files_read(hyp->args.words[0], &document)) {
        code = ask_import(hyp, &document, &go);
        if (code == HYP_DONE && go) {
            code = import_now(hyp, &document);
        }
    }
    buf_fini(&document);
    return code;
}

static int act(struct hyp *hyp, const char *type)
{
    return acting_do(hyp,
                     &(struct acting){.path = ENTITIES,
                                      .one = "entity",
                                      .many = "entities",
                                      .and_more = " and what belongs there",
                                      .columns = entity_columns,
                                      .find = acting_take_id,
                                      .type = type,
                                      .asks = true});
}

int cmd_entity_enable(struct hyp *hyp)
{
    return act(hyp, "enable");
}

int cmd_entity_disable(struct hyp *hyp)
{
    return act(hyp, "disable");
}

int cmd_entity_delete(struct hyp *hyp)
{
    return act(hyp, "delete");
}
