/* SPDX-License-Identifier: Apache-2.0 */
/** hyp backup, hyp restore: the whole store into a file and back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/hyp.h"
#include "cli/table.h"
#include "common/backup/backup.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/store/store_conf.h"

enum {
    TELL_MS = 500,
    LINE_BYTES = 64 * 1024
};

#define MB 1e6

static const struct column columns[] = {
    {"COLLECTION", "collection", COLUMN_TEXT, false},
    {"ROWS", "rows", COLUMN_NUMBER, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

/* --- the store that is meant ------------------------------------------------
 */

struct target {
    struct store_conf store;
    struct conf_part part;
    struct conf *conf;
    const char *uri;
};

static void target_close(struct target *target)
{
    conf_free(target->conf);
}

/* --store, or what storage.conf says. False, and told: it cannot be read. */
static bool target_open(struct target *target, const struct hyp *hyp)
{
    const char *folder = place_folder(&hyp->place);
    char *path = xasprintf("%s/storage.conf", folder);
    struct errbuf why = {0};
    enum err err;

    target->part = (struct conf_part){store_conf_options, &target->store};
    target->conf = conf_new(&target->part, 1);
    conf_set_folder(target->conf, folder);
    err = conf_read_file(target->conf, path, &why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        err = conf_read_env(target->conf, &why);
    }
    free(path);
    target->uri = hyp_option(hyp, "store");
    if (err != ERR_OK && target->uri == NULL) {
        hyp_say("%s", why.text);
        target_close(target);
        return false;
    }
    if (target->uri == NULL) {
        store_conf_complete(&target->store);
        target->uri = target->store.uri;
    }
    return true;
}

/* Without the address: it may hold a password. */
static const char *target_name(const struct target *target)
{
    return str_starts(target->uri, "sqlite:") ? target->uri : "MongoDB";
}

/* --- telling ----------------------------------------------------------------
 */

struct telling {
    const char *what;
    int64_t next_ms;
    bool shown;
};

static void on_tell(void *ctx, const struct backup_summary *summary)
{
    struct telling *telling = ctx;
    int64_t now_ms = clock_mono_ms();

    if (now_ms < telling->next_ms) {
        return;
    }
    telling->next_ms = now_ms + TELL_MS;
    telling->shown = true;
    (void)fprintf(stderr, "\r%s: %" PRId64 " rows, %.1f MB ", telling->what,
                  summary->all_rows, (double)summary->bytes / MB);
}

static struct backup_watch watch_for(struct telling *telling)
{
    struct backup_watch watch = {on_tell, telling};

    telling->next_ms = clock_mono_ms() + TELL_MS;
    if (isatty(STDERR_FILENO) != 1) {
        watch.tell = NULL;
    }
    return watch;
}

static void end_telling(const struct telling *telling)
{
    if (telling->shown) {
        (void)fputs("\r\033[K", stderr);
    }
}

static int code_of(enum err err)
{
    return err == ERR_UNAVAILABLE ? HYP_UNREACHABLE : HYP_REFUSED;
}

static void print_json(const struct backup_summary *summary)
{
    struct doc_out *out = doc_out_new();
    struct buf line;

    doc_add_ms(out, "created_at", summary->created_ms);
    doc_add_str(out, "version", summary->version);
    doc_add_i64(out, "schema", summary->schema);
    doc_add_str(out, "store", summary->store);
    doc_add_i64(out, "bytes", summary->bytes);
    doc_add_i64(out, "progress", summary->progress);
    doc_begin_doc(out, "rows");
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        doc_add_i64(out, store_schema((enum store_collection)i)->name,
                    summary->rows[i]);
    }
    doc_end(out);
    buf_init(&line, LINE_BYTES);
    doc_to_json(doc_out_done(out), &line);
    (void)puts(buf_str(&line));
    buf_fini(&line);
    doc_out_free(out);
}

static void print_line(const char *done, const struct backup_summary *summary)
{
    char text[CLOCK_TEXT_MAX];

    (void)printf("%s: %" PRId64 " rows and the progress of %" PRId64
                 " processes, %.1f MB, from %s, of version %s on %s\n",
                 done, summary->all_rows, summary->progress,
                 (double)summary->bytes / MB,
                 clock_format(summary->created_ms, text), summary->version,
                 summary->store);
}

static void print_rows(const struct hyp *hyp,
                       const struct backup_summary *summary)
{
    struct table *table = table_new(hyp, columns);
    struct doc_out *out = doc_out_new();

    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        doc_out_reset(out);
        doc_add_str(out, "collection",
                    store_schema((enum store_collection)i)->name);
        doc_add_i64(out, "rows", summary->rows[i]);
        table_add(table, doc_out_done(out));
    }
    table_finish(table);
    table_free(table);
    doc_out_free(out);
}

/* --- commands ---------------------------------------------------------------
 */

static int verify(struct hyp *hyp, const char *path)
{
    struct telling telling = {.what = "verifying"};
    const struct backup_watch watch = watch_for(&telling);
    struct backup_summary summary;
    struct errbuf why = {0};
    enum err err = backup_verify(path, &watch, &summary, &why);

    end_telling(&telling);
    if (err != ERR_OK) {
        hyp_say("%s", why.text);
        return code_of(err);
    }
    if (hyp->format == FORMAT_JSON) {
        print_json(&summary);
    } else {
        print_rows(hyp, &summary);
        print_line("whole", &summary);
    }
    return HYP_DONE;
}

static int make(struct hyp *hyp, const struct target *target, const char *path)
{
    struct telling telling = {.what = "writing"};
    const struct backup_watch watch = watch_for(&telling);
    bool stream = strcmp(path, BACKUP_STREAM) == 0;
    struct backup_summary summary;
    struct errbuf why = {0};
    enum err err = backup_make(target->uri, path, &watch, &summary, &why);

    end_telling(&telling);
    if (err != ERR_OK) {
        hyp_say("%s", why.text);
        return code_of(err);
    }
    if (!stream && hyp->format == FORMAT_JSON) {
        print_json(&summary);
    } else if (!stream) {
        print_line("written and verified", &summary);
    }
    return HYP_DONE;
}

int cmd_backup(struct hyp *hyp)
{
    const char *path = hyp->args.words[0];
    struct target target;
    int code;

    if (hyp_has(hyp, "verify")) {
        return verify(hyp, path);
    }
    if (strcmp(path, BACKUP_STREAM) == 0 && isatty(STDOUT_FILENO) == 1) {
        hyp_say("a backup is nothing for a terminal: name a file");
        return HYP_USAGE;
    }
    if (!target_open(&target, hyp)) {
        return HYP_USAGE;
    }
    code = make(hyp, &target, path);
    target_close(&target);
    return code;
}

static int restore(struct hyp *hyp, const struct target *target,
                   const char *path)
{
    enum store_filling_mode mode =
        hyp_has(hyp, "replace") ? STORE_FILL_REPLACE : STORE_FILL_EMPTY;
    struct telling telling = {.what = "restoring"};
    const struct backup_watch watch = watch_for(&telling);
    struct backup_summary summary;
    struct errbuf why = {0};
    enum err err =
        backup_restore(path, target->uri, mode, &watch, &summary, &why);

    end_telling(&telling);
    if (err == ERR_CONFLICT && mode == STORE_FILL_EMPTY) {
        hyp_say("%s; to put the backup in its place, stop the suite "
                "(hypcontrol stop) and add --replace",
                why.text);
        return HYP_REFUSED;
    }
    if (err != ERR_OK) {
        hyp_say("%s", why.text);
        return code_of(err);
    }
    print_line("restored", &summary);
    return HYP_DONE;
}

static bool confirm_replace(const struct hyp *hyp, const struct target *target)
{
    struct buf question;
    bool yes;

    buf_init(&question, LINE_BYTES);
    buf_addf(&question, "All that is in the store (%s) goes. Go on?",
             target_name(target));
    yes = hyp_confirm(hyp, buf_str(&question));
    buf_fini(&question);
    return yes;
}

int cmd_restore(struct hyp *hyp)
{
    const char *path = hyp->args.words[0];
    struct target target;
    int code = HYP_REFUSED;

    if (hyp_has(hyp, "dry-run")) {
        return verify(hyp, path);
    }
    if (!target_open(&target, hyp)) {
        return HYP_USAGE;
    }
    if (!hyp_has(hyp, "replace") || confirm_replace(hyp, &target)) {
        code = restore(hyp, &target, path);
    }
    target_close(&target);
    return code;
}
