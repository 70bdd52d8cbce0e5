/* SPDX-License-Identifier: Apache-2.0 */
/** A change of how many partitions engines have, and how far it has got. */
#include "control/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/engine/sender.h"
#include "engines/engines.h"

enum {
    FILE_MAX = 64 * 1024,
    FILE_MODE = 0640,
    CONF_MODE = 0644,
    MOST = SENDER_TARGETS_MAX / 2 /* of one engine, for who sends to it */
};

static const char *const phase_names[] = {"drain", "move", "settle", "start",
                                          NULL};

#define OPTION(key_, field)                                                    \
    .section = "repartition", .key = (key_),                                   \
    .offset = offsetof(struct plan, field)

static const struct conf_option plan_options[] = {
    {OPTION("id", id), .type = CONF_INT, .fallback = "0", .min = 0,
     .max = INT64_MAX, .help = "names this change in the store"},
    {OPTION("phase", phase), .type = CONF_CHOICE, .choices = phase_names,
     .fallback = "drain", .help = "what is done next"},
    {OPTION("from", from.engines), .type = CONF_LIST,
     .help = "numbers of partitions before"},
    {OPTION("to", to.engines), .type = CONF_LIST, .help = "and after"},
    {0}};

bool plan_is_hop(const struct engine_ops *ops)
{
    return ops->entries == NULL;
}

bool plan_is_entry(const struct engine_ops *ops)
{
    return ops->entries != NULL && !ops->to_exchange;
}

const struct engine_ops *plan_find_engine(const char *name)
{
    for (size_t i = 0; all_engines[i] != NULL; i++) {
        if (strcmp(all_engines[i]->name, name) == 0 &&
            plan_is_hop(all_engines[i])) {
            return all_engines[i];
        }
    }
    return NULL;
}

static struct conf *make_conf(struct plan *plan)
{
    struct conf_part *part = xmalloc(sizeof *part);

    *plan = (struct plan){.id = 0};
    *part = (struct conf_part){plan_options, plan};
    plan->part = part;
    plan->conf = conf_new(part, 1);
    return plan->conf;
}

void plan_close(struct plan *plan)
{
    conf_free(plan->conf);
    free(plan->part);
    plan->conf = NULL;
    plan->part = NULL;
}

static char *path_of(const char *var)
{
    return xasprintf("%s/lib/repartition.conf", var);
}

enum err plan_read(const char *var, struct plan *plan, struct errbuf *why)
{
    struct conf *conf = make_conf(plan);
    char *path = path_of(var);
    enum err err = conf_read_file(conf, path, why);

    if (err == ERR_OK && plan->id == 0) {
        errbuf_set(why, "%s: has no id; expected what hypcontrol wrote", path);
        err = ERR_INVALID;
    }
    if (err == ERR_OK) {
        err = partitions_check(&plan->from, why);
    }
    if (err == ERR_OK) {
        err = partitions_check(&plan->to, why);
    }
    free(path);
    return err;
}

void plan_list(const struct partitions *partitions, struct buf *out)
{
    const char *between = "";

    for (size_t i = 0; i < partitions->engines.n; i++) {
        buf_addf(out, "%s%s", between, partitions->engines.items[i]);
        between = ", ";
    }
}

enum err plan_write(const char *var, const struct plan *plan,
                    struct errbuf *why)
{
    char *path = path_of(var);
    struct buf text;
    enum err err;

    buf_init(&text, FILE_MAX);
    buf_addf(&text,
             "# A change of partitions under way: hypcontrol repartition goes "
             "on with it.\n[repartition]\nid = %" PRId64
             "\nphase = %s\nfrom = ",
             plan->id, phase_names[plan->phase]);
    plan_list(&plan->from, &text);
    buf_add_str(&text, "\nto = ");
    plan_list(&plan->to, &text);
    buf_add_char(&text, '\n');
    BUG_IF(text.overflow);
    err = file_replace_synced(path, text.data, text.len, FILE_MODE, why);
    buf_fini(&text);
    free(path);
    return err;
}

enum err plan_remove(const char *var, struct errbuf *why)
{
    char *path = path_of(var);
    enum err err = ERR_OK;

    if (unlink(path) != 0 && errno != ENOENT) {
        errbuf_set(why, "%s: %s", path, strerror(errno));
        err = ERR_UNAVAILABLE;
    }
    free(path);
    return err;
}

/* "alarm=4" or "alarm*4" taken apart; name has the bytes before. */
static enum err parse_number(const char *text, char name[64], int64_t *n,
                             struct errbuf *why)
{
    size_t len = strcspn(text, "=*");

    if (len == 0 || len >= 64 || text[len] == '\0' ||
        str_to_i64(text + len + 1, 1, MOST, n) != ERR_OK) {
        errbuf_set(why, "\"%.80s\": expected ENGINE=N, N from 1 to %d", text,
                   MOST);
        return ERR_INVALID;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    if (plan_find_engine(name) == NULL) {
        errbuf_set(why,
                   "%s: expected an engine behind the entry (event-filter, "
                   "context, perfdata, alarm, eventstore)",
                   name);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* The number asked for; the one before where none is. */
static enum err find_number(const char *engine, const char *const *numbers,
                            size_t n, int64_t *number, struct errbuf *why)
{
    for (size_t i = 0; i < n; i++) {
        char name[64];
        int64_t found;
        enum err err = parse_number(numbers[i], name, &found, why);

        if (err != ERR_OK) {
            return err;
        }
        if (strcmp(name, engine) == 0) {
            *number = found;
        }
    }
    return ERR_OK;
}

static enum err set_list(struct plan *plan, const char *key,
                         const struct buf *list, struct errbuf *why)
{
    return conf_set(plan->conf, "repartition", key, buf_str(list), why);
}

/* Joins the list as partitions.conf has it; one needs no word. */
static void add_number(struct buf *list, const char *engine, int64_t number)
{
    if (number > 1) {
        buf_addf(list, "%s%s*%" PRId64, list->len > 0 ? ", " : "", engine,
                 number);
    }
}

struct lists {
    struct buf from;
    struct buf to;
};

static enum err make_lists(const struct partitions *now,
                           const char *const *numbers, size_t n,
                           struct lists *lists, struct errbuf *why)
{
    for (size_t i = 0; all_engines[i] != NULL; i++) {
        const char *name = all_engines[i]->name;
        int64_t before = partitions_of(now, name);
        int64_t after = before;
        enum err err = find_number(name, numbers, n, &after, why);

        if (err != ERR_OK) {
            return err;
        }
        add_number(&lists->from, name, before);
        add_number(&lists->to, name, after);
    }
    if (strcmp(buf_str(&lists->from), buf_str(&lists->to)) == 0) {
        errbuf_set(why, "partitions.conf says so already: %s",
                   lists->to.len > 0 ? buf_str(&lists->to)
                                     : "one of each engine");
        return ERR_CONFLICT;
    }
    return ERR_OK;
}

enum err plan_make(const struct partitions *now, const char *const *numbers,
                   size_t n, int64_t id, struct plan *plan, struct errbuf *why)
{
    struct lists lists;
    enum err err;

    (void)make_conf(plan);
    plan->id = id;
    buf_init(&lists.from, FILE_MAX);
    buf_init(&lists.to, FILE_MAX);
    err = make_lists(now, numbers, n, &lists, why);
    if (err == ERR_OK) {
        err = set_list(plan, "from", &lists.from, why);
    }
    if (err == ERR_OK) {
        err = set_list(plan, "to", &lists.to, why);
    }
    buf_fini(&lists.to);
    buf_fini(&lists.from);
    return err;
}

bool plan_is_for(const struct plan *plan, const char *const *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct errbuf why;
        char name[64];
        int64_t number;

        if (parse_number(numbers[i], name, &number, &why) != ERR_OK ||
            partitions_of(&plan->to, name) != number) {
            return false;
        }
    }
    return true;
}

/* partitions.conf. */

/* Whether the line sets the key; one that is commented out does not. */
static bool is_key(const char *line)
{
    static const char key[] = "engines";

    line += strspn(line, " \t");
    if (strncmp(line, key, sizeof key - 1) != 0) {
        return false;
    }
    line += sizeof key - 1;
    line += strspn(line, " \t");
    return *line == '=';
}

static void copy_lines(const char *text, const char *list, struct buf *out)
{
    bool set = false;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        if (!is_key(text)) {
            buf_add(out, text, len);
        } else if (!set) {
            buf_addf(out, "engines = %s", list);
            set = true;
        }
        buf_add_char(out, '\n');
        text += len + (text[len] == '\n');
    }
    if (!set) {
        buf_addf(out, "[partitions]\nengines = %s\n", list);
    }
}

enum err plan_write_partitions(const char *path, const char *list,
                               struct errbuf *why)
{
    struct buf old;
    struct buf text;
    enum err err;

    buf_init(&old, FILE_MAX);
    buf_init(&text, 2 * FILE_MAX);
    err = file_read(path, &old, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        copy_lines(buf_str(&old), list, &text);
        BUG_IF(text.overflow);
        err = file_replace_synced(path, text.data, text.len, CONF_MODE, why);
    }
    buf_fini(&text);
    buf_fini(&old);
    return err;
}
