/* SPDX-License-Identifier: Apache-2.0 */
/** Which installation is meant: options, a profile, the environment. */
#include "cli/place.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/conf/ini.h"

/* Each setting by its option, its variable, its key in a profile, and where it
 * comes from else. */
static const struct {
    const char *option, *variable, *key, *file;
} settings[PLACE_N] = {
    [PLACE_SERVER] = {"server", "HYP_SERVER", "server", "webserver.conf"},
    [PLACE_KEY_FILE] = {"key-file", "HYP_KEY_FILE", "key_file",
                        "webserver.conf"},
    [PLACE_FOLDER] = {"config-dir", "HYP_CONFIG_DIR", "config_dir", "default"}};

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* --- the file of profiles ---------------------------------------------------
 */

/* ~/.config/hyp; NULL: this process has no home. */
static char *profiles_folder(void)
{
    const char *config = variable("XDG_CONFIG_HOME");
    const char *home = variable("HOME");

    if (config != NULL) {
        return xasprintf("%s/hyp", config);
    }
    return home != NULL ? xasprintf("%s/.config/hyp", home) : NULL;
}

struct reading {
    place_profile_fn *fn;
    void *ctx;
    const char *folder;
    struct doc_out *out;
    bool open; /* a profile is */
    bool has[PLACE_N];
};

static enum err end_profile(struct reading *reading, struct errbuf *why)
{
    const bool *has = reading->has;

    if (!reading->open) {
        return ERR_OK;
    }
    reading->open = false;
    /* The key of this machine is not for another one. */
    if (!has[PLACE_FOLDER] && (!has[PLACE_SERVER] || !has[PLACE_KEY_FILE])) {
        errbuf_set(why, "the profile before this line needs server and "
                        "key_file, or config_dir");
        return ERR_INVALID;
    }
    reading->fn(reading->ctx, doc_out_done(reading->out));
    return ERR_OK;
}

static enum err begin_profile(struct reading *reading, const char *name,
                              struct errbuf *why)
{
    enum err err = end_profile(reading, why);

    if (err == ERR_OK) {
        reading->open = true;
        memset(reading->has, 0, sizeof reading->has);
        doc_out_reset(reading->out);
        doc_add_str(reading->out, "name", name);
    }
    return err;
}

/* Paths that do not begin at the root are meant beside the file. */
static void add_path(struct reading *reading, const char *key,
                     const char *value)
{
    char *path = value[0] == '/' ? xstrdup(value)
                                 : xasprintf("%s/%s", reading->folder, value);

    doc_add_str(reading->out, key, path);
    free(path);
}

static enum err on_item(void *ctx, const struct ini_item *item,
                        struct errbuf *why)
{
    struct reading *reading = ctx;
    size_t i = 0;

    if (item->key == NULL) {
        return begin_profile(reading, item->section, why);
    }
    while (i < PLACE_N && strcmp(item->key, settings[i].key) != 0) {
        i++;
    }
    if (i == PLACE_N || reading->has[i] || item->value[0] == '\0') {
        errbuf_set(why,
                   "%s: expected server, key_file or config_dir, each "
                   "once",
                   item->key);
        return ERR_INVALID;
    }
    reading->has[i] = true;
    if (i == PLACE_SERVER) {
        doc_add_str(reading->out, item->key, item->value);
    } else {
        add_path(reading, item->key, item->value);
    }
    return ERR_OK;
}

static enum err read_profiles(struct reading *reading, const char *path,
                              struct errbuf *why)
{
    struct buf text;
    enum err err;

    buf_init(&text, INI_BYTES_MAX);
    err = file_read(path, &text, why);
    if (err == ERR_NOT_FOUND) {
        buf_fini(&text);
        return ERR_OK;
    }
    reading->out = doc_out_new();
    if (err == ERR_OK) {
        err = ini_parse(path, &text, on_item, reading, why);
    }
    if (err == ERR_OK && end_profile(reading, why) != ERR_OK) {
        errbuf_set(why,
                   "%s: the last profile needs server and key_file, or "
                   "config_dir",
                   path);
        err = ERR_INVALID;
    }
    doc_out_free(reading->out);
    buf_fini(&text);
    return err == ERR_OK ? ERR_OK : ERR_INVALID;
}

enum err place_each(place_profile_fn *fn, void *ctx, struct errbuf *why)
{
    char *folder = profiles_folder();
    char *path;
    struct reading reading = {.fn = fn, .ctx = ctx, .folder = folder};
    enum err err;

    if (folder == NULL) {
        return ERR_OK;
    }
    path = xasprintf("%s/profiles.conf", folder);
    err = read_profiles(&reading, path, why);
    free(path);
    free(folder);
    return err;
}

/* --- which one --------------------------------------------------------------
 */

struct wanted {
    struct place *place;
    bool found;
};

static void take_profile(void *ctx, struct doc profile)
{
    struct wanted *wanted = ctx;

    if (strcmp(doc_str(profile, "name", ""), wanted->place->profile) != 0) {
        return;
    }
    wanted->found = true;
    for (size_t i = 0; i < PLACE_N; i++) {
        const char *value = doc_str(profile, settings[i].key, NULL);

        if (value != NULL && wanted->place->values[i] == NULL) {
            wanted->place->values[i] = xstrdup(value);
            wanted->place->origins[i] = "profile";
        }
    }
}

static enum err use_profile(struct place *place, struct errbuf *why)
{
    struct wanted wanted = {place, false};
    enum err err = place_each(take_profile, &wanted, why);

    if (err == ERR_OK && !wanted.found) {
        errbuf_set(why,
                   "there is no profile '%s' in profiles.conf of ~/.config/hyp",
                   place->profile);
        err = ERR_INVALID;
    }
    return err;
}

static void use_environment(struct place *place)
{
    for (size_t i = 0; i < PLACE_N; i++) {
        const char *value = variable(settings[i].variable);

        if (value != NULL && place->values[i] == NULL) {
            place->values[i] = xstrdup(value);
            place->origins[i] = "environment";
        }
    }
}

enum err place_find(struct place *place, const struct args *args,
                    struct errbuf *why)
{
    const char *asked = args_get(args, "profile");

    *place = (struct place){.profile = asked != NULL ? asked
                                                     : variable("HYP_PROFILE")};
    for (size_t i = 0; i < PLACE_N; i++) {
        const char *value = args_get(args, settings[i].option);

        place->origins[i] = settings[i].file;
        if (value != NULL) {
            place->values[i] = xstrdup(value);
            place->origins[i] = "set";
        }
    }
    /* A profile is whole: the environment's key is not for its server. */
    if (place->profile != NULL) {
        return use_profile(place, why);
    }
    use_environment(place);
    return ERR_OK;
}

const char *place_folder(const struct place *place)
{
    return place->values[PLACE_FOLDER] != NULL ? place->values[PLACE_FOLDER]
                                               : HYP_SYSCONFDIR;
}
