/* SPDX-License-Identifier: Apache-2.0 */
/** Objects as people keep them: files and folders of JSON and YAML. */
#include "cli/object_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/yaml_docs.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rules/tables.h"

enum {
    FILE_BYTES = 64 * 1024 * 1024,
    WHERE_MAX = 512
};

struct reading {
    const char *path;
    object_files_fn *fn;
    void *ctx;
    struct doc_out *docs;
    size_t n;
    bool stop;
};

bool object_files_read(const char *path, struct buf *out)
{
    struct errbuf why = {0};
    char chunk[8192];
    size_t len;

    if (strcmp(path, "-") != 0) {
        if (file_read(path, out, &why) == ERR_OK) {
            return true;
        }
        hyp_say("%s", why.text);
        return false;
    }
    while ((len = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        buf_add(out, chunk, len);
    }
    if (out->overflow) {
        hyp_say("standard input: more than %d MiB", FILE_BYTES / 1024 / 1024);
    }
    return !out->overflow;
}

static void give(struct reading *reading, struct doc object)
{
    char where[WHERE_MAX];

    reading->n++;
    (void)snprintf(where, sizeof where, "%s, object %zu",
                   strcmp(reading->path, "-") == 0 ? "standard input"
                                                   : reading->path,
                   reading->n);
    reading->stop = !reading->fn(reading->ctx, where, object);
}

static int refuse(const struct reading *reading, const char *reason)
{
    hyp_say("%s: expected objects as JSON (one, an array, or one a line) or "
            "YAML: %s",
            reading->path, reason);
    return HYP_USAGE;
}

static int give_array(struct reading *reading, struct doc array)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, array);
    while (!reading->stop && doc_next(&it, &index, &value)) {
        if (value.type != DOC_DOC) {
            return refuse(reading, "an item is no object");
        }
        give(reading, value.u.doc);
    }
    return HYP_DONE;
}

static int give_lines(struct reading *reading, const char *text)
{
    while (!reading->stop && *text != '\0') {
        size_t len = strcspn(text, "\n");
        struct errbuf why = {0};
        struct doc object;

        if (strspn(text, " \t\r") < len) {
            if (doc_from_json(text, len, reading->docs, &object, &why) !=
                ERR_OK) {
                return refuse(reading, why.text);
            }
            give(reading, object);
        }
        text += len + (text[len] == '\n');
    }
    return HYP_DONE;
}

/* What an array or a YAML document holds. */
static int give_value(struct reading *reading, const struct doc_value *value)
{
    if (value->type == DOC_ARRAY) {
        return give_array(reading, value->u.doc);
    }
    if (value->type != DOC_DOC) {
        return refuse(reading, "it holds something else");
    }
    give(reading, value->u.doc);
    return HYP_DONE;
}

struct yaml_reading {
    struct reading *reading;
    int code;
};

/* One without content, as behind a last "---", is nothing. */
static bool give_yaml(void *ctx, const struct doc_value *value)
{
    struct yaml_reading *yaml = ctx;

    if (value->type != DOC_NULL) {
        yaml->code = give_value(yaml->reading, value);
    }
    return yaml->code == HYP_DONE && !yaml->reading->stop;
}

static int give_yaml_text(struct reading *reading, const struct buf *text)
{
    struct yaml_reading yaml = {reading, HYP_DONE};
    struct errbuf why = {0};

    if (yaml_read(buf_str(text), text->len, give_yaml, &yaml, &why) != ERR_OK) {
        return refuse(reading, why.text);
    }
    return yaml.code;
}

/* By its name; where that says nothing, by how it begins. */
static bool is_yaml(const char *path, const struct buf *text)
{
    const char *at = buf_str(text);

    if (str_ends(path, ".yaml") || str_ends(path, ".yml")) {
        return true;
    }
    at += strspn(at, " \t\r\n");
    return !str_ends(path, ".json") && at[0] != '{' && at[0] != '[';
}

static int give_text(struct reading *reading, const struct buf *text)
{
    struct errbuf why = {0};
    struct doc_value value;

    if (is_yaml(reading->path, text)) {
        return give_yaml_text(reading, text);
    }

    if (doc_value_from_json(buf_str(text), text->len, reading->docs, &value,
                            &why) != ERR_OK) {
        /* more than one object, or a mistake: then the line is told */
        return give_lines(reading, buf_str(text));
    }
    return give_value(reading, &value);
}

/* The table of that name. */
static int give_csv(struct reading *reading, const struct buf *text)
{
    const char *slash = strrchr(reading->path, '/');
    const char *name = slash != NULL ? slash + 1 : reading->path;
    struct doc_out *out = reading->docs;

    if (text->len > TABLE_BYTES_MAX) {
        hyp_say("%s: expected at most %d bytes", reading->path,
                TABLE_BYTES_MAX);
        return HYP_USAGE;
    }
    if (memchr(buf_str(text), '\0', text->len) != NULL ||
        !utf8_valid(buf_str(text), text->len)) {
        hyp_say("%s: expected CSV in UTF-8", reading->path);
        return HYP_USAGE;
    }
    doc_out_reset(out);
    doc_add_str(out, "kind", "table");
    doc_add_strn(out, "name", name, strlen(name) - strlen(".csv"));
    doc_begin_doc(out, "spec");
    doc_add_strn(out, "csv", buf_str(text), text->len);
    doc_end(out);
    give(reading, doc_out_done(out));
    return HYP_DONE;
}

static int each_in_file(struct reading *reading)
{
    struct buf text;
    int code = HYP_USAGE;

    buf_init(&text, FILE_BYTES);
    reading->n = 0;
    if (object_files_read(reading->path, &text)) {
        code = str_ends(reading->path, ".csv") ? give_csv(reading, &text)
                                               : give_text(reading, &text);
    }
    buf_fini(&text);
    return code;
}

static bool is_ours(const char *name)
{
    return str_ends(name, ".json") || str_ends(name, ".yaml") ||
           str_ends(name, ".yml") || str_ends(name, ".csv");
}

static int each_in_folder(struct reading *reading, const char *folder)
{
    struct dirent **files;
    int n = scandir(folder, &files, NULL, alphasort);
    int code = HYP_DONE;

    if (n < 0) {
        hyp_say("%s: %s", folder, strerror(errno));
        return HYP_USAGE;
    }
    for (int i = 0; i < n; i++) {
        if (code == HYP_DONE && !reading->stop && is_ours(files[i]->d_name)) {
            char *path = xasprintf("%s/%s", folder, files[i]->d_name);

            reading->path = path;
            code = each_in_file(reading);
            free(path);
        }
        free(files[i]);
    }
    free(files);
    return code;
}

int object_files_each(const char *path, object_files_fn *fn, void *ctx)
{
    struct reading reading = {
        .path = path, .fn = fn, .ctx = ctx, .docs = doc_out_new()};
    struct stat info;
    bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    int code =
        is_folder ? each_in_folder(&reading, path) : each_in_file(&reading);

    doc_out_free(reading.docs);
    return code;
}
