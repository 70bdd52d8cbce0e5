/* SPDX-License-Identifier: Apache-2.0 */
/** Reading the configuration again while the program runs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/conf/conf_private.h"

enum {
    KNOWN_MAX = 256 * 1024
};

/* The new values live in structs of their own. */
struct conf_reload {
    struct conf *conf;  /* borrowed */
    struct conf *fresh; /* the same settings in the same order */
    struct conf_part *parts;
    size_t n_parts;
    const struct conf_option *all_live;
};

static size_t size_of(const struct conf_option *option)
{
    switch (option->type) {
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
    case CONF_CHOICE:
        return sizeof(int64_t);
    case CONF_LIST:
    case CONF_HOSTS:
        return sizeof(struct conf_list);
    case CONF_STRING:
    case CONF_PATH:
    case CONF_SECRET:
    default:
        return sizeof(char *);
    }
}

/* A file that was replaced under its name is another one. */
static void add_file_state(const char *path, struct buf *out)
{
    struct stat info;

    if (path[0] != '\0' && stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        buf_addf(out, "\n%" PRIdMAX " %" PRIdMAX " %" PRIdMAX ".%ld",
                 (intmax_t)info.st_ino, (intmax_t)info.st_size,
                 (intmax_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    }
}

static char *known_of(const struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;
    struct buf text;

    if (option->type == CONF_SECRET) {
        return xstrdup(*(char *const *)setting->field);
    }
    buf_init(&text, KNOWN_MAX);
    conf_value_format(option, setting->field, &text);
    if (option->type == CONF_PATH) {
        add_file_state(*(char *const *)setting->field, &text);
    }
    return buf_take(&text);
}

void conf_remember(struct conf *conf)
{
    for (size_t i = 0; i < conf->n; i++) {
        free(conf->settings[i].known);
        conf->settings[i].known = known_of(&conf->settings[i]);
    }
}

/* --- reading ----------------------------------------------------------------
 */

static void *shadow_of(const struct conf_option *options)
{
    size_t size = 1;

    for (const struct conf_option *o = options; o->key != NULL; o++) {
        size_t end = o->offset + size_of(o);

        size = end > size ? end : size;
    }
    return xcalloc(1, size);
}

static void make_shadows(struct conf_reload *reload,
                         const struct conf_program *program)
{
    reload->n_parts = program->n_parts;
    reload->parts = xcalloc(program->n_parts, sizeof *reload->parts);
    for (size_t i = 0; i < program->n_parts; i++) {
        const struct conf_option *options = program->parts[i].options;

        reload->parts[i] = (struct conf_part){options, shadow_of(options)};
    }
}

enum err conf_reload_open(const struct conf_program *program,
                          const struct conf_start *start, struct conf *conf,
                          struct conf_reload **out, struct errbuf *why)
{
    struct conf_reload *reload = xcalloc(1, sizeof *reload);
    struct conf_program shadow = *program;
    enum err err;

    *reload = (struct conf_reload){.conf = conf, .all_live = start->all_live};
    make_shadows(reload, program);
    shadow.parts = reload->parts;
    reload->fresh = conf_new(reload->parts, reload->n_parts);
    BUG_IF(reload->fresh->n != conf->n);
    err = conf_program_read(&shadow, start->argc, start->argv, reload->fresh,
                            why);
    if (err != ERR_OK) {
        conf_reload_free(reload);
        return err;
    }
    *out = reload;
    return ERR_OK;
}

void conf_reload_free(struct conf_reload *reload)
{
    if (reload == NULL) {
        return;
    }
    conf_free(reload->fresh);
    for (size_t i = 0; i < reload->n_parts; i++) {
        free(reload->parts[i].values);
    }
    free(reload->parts);
    free(reload);
}

/* --- what has changed
 * ---------------------------------------------------------
 */

static bool differs(const struct conf_reload *reload, size_t i)
{
    return strcmp(reload->conf->settings[i].known,
                  reload->fresh->settings[i].known) != 0;
}

static bool is_of(const struct conf_option *option,
                  const struct conf_option *table)
{
    for (; table != NULL && table->key != NULL; table++) {
        if (table == option) {
            return true;
        }
    }
    return false;
}

static bool is_live(const struct conf_reload *reload, size_t i)
{
    const struct conf_option *option = reload->conf->settings[i].option;

    return option->live || is_of(option, reload->all_live);
}

bool conf_reload_changes(const struct conf_reload *reload,
                         const struct conf_option *table)
{
    for (size_t i = 0; i < reload->conf->n; i++) {
        if (is_live(reload, i) && differs(reload, i) &&
            is_of(reload->conf->settings[i].option, table)) {
            return true;
        }
    }
    return false;
}

/* The fields change places with all that belongs to them; each stays where
 * the program looks for it. */
static void swap_setting(struct conf_setting *a, struct conf_setting *b)
{
    unsigned char scratch[sizeof(struct conf_list)];
    size_t size = size_of(a->option);
    struct conf_setting old = *a;

    memcpy(scratch, a->field, size);
    memcpy(a->field, b->field, size);
    memcpy(b->field, scratch, size);
    *a = *b;
    a->field = old.field;
    old.field = b->field;
    *b = old;
}

void conf_reload_swap(struct conf_reload *reload)
{
    for (size_t i = 0; i < reload->conf->n; i++) {
        if (is_live(reload, i) && differs(reload, i)) {
            swap_setting(&reload->conf->settings[i],
                         &reload->fresh->settings[i]);
        }
    }
}

void conf_reload_tell(const struct conf_reload *reload, struct buf *taken,
                      struct buf *kept)
{
    for (size_t i = 0; i < reload->conf->n; i++) {
        const struct conf_option *o = reload->conf->settings[i].option;
        struct buf *out = is_live(reload, i) ? taken : kept;

        if (differs(reload, i) && conf_is_first_of_key(reload->conf, i)) {
            buf_addf(out, "%s%s.%s", out->len > 0 ? ", " : "", o->section,
                     o->key);
        }
    }
}
