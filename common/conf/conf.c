/* SPDX-License-Identifier: Apache-2.0 */
/** The options of a program, what they are set to, and who set them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/conf/conf_private.h"
#include "common/conf/ini.h"

enum {
    ENV_NAME_MAX = 160,
    ORIGIN_MAX = 512,
    SUGGEST_NAME_MAX = 64, /* longer names get no suggestion */
    SUGGEST_DISTANCE = 2   /* edits that a slip of the fingers makes */
};

static size_t count_options(const struct conf_part *parts, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; parts[i].options[j].key != NULL; j++) {
            count++;
        }
    }
    return count;
}

/* The default. One that names a secret's file waits for conf_check: it may
 * not exist, and something else may be set instead. */
static void set_default(struct conf *conf, struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;
    struct errbuf why = {0};

    if (option->type == CONF_SECRET || option->type == CONF_PATH ||
        option->type == CONF_STRING) {
        *(char **)setting->field = xstrdup("");
    }
    if (option->fallback == NULL || option->type == CONF_SECRET) {
        return;
    }
    if (conf_value_set(option, setting->field, conf->folder, option->fallback,
                       &why) != ERR_OK) {
        (void)fprintf(stderr, "default of %s.%s: %s\n", option->section,
                      option->key, why.text);
        bug_abort(__FILE__, __LINE__, "an option table has a wrong default");
    }
}

static void set_origin(struct conf_setting *setting, const char *origin,
                       unsigned reading)
{
    free(setting->origin);
    setting->origin = xstrdup(origin);
    setting->reading = reading;
}

static void fill_settings(struct conf *conf, const struct conf_part *part)
{
    for (const struct conf_option *o = part->options; o->key != NULL; o++) {
        struct conf_setting *setting = &conf->settings[conf->n++];
        void *field = conf_value_at(o, part->values);

        *setting = (struct conf_setting){.option = o, .field = field};
    }
}

struct conf *conf_new(const struct conf_part *parts, size_t n)
{
    struct conf *conf = xcalloc(1, sizeof *conf);

    conf->folder = xstrdup(".");
    conf->settings = xcalloc(count_options(parts, n), sizeof *conf->settings);
    for (size_t i = 0; i < n; i++) {
        fill_settings(conf, &parts[i]);
    }
    for (size_t i = 0; i < conf->n; i++) {
        set_origin(&conf->settings[i], CONF_ORIGIN_DEFAULT, 0);
        set_default(conf, &conf->settings[i]);
    }
    return conf;
}

void conf_free(struct conf *conf)
{
    if (conf == NULL) {
        return;
    }
    for (size_t i = 0; i < conf->n; i++) {
        conf_value_clear(conf->settings[i].option, conf->settings[i].field);
        free(conf->settings[i].origin);
        free(conf->settings[i].text);
        free(conf->settings[i].known);
    }
    free(conf->settings);
    free(conf->folder);
    free(conf);
}

static bool is_default(const struct conf_setting *setting)
{
    return strcmp(setting->origin, CONF_ORIGIN_DEFAULT) == 0;
}

void conf_set_folder(struct conf *conf, const char *folder)
{
    free(conf->folder);
    conf->folder = xstrdup(folder);
    for (size_t i = 0; i < conf->n; i++) {
        struct conf_setting *setting = &conf->settings[i];

        if (setting->option->type == CONF_PATH && is_default(setting)) {
            conf_value_clear(setting->option, setting->field);
            set_default(conf, setting);
        }
    }
}

static bool is_option(const struct conf_option *option, const char *section,
                      const char *key)
{
    return strcmp(option->section, section) == 0 &&
           (key == NULL || strcmp(option->key, key) == 0);
}

static bool has(const struct conf *conf, const char *section, const char *key)
{
    for (size_t i = 0; i < conf->n; i++) {
        if (is_option(conf->settings[i].option, section, key)) {
            return true;
        }
    }
    return false;
}

bool conf_has(const struct conf *conf, const char *section, const char *key)
{
    return has(conf, section, key);
}

/* --- refusing a name, and guessing what was meant ---------------------- */

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[SUGGEST_NAME_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > SUGGEST_NAME_MAX || b_len > SUGGEST_NAME_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];

            row[j] = least_of(above + 1, row[j - 1] + 1,
                              corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[b_len];
}

/* The known name nearest to the one given, NULL when none is near. With a
 * section its keys are the names, without one the sections are. */
static const char *nearest(const struct conf *conf, const char *section,
                           const char *name)
{
    const char *best = NULL;
    size_t best_distance = SUGGEST_DISTANCE + 1;

    for (size_t i = 0; i < conf->n; i++) {
        const struct conf_option *o = conf->settings[i].option;
        const char *known = section != NULL ? o->key : o->section;
        size_t d = distance(name, known);

        if (d < best_distance && d < strlen(known) &&
            (section == NULL || is_option(o, section, NULL))) {
            best = known;
            best_distance = d;
        }
    }
    return best;
}

static void list_names(const struct conf *conf, const char *section,
                       struct buf *out)
{
    for (size_t i = 0; i < conf->n; i++) {
        const struct conf_option *o = conf->settings[i].option;
        const char *name = section != NULL ? o->key : o->section;

        if (section != NULL ? !is_option(o, section, NULL)
                            : !conf_is_first_of_section(conf, i)) {
            continue;
        }
        buf_addf(out, "%s%s", out->len > 0 ? ", " : "", name);
    }
}

/* Refuse an unknown section (key NULL) or an unknown key of a known one. */
static enum err refuse_name(const struct conf *conf, const char *section,
                            const char *key, struct errbuf *why)
{
    const char *within = key != NULL ? section : NULL;
    const char *name = key != NULL ? key : section;
    const char *guess = nearest(conf, within, name);
    struct buf names;

    buf_init(&names, ERRBUF_TEXT_MAX / 2);
    list_names(conf, within, &names);
    errbuf_set_field(why, name, "%s%s%s: unknown %s%s%s%s; expected %s%s",
                     key != NULL ? "" : "[", name, key != NULL ? "" : "]",
                     key != NULL ? "key" : "section",
                     guess != NULL ? ", did you mean \"" : "",
                     guess != NULL ? guess : "", guess != NULL ? "\"?" : "",
                     names.overflow ? "one of " : "", buf_str(&names));
    buf_fini(&names);
    return ERR_INVALID;
}

/* --- setting ------------------------------------------------------------ */

struct source {
    const char *folder; /* that relative paths count from */
    const char *origin; /* as --print-config shows it */
    unsigned reading;   /* of a file, from 1; 0 where repeating is fine */
};

static enum err set_one(struct conf_setting *setting,
                        const struct source *source, const char *value,
                        struct errbuf *why)
{
    const struct conf_option *option = setting->option;
    struct errbuf inner = {0};
    enum err err;

    if (source->reading > 0 && setting->reading == source->reading) {
        errbuf_set_field(why, option->key,
                         "%s: set twice, first in %s; expected once",
                         option->key, setting->origin);
        return ERR_INVALID;
    }
    err = conf_value_set(option, setting->field, source->folder, value, &inner);
    if (err != ERR_OK) {
        errbuf_set_field(why, option->key, "%s: %s", option->key, inner.text);
        return err;
    }
    set_origin(setting, source->origin, source->reading);
    free(setting->text);
    setting->text = xstrdup(value);
    return ERR_OK;
}

static enum err set_all(struct conf *conf, const struct ini_item *item,
                        const struct source *source, struct errbuf *why)
{
    if (!has(conf, item->section, NULL)) {
        return refuse_name(conf, item->section, NULL, why);
    }
    if (!has(conf, item->section, item->key)) {
        return refuse_name(conf, item->section, item->key, why);
    }
    for (size_t i = 0; i < conf->n; i++) {
        struct conf_setting *setting = &conf->settings[i];

        if (is_option(setting->option, item->section, item->key)) {
            enum err err = set_one(setting, source, item->value, why);

            if (err != ERR_OK) {
                return err;
            }
        }
    }
    return ERR_OK;
}

enum err conf_set(struct conf *conf, const char *section, const char *key,
                  const char *value, struct errbuf *why)
{
    return set_all(conf, &(struct ini_item){section, key, value, 0},
                   &(struct source){conf->folder, CONF_ORIGIN_SET, 0}, why);
}

/* --- files --------------------------------------------------------------- */

struct reading {
    struct conf *conf;
    const char *path;
    const char *const *sections;
    char *folder;
};

bool conf_has_name(const char *const *names, const char *name)
{
    if (names == NULL) {
        return true;
    }
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err check_section(const struct reading *reading,
                              const char *section, struct errbuf *why)
{
    if (!has(reading->conf, section, NULL)) {
        return refuse_name(reading->conf, section, NULL, why);
    }
    if (!conf_has_name(reading->sections, section)) {
        errbuf_set_field(why, section,
                         "[%s]: this section belongs in another file; "
                         "expected [%s]",
                         section, reading->sections[0]);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err take_item(void *ctx, const struct ini_item *item,
                          struct errbuf *why)
{
    const struct reading *reading = ctx;
    char origin[ORIGIN_MAX];

    if (item->key == NULL) {
        return check_section(reading, item->section, why);
    }
    (void)snprintf(origin, sizeof origin, "%s:%d", reading->path, item->line);
    return set_all(
        reading->conf, item,
        &(struct source){reading->folder, origin, reading->conf->readings},
        why);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return xstrdup(".");
    }
    return slash == path ? xstrdup("/")
                         : xstrndup(path, (size_t)(slash - path));
}

enum err conf_read_sections(struct conf *conf, const char *path,
                            const char *const *sections, struct errbuf *why)
{
    struct reading reading = {.conf = conf, .path = path, .sections = sections};
    struct buf text;
    enum err err;

    buf_init(&text, INI_BYTES_MAX);
    err = file_read(path, &text, why);
    if (err == ERR_OK) {
        reading.folder = folder_of(path);
        conf->readings++;
        err = ini_parse(path, &text, take_item, &reading, why);
        free(reading.folder);
    }
    buf_fini(&text);
    return err;
}

enum err conf_read_file(struct conf *conf, const char *path, struct errbuf *why)
{
    return conf_read_sections(conf, path, NULL, why);
}

/* --- environment ---------------------------------------------------------- */

void conf_env_name(const struct conf_option *option, struct buf *out)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t start = out->len;

    buf_addf(out, "HYP_%s_%s", option->section, option->key);
    for (size_t i = start; i < out->len; i++) {
        char c = out->data[i];

        if (c == '-' || c == '.') {
            out->data[i] = '_';
        } else if (c >= 'a' && c <= 'z') {
            out->data[i] = upper[c - 'a'];
        }
    }
}

static enum err read_env(struct conf *conf, struct conf_setting *setting,
                         struct errbuf *why)
{
    struct errbuf inner = {0};
    struct buf name;
    const char *value;
    enum err err = ERR_OK;

    buf_init(&name, ENV_NAME_MAX);
    conf_env_name(setting->option, &name);
    value = getenv(buf_str(&name));
    if (value != NULL) {
        err =
            set_one(setting, &(struct source){conf->folder, CONF_ORIGIN_ENV, 0},
                    value, &inner);
    }
    if (err != ERR_OK) {
        errbuf_set_field(why, inner.field, "environment %s: %s", buf_str(&name),
                         inner.text);
    }
    buf_fini(&name);
    return err;
}

enum err conf_read_env(struct conf *conf, struct errbuf *why)
{
    for (size_t i = 0; i < conf->n; i++) {
        enum err err = read_env(conf, &conf->settings[i], why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

/* --- when all is read ------------------------------------------------------
 */

static enum err check_default(struct conf *conf, struct conf_setting *setting,
                              struct errbuf *why)
{
    const struct conf_option *o = setting->option;
    struct errbuf inner = {0};
    struct buf expect;
    enum err err = ERR_OK;

    if (o->fallback == NULL && o->min > 0) {
        buf_init(&expect, ERRBUF_TEXT_MAX / 2);
        conf_value_expect(o, &expect);
        errbuf_set_field(why, o->key, "%s.%s: not set; expected %s", o->section,
                         o->key, buf_str(&expect));
        buf_fini(&expect);
        return ERR_INVALID;
    }
    if (o->type == CONF_SECRET && o->fallback != NULL) {
        err = conf_value_set(o, setting->field, conf->folder, o->fallback,
                             &inner);
    }
    if (err != ERR_OK) {
        errbuf_set_field(why, o->key, "%s.%s: %s", o->section, o->key,
                         inner.text);
    }
    return err;
}

/* With the section in front, as where one value is wrong. */
static enum err check_part(const struct conf_setting *setting,
                           struct errbuf *why)
{
    const struct conf_option *o = setting->option;
    struct errbuf inner = {0};
    enum err err;

    if (o->check == NULL) {
        return ERR_OK;
    }
    err = o->check((const char *)setting->field - o->offset, &inner);
    if (err != ERR_OK) {
        errbuf_set_field(why, inner.field, "%s.%s", o->section, inner.text);
    }
    return err;
}

enum err conf_check(struct conf *conf, struct errbuf *why)
{
    for (size_t i = 0; i < conf->n; i++) {
        enum err err = ERR_OK;

        if (is_default(&conf->settings[i])) {
            err = check_default(conf, &conf->settings[i], why);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    for (size_t i = 0; i < conf->n; i++) {
        enum err err = check_part(&conf->settings[i], why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}
