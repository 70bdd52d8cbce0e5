/* SPDX-License-Identifier: Apache-2.0 */
/** hyp apply, hyp export: all that people configured, as files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "cli/object_files.h"
#include "cli/objects.h"
#include "cli/yaml_docs.h"
#include "common/base/map.h"
#include "common/base/mem.h"

enum {
    PATH_BYTES = 16 * 1024,
    BODY_BYTES = 1024 * 1024,
    QUESTION_MAX = 256,
    SET_MAX = 100,
    STATUS_CREATED = 201,
    STATUS_NOT_FOUND = 404
};

/* The label that says to which set an object belongs. */
#define SET_LABEL "set"

struct applying {
    struct hyp *hyp;
    const char *set;     /* NULL: none */
    struct doc_out *out; /* the object with its label */
    struct map given;    /* "kind/name", each owned by its entry */
    struct map doomed;   /* the same of what is to be pruned */
    const char *kind;    /* of the list looked through */
    size_t good, bad;
    int code;
};

static void add_name(struct map *map, const char *kind, const char *name)
{
    char *key = xasprintf("%s/%s", kind, name);

    if (map_get(map, key, strlen(key)) != NULL) {
        free(key);
        return;
    }
    (void)map_put(map, key, strlen(key), key);
}

static bool has_name(const struct map *map, const char *kind, const char *name)
{
    char *key = xasprintf("%s/%s", kind, name);
    bool has = map_get(map, key, strlen(key)) != NULL;

    free(key);
    return has;
}

static void names_fini(struct map *map)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(map, &at, &slot)) {
        free(slot.value);
    }
    map_fini(map);
}

static const char *set_of(struct doc object)
{
    return doc_str(doc_sub(object, "labels"), SET_LABEL, "");
}

/* The labels that are there, and the set's. */
static void add_labels(struct applying *applying, struct doc labels)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_begin_doc(applying->out, "labels");
    doc_iter_init(&it, labels);
    while (doc_next(&it, &name, &value)) {
        if (strcmp(name, SET_LABEL) != 0) {
            doc_add_value(applying->out, name, &value);
        }
    }
    doc_add_str(applying->out, SET_LABEL, applying->set);
    doc_end(applying->out);
}

/* With --set the object bears its label; borrowed. */
static struct doc labelled(struct applying *applying, struct doc object)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    if (applying->set == NULL ||
        (doc_get(object, "labels", &value) && value.type != DOC_DOC)) {
        return object;
    }
    doc_out_reset(applying->out);
    doc_iter_init(&it, object);
    while (doc_next(&it, &name, &value)) {
        if (strcmp(name, "labels") != 0) {
            doc_add_value(applying->out, name, &value);
        }
    }
    add_labels(applying, doc_sub(object, "labels"));
    return doc_out_done(applying->out);
}

static void tell(const char *kind, struct doc object, const char *what)
{
    (void)printf("%s/%s: %s\n", kind, doc_str(object, "name", "?"), what);
}

/* Version that is there, 0 for none; the answer is given too when there is
 * one. Returns the exit code. */
static int look(struct applying *applying, const char *kind, struct doc object,
                struct api_answer *answer, int64_t *version)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(kind, "", doc_str(object, "name", ""), &path);
    code = call_any(applying->hyp, buf_str(&path), NULL, answer);
    buf_fini(&path);
    *version = 0;
    if (code != HYP_DONE) {
        *answer = (struct api_answer){.status = 0}; /* it is released */
        return code;
    }
    if (answer->status == STATUS_NOT_FOUND) {
        return HYP_DONE;
    }
    *version = doc_i64(answer->doc, "version", 0);
    if (*version == 0) {
        code = call_tell_problem(applying->hyp, answer);
    }
    return code;
}

static bool same_member(struct doc a, struct doc b, const char *name)
{
    struct buf x;
    struct buf y;
    bool same;

    buf_init(&x, BODY_BYTES);
    buf_init(&y, BODY_BYTES);
    doc_to_json(doc_sub(a, name), &x);
    doc_to_json(doc_sub(b, name), &y);
    same = strcmp(buf_str(&x), buf_str(&y)) == 0;
    buf_fini(&x);
    buf_fini(&y);
    return same;
}

/* What would be done, without doing it. */
static int would_apply(struct applying *applying, const char *kind,
                       struct doc object, const struct api_answer *there,
                       int64_t version)
{
    struct api_answer answer;
    struct buf path;
    struct buf body;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_init(&body, BODY_BYTES);
    objects_path(kind, "/check", NULL, &path);
    doc_to_json(object, &body);
    code = call_post(applying->hyp, buf_str(&path), &body, &answer);
    if (code == HYP_DONE) {
        api_answer_fini(&answer);
        if (version == 0) {
            tell(kind, object, "would be created");
        } else if (same_member(there->doc, object, "spec") &&
                   same_member(there->doc, object, "labels")) {
            tell(kind, object, "unchanged");
        } else {
            tell(kind, object, "would be changed");
        }
    }
    buf_fini(&body);
    buf_fini(&path);
    return code;
}

static int apply(struct applying *applying, const char *kind, struct doc object,
                 int64_t version)
{
    struct api_answer answer;
    int code = objects_put(applying->hyp, kind, object, &answer);

    if (code == HYP_DONE) {
        if (answer.status == STATUS_CREATED) {
            tell(kind, object, "created");
        } else if (doc_i64(answer.doc, "version", 0) == version) {
            tell(kind, object, "unchanged");
        } else {
            tell(kind, object, "changed");
        }
        api_answer_fini(&answer);
    }
    return code;
}

/* An object of one set is not taken into another by accident. */
static bool is_free(const struct applying *applying, struct doc there)
{
    const char *set = set_of(there);

    if (applying->set == NULL || set[0] == '\0' ||
        strcmp(set, applying->set) == 0) {
        return true;
    }
    hyp_say("%s belongs to the set '%s'", doc_str(there, "name", "?"), set);
    return false;
}

static int apply_known(struct applying *applying, const char *kind,
                       struct doc object)
{
    struct api_answer there = {.status = 0};
    int64_t version;
    int code = look(applying, kind, object, &there, &version);

    object = labelled(applying, object);
    if (code == HYP_DONE && version > 0 && !is_free(applying, there.doc)) {
        code = HYP_REFUSED;
    }
    if (code == HYP_DONE) {
        code = hyp_has(applying->hyp, "dry-run")
                   ? would_apply(applying, kind, object, &there, version)
                   : apply(applying, kind, object, version);
    }
    api_answer_fini(&there);
    return code;
}

static bool apply_one(void *ctx, const char *where, struct doc object)
{
    struct applying *applying = ctx;
    const char *kind = doc_str(object, "kind", "");
    const char *name = doc_str(object, "name", "");

    applying->code = HYP_REFUSED;
    if (kind[0] == '\0' || name[0] == '\0' ||
        strspn(kind, "abcdefghijklmnopqrstuvwxyz_") != strlen(kind)) {
        hyp_say("%s: expected kind, name and spec", where);
    } else {
        add_name(&applying->given, kind, name);
        applying->code = apply_known(applying, kind, object);
        if (applying->code != HYP_DONE) {
            hyp_say("  (%s/%s in %s)", kind, name, where);
        }
    }
    applying->good += applying->code == HYP_DONE;
    applying->bad += applying->code != HYP_DONE;
    return applying->code != HYP_UNREACHABLE;
}

/* --- pruning ----------------------------------------------------------------
 */

/* For each kind there is. */
static int each_kind(struct hyp *hyp, int (*fn)(void *ctx, const char *kind),
                     void *ctx)
{
    struct api_answer answer;
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    int code = call_get(hyp, "/api/v1/schemas", &answer);

    if (code != HYP_DONE) {
        return code;
    }
    doc_iter_init(&it, doc_sub(answer.doc, "items"));
    while (code == HYP_DONE && doc_next(&it, &index, &value)) {
        code = fn(ctx, doc_str(value.u.doc, "kind", ""));
    }
    api_answer_fini(&answer);
    return code;
}

static bool doom(void *ctx, struct doc item)
{
    struct applying *applying = ctx;
    const char *name = doc_str(item, "name", "");

    if (strcmp(set_of(item), applying->set) == 0 &&
        !has_name(&applying->given, applying->kind, name)) {
        add_name(&applying->doomed, applying->kind, name);
    }
    return true;
}

static int doom_kind(void *ctx, const char *kind)
{
    struct applying *applying = ctx;
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(kind, "", NULL, &path);
    applying->kind = kind;
    code = listing_each(applying->hyp, buf_str(&path), 0, doom, applying, NULL);
    buf_fini(&path);
    return code;
}

static int prune_one(struct applying *applying, const char *key)
{
    const char *name = strchr(key, '/') + 1;
    char *kind = xstrndup(key, (size_t)(name - key) - 1);
    struct api_answer answer;
    int code = objects_delete(applying->hyp, kind, name, &answer);

    if (code == HYP_DONE) {
        (void)printf("%s: deleted\n", key);
        api_answer_fini(&answer);
    }
    free(kind);
    return code;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of names; the map's own is none. */
static char **doomed_keys(const struct applying *applying)
{
    char **keys = xcalloc(applying->doomed.n + 1, sizeof *keys);
    struct map_slot slot;
    size_t at = 0;
    size_t n = 0;

    while (map_next(&applying->doomed, &at, &slot)) {
        keys[n++] = slot.value;
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    return keys;
}

static bool confirm_prune(const struct applying *applying, char *const *keys)
{
    char question[QUESTION_MAX];

    for (size_t i = 0; keys[i] != NULL; i++) {
        hyp_say("%s is not among them", keys[i]);
    }
    (void)snprintf(question, sizeof question, "Delete %zu of the set '%.64s'?",
                   applying->doomed.n, applying->set);
    return hyp_confirm(applying->hyp, question);
}

/* What the set has in the store and not in the files goes. */
static int prune(struct applying *applying)
{
    bool dry = hyp_has(applying->hyp, "dry-run");
    int code = each_kind(applying->hyp, doom_kind, applying);
    char **keys;

    if (code != HYP_DONE || applying->doomed.n == 0) {
        return code;
    }
    keys = doomed_keys(applying);
    if (!dry && !confirm_prune(applying, keys)) {
        code = HYP_PARTLY;
    }
    for (size_t i = 0; code == HYP_DONE && keys[i] != NULL; i++) {
        if (dry) {
            (void)printf("%s: would be deleted\n", keys[i]);
        } else {
            code = prune_one(applying, keys[i]);
        }
    }
    free(keys);
    return code;
}

/* Only by a whole list: from a part of one nothing follows. */
static int prune_if_whole(struct applying *applying)
{
    if (applying->bad == 0 && applying->good > 0) {
        return prune(applying);
    }
    hyp_say("nothing is pruned: %s", applying->bad > 0
                                         ? "not all objects were good"
                                         : "there is no object at all");
    return HYP_REFUSED;
}

static int apply_all(struct applying *applying, const char *path)
{
    int code = object_files_each(path, apply_one, applying);

    if (applying->code == HYP_UNREACHABLE) {
        return HYP_UNREACHABLE;
    }
    if (code == HYP_DONE && hyp_has(applying->hyp, "prune")) {
        int pruned = prune_if_whole(applying);

        if (applying->bad == 0) {
            return pruned;
        }
    }
    if (code != HYP_DONE || applying->bad == 0) {
        return code;
    }
    return applying->good > 0 ? HYP_PARTLY : HYP_REFUSED;
}

int cmd_apply(struct hyp *hyp)
{
    struct applying applying = {.hyp = hyp, .set = hyp_option(hyp, "set")};
    const char *path = hyp_option(hyp, "file");
    int code;

    if (path == NULL) {
        hyp_say("--file FILE: a file or a folder of objects, or -");
        return HYP_USAGE;
    }
    if (applying.set != NULL &&
        (applying.set[0] == '\0' || strlen(applying.set) > SET_MAX)) {
        hyp_say("--set NAME: 1 to %d bytes", SET_MAX);
        return HYP_USAGE;
    }
    if (hyp_has(hyp, "prune") && applying.set == NULL) {
        hyp_say("--prune needs --set NAME: it deletes only within a set");
        return HYP_USAGE;
    }
    map_init(&applying.given);
    map_init(&applying.doomed);
    applying.out = doc_out_new();
    code = apply_all(&applying, path);
    doc_out_free(applying.out);
    names_fini(&applying.doomed);
    names_fini(&applying.given);
    return code;
}

/* --- export -----------------------------------------------------------------
 */

/* Only what people wrote: the same file can be applied elsewhere. */
struct exporting {
    struct hyp *hyp;
    struct doc_out *out;
    int code;
};

static bool export_one(void *ctx, struct doc item)
{
    static const char *const members[] = {"kind", "name", "labels", "spec"};
    struct exporting *exporting = ctx;
    struct doc_value value;
    struct buf text;
    enum err err = ERR_OK;

    doc_out_reset(exporting->out);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (doc_get(item, members[i], &value) &&
            (value.type != DOC_DOC || doc_count(value.u.doc) > 0)) {
            doc_add_value(exporting->out, members[i], &value);
        }
    }
    buf_init(&text, BODY_BYTES);
    if (exporting->hyp->format == FORMAT_YAML) {
        err = yaml_write(doc_out_done(exporting->out), &text);
    } else {
        doc_to_json(doc_out_done(exporting->out), &text);
        buf_add_char(&text, '\n');
    }
    if (err != ERR_OK) {
        hyp_say("%s cannot be written as YAML", doc_str(item, "name", "?"));
        exporting->code = HYP_REFUSED;
    } else {
        (void)fputs(buf_str(&text), stdout);
    }
    buf_fini(&text);
    return err == ERR_OK;
}

static int export_kind(void *ctx, const char *kind)
{
    struct exporting *exporting = ctx;
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(kind, "", NULL, &path);
    code = listing_each(exporting->hyp, buf_str(&path), 0, export_one,
                        exporting, NULL);
    buf_fini(&path);
    return code == HYP_DONE ? exporting->code : code;
}

int cmd_export(struct hyp *hyp)
{
    struct exporting exporting = {.hyp = hyp};
    int code;

    if (hyp_has(hyp, "output") && hyp->format != FORMAT_JSON &&
        hyp->format != FORMAT_YAML) {
        hyp_say("-o: objects are exported as json or yaml");
        return HYP_USAGE;
    }
    exporting.out = doc_out_new();
    code = hyp->args.n > 0 ? export_kind(&exporting, hyp->args.words[0])
                           : each_kind(hyp, export_kind, &exporting);

    doc_out_free(exporting.out);
    return code;
}
