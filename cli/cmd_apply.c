/* SPDX-License-Identifier: Apache-2.0 */
/** hyp apply, hyp export: all that people configured, as files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "cli/object_files.h"
#include "cli/objects.h"
#include "common/base/mem.h"

enum {
    PATH_BYTES = 16 * 1024,
    BODY_BYTES = 1024 * 1024,
    STATUS_CREATED = 201,
    STATUS_NOT_FOUND = 404
};

struct applying {
    struct hyp *hyp;
    size_t good, bad;
    int code;
};

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

static int apply_known(struct applying *applying, const char *kind,
                       struct doc object)
{
    struct api_answer there = {.status = 0};
    int64_t version;
    int code = look(applying, kind, object, &there, &version);

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
        applying->code = apply_known(applying, kind, object);
        if (applying->code != HYP_DONE) {
            hyp_say("  (%s/%s in %s)", kind, name, where);
        }
    }
    applying->good += applying->code == HYP_DONE;
    applying->bad += applying->code != HYP_DONE;
    return applying->code != HYP_UNREACHABLE;
}

int cmd_apply(struct hyp *hyp)
{
    struct applying applying = {.hyp = hyp};
    const char *path = hyp_option(hyp, "file");
    int code;

    if (path == NULL) {
        hyp_say("--file FILE: a file or a folder of objects, or -");
        return HYP_USAGE;
    }
    code = object_files_each(path, apply_one, &applying);
    if (applying.code == HYP_UNREACHABLE) {
        return HYP_UNREACHABLE;
    }
    if (code != HYP_DONE || applying.bad == 0) {
        return code;
    }
    return applying.good > 0 ? HYP_PARTLY : HYP_REFUSED;
}

/* Only what people wrote: the same file can be applied elsewhere. */
static bool export_one(void *ctx, struct doc item)
{
    static const char *const members[] = {"kind", "name", "labels", "spec"};
    struct doc_out *out = ctx;
    struct doc_value value;
    struct buf line;

    doc_out_reset(out);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (doc_get(item, members[i], &value) &&
            (value.type != DOC_DOC || doc_count(value.u.doc) > 0)) {
            doc_add_value(out, members[i], &value);
        }
    }
    buf_init(&line, BODY_BYTES);
    doc_to_json(doc_out_done(out), &line);
    (void)printf("%s\n", buf_str(&line));
    buf_fini(&line);
    return true;
}

static int export_kind(struct hyp *hyp, const char *kind)
{
    struct doc_out *out = doc_out_new();
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(kind, "", NULL, &path);
    code = listing_each(hyp, buf_str(&path), 0, export_one, out, NULL);
    buf_fini(&path);
    doc_out_free(out);
    return code;
}

int cmd_export(struct hyp *hyp)
{
    struct api_answer answer;
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    int code;

    if (hyp->args.n > 0) {
        return export_kind(hyp, hyp->args.words[0]);
    }
    code = call_get(hyp, "/api/v1/schemas", &answer);
    if (code != HYP_DONE) {
        return code;
    }
    doc_iter_init(&it, doc_sub(answer.doc, "items"));
    while (code == HYP_DONE && doc_next(&it, &index, &value)) {
        code = export_kind(hyp, doc_str(value.u.doc, "kind", ""));
    }
    api_answer_fini(&answer);
    return code;
}
