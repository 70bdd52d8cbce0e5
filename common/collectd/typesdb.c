/* SPDX-License-Identifier: Apache-2.0 */
/** collectd's types.db, a type a line: name source:TYPE:min:max[, ...]. */
#include "common/collectd/typesdb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    WORD_MAX = 256,
    FIELDS = 4
};

static const char separators[] = " \t\r,";

struct typesdb {
    struct map types; /* name -> struct typesdb_type */
};

/* One line under way. */
struct line {
    const char *at;
    size_t number;
    const struct typesdb_listener *listener; /* or NULL */
    struct errbuf *why;
};

struct typesdb *typesdb_new(void)
{
    return xcalloc(1, sizeof(struct typesdb));
}

static void free_type(struct typesdb_type *type)
{
    if (type != NULL) {
        free(type->sources);
        free(type);
    }
}

void typesdb_free(struct typesdb *db)
{
    struct map_slot slot;
    size_t at = 0;

    if (db == NULL) {
        return;
    }
    while (map_next(&db->types, &at, &slot)) {
        free_type(slot.value);
    }
    map_fini(&db->types);
    free(db);
}

static enum err refuse(const struct line *line, const char *expected,
                       const char *found)
{
    errbuf_set(line->why, "line %zu: expected %s, found '%s'", line->number,
               expected, found);
    return ERR_INVALID;
}

/* The next word up to a separator or the line's end; "" at the end. */
static bool take_word(struct line *line, char word[WORD_MAX])
{
    size_t len;

    line->at += strspn(line->at, separators);
    len = strcspn(line->at, " \t\r,\n");
    if (len >= WORD_MAX) {
        return false;
    }
    memcpy(word, line->at, len);
    word[len] = '\0';
    line->at += len;
    return true;
}

static bool read_bound(const char *text, double *bound)
{
    *bound = (double)NAN;
    return strcasecmp(text, "U") == 0 || str_to_double(text, bound) == ERR_OK;
}

/* Split at colons into exactly FIELDS parts; changes word. */
static bool split_fields(char *word, char *fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++) {
        char *colon = word != NULL ? strchr(word, ':') : NULL;

        if (word == NULL || (colon == NULL && i < FIELDS - 1)) {
            return false;
        }
        fields[i] = word;
        if (colon != NULL) {
            *colon = '\0';
            colon++;
        }
        word = colon;
    }
    return word == NULL;
}

static bool read_source(char *word, struct typesdb_source *source)
{
    char *fields[FIELDS];
    size_t len;

    if (!split_fields(word, fields)) {
        return false;
    }
    len = strlen(fields[0]);
    if (len == 0 || len > TYPESDB_NAME_MAX ||
        perf_type_parse(fields[1], &source->type) != ERR_OK) {
        return false;
    }
    memcpy(source->name, fields[0], len + 1);
    return read_bound(fields[2], &source->min) &&
           read_bound(fields[3], &source->max);
}

static enum err read_sources(struct line *line, struct typesdb_type *type)
{
    char word[WORD_MAX];
    char shown[WORD_MAX];
    size_t most = 0;

    for (;;) {
        if (!take_word(line, word)) {
            return refuse(line, "a data source of fewer bytes", "a longer one");
        }
        if (word[0] == '\0') {
            return type->n_sources > 0 ? ERR_OK
                                       : refuse(line, "a data source", "none");
        }
        if (type->n_sources == most) {
            most = most * 2 + 1;
            type->sources =
                xrealloc_array(type->sources, most, sizeof *type->sources);
        }
        memcpy(shown, word, sizeof shown);
        if (type->n_sources == TYPESDB_SOURCES_MAX ||
            !read_source(word, &type->sources[type->n_sources])) {
            return refuse(line, "name:TYPE:min:max", shown);
        }
        type->n_sources++;
    }
}

static bool same_bound(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_sources(const struct typesdb_type *a,
                         const struct typesdb_type *b)
{
    if (a->n_sources != b->n_sources) {
        return false;
    }
    for (size_t i = 0; i < a->n_sources; i++) {
        const struct typesdb_source *x = &a->sources[i];
        const struct typesdb_source *y = &b->sources[i];

        if (strcmp(x->name, y->name) != 0 || x->type != y->type ||
            !same_bound(x->min, y->min) || !same_bound(x->max, y->max)) {
            return false;
        }
    }
    return true;
}

/* Gives the type that it replaces, or NULL. */
static struct typesdb_type *
put_type(struct typesdb *db, const struct line *line, struct typesdb_type *type)
{
    struct typesdb_type *old =
        map_put(&db->types, type->name, strlen(type->name), type);

    if (old != NULL && line->listener != NULL && !same_sources(old, type)) {
        line->listener->replaced(line->listener->ctx, type->name, line->number);
    }
    return old;
}

static enum err read_line(struct typesdb *db, struct line *line)
{
    char name[WORD_MAX];
    struct typesdb_type *type;
    enum err err;

    if (!take_word(line, name) || strlen(name) > TYPESDB_NAME_MAX) {
        return refuse(line, "a type name of at most 127 bytes", "a longer one");
    }
    if (name[0] == '\0' || name[0] == '#') {
        return ERR_OK;
    }
    type = xcalloc(1, sizeof *type);
    memcpy(type->name, name, strlen(name) + 1);
    err = read_sources(line, type);
    if (err == ERR_OK) {
        type = put_type(db, line, type);
    }
    free_type(type); /* refused, or the one that was replaced */
    return err;
}

enum err typesdb_parse(struct typesdb *db, const char *text,
                       const struct typesdb_listener *listener,
                       struct errbuf *why)
{
    struct line line = {
        .at = text, .number = 1, .listener = listener, .why = why};

    while (*line.at != '\0') {
        enum err err = read_line(db, &line);

        if (err != ERR_OK) {
            return err;
        }
        line.at += strcspn(line.at, "\n"); /* the rest of a comment */
        line.at += *line.at == '\n' ? 1 : 0;
        line.number++;
    }
    return ERR_OK;
}

const struct typesdb_type *typesdb_find(const struct typesdb *db,
                                        const char *name)
{
    return map_get(&db->types, name, strlen(name));
}

size_t typesdb_count(const struct typesdb *db)
{
    return db->types.n;
}

/* Sorted by name. What collectd documents for the type, nothing guessed. */
static const struct {
    const char *type;
    const char *unit;
} units[] = {
    {"apache_bytes", "B"},
    {"bitrate", "bit/s"},
    {"bytes", "B"},
    {"cache_ratio", "%"},
    {"cache_size", "B"},
    {"capacity", "Ah"},
    {"charge", "Ah"},
    {"charge_percent", "%"},
    {"counter_bytes", "B"},
    {"current", "A"},
    {"delay", "s"},
    {"df", "B"},
    {"df_complex", "B"},
    {"disk_io_time", "ms"},
    {"disk_octets", "B"},
    {"disk_time", "ms"},
    {"duration", "s"},
    {"fanspeed", "rpm"},
    {"file_size", "B"},
    {"frequency", "Hz"},
    {"humidity", "%"},
    {"if_octets", "B"},
    {"if_rx_octets", "B"},
    {"if_tx_octets", "B"},
    {"io_octets", "B"},
    {"latency", "s"},
    {"memory", "B"},
    {"node_octets", "B"},
    {"percent", "%"},
    {"percent_bytes", "%"},
    {"percent_inodes", "%"},
    {"ping", "ms"},
    {"ping_droprate", ""},
    {"ping_stddev", "ms"},
    {"power", "W"},
    {"ps_cputime", "us"},
    {"ps_data", "B"},
    {"ps_disk_octets", "B"},
    {"ps_rss", "B"},
    {"ps_stacksize", "B"},
    {"ps_vm", "B"},
    {"response_time", "s"},
    {"serial_octets", "B"},
    {"signal_noise", "dBm"},
    {"signal_power", "dBm"},
    {"smart_temperature", "C"},
    {"swap", "B"},
    {"swap_io", "B"},
    {"temperature", "C"},
    {"total_bytes", "B"},
    {"total_time_in_ms", "ms"},
    {"total_time_in_ns", "ns"},
    {"uptime", "s"},
    {"virt_cpu_total", "ns"},
    {"virt_vcpu", "ns"},
    {"vmpage_io", "pages"},
    {"vmpage_number", "pages"},
    {"voltage", "V"},
};

const char *typesdb_unit(const char *type)
{
    size_t low = 0;
    size_t high = sizeof units / sizeof units[0];

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(type, units[middle].type);

        if (order == 0) {
            return units[middle].unit;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return "";
}
