/* SPDX-License-Identifier: Apache-2.0 */
/** The metrics of several processes as one text for Prometheus. */
#include "webserver/exposition.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    NAME_MAX_BYTES = 128
};

/* A metric: the lines that say what it is, and those of its values. */
struct family {
    char name[NAME_MAX_BYTES];
    bool helped, typed; /* has these lines */
    struct buf head;
    struct buf lines;
};

struct exposition {
    struct family *families;
    size_t n;
    size_t bytes;
};

/* One line of a text, without its end. */
struct line {
    const char *text;
    size_t len;
};

struct exposition *exposition_new(void)
{
    return xcalloc(1, sizeof(struct exposition));
}

void exposition_free(struct exposition *all)
{
    for (size_t i = 0; i < all->n; i++) {
        buf_fini(&all->families[i].head);
        buf_fini(&all->families[i].lines);
    }
    free(all->families);
    free(all);
}

static struct family *find(const struct exposition *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->families[i].name, name) == 0) {
            return &all->families[i];
        }
    }
    return NULL;
}

static struct family *add_family(struct exposition *all, const char *name)
{
    struct family *family;

    if (all->n == EXPOSITION_FAMILIES_MAX) {
        return NULL;
    }
    all->families =
        xrealloc_array(all->families, all->n + 1, sizeof *all->families);
    family = &all->families[all->n++];
    *family = (struct family){.helped = false};
    memcpy(family->name, name, strlen(name) + 1);
    buf_init(&family->head, EXPOSITION_BYTES_MAX);
    buf_init(&family->lines, EXPOSITION_BYTES_MAX);
    return family;
}

static void add_line(struct exposition *all, struct buf *to,
                     const struct line *line)
{
    if (all->bytes + line->len + 1 <= EXPOSITION_BYTES_MAX) {
        all->bytes += line->len + 1;
        buf_add(to, line->text, line->len);
        buf_add_char(to, '\n');
    }
}

static bool begins(const struct line *line, const char *with)
{
    size_t len = strlen(with);

    return line->len >= len && memcmp(line->text, with, len) == 0;
}

/* The name behind "# HELP " or "# TYPE "; false: too long, or none. */
static bool name_of(const struct line *line, size_t from, char *name)
{
    size_t len = 0;

    while (from + len < line->len && line->text[from + len] != ' ') {
        len++;
    }
    if (len == 0 || len >= NAME_MAX_BYTES) {
        return false;
    }
    memcpy(name, line->text + from, len);
    name[len] = '\0';
    return true;
}

/* "# HELP name ..." or "# TYPE name ...": the metric that the lines after it
 * are of; NULL: none. */
static struct family *announce(struct exposition *all, const struct line *line)
{
    char name[NAME_MAX_BYTES];
    struct family *family;
    bool *told;

    if (!name_of(line, strlen("# HELP "), name)) {
        return NULL;
    }
    family = find(all, name);
    if (family == NULL) {
        family = add_family(all, name);
    }
    if (family != NULL) {
        told = begins(line, "# HELP ") ? &family->helped : &family->typed;
        if (!*told) {
            *told = true;
            add_line(all, &family->head, line);
        }
    }
    return family;
}

void exposition_add(struct exposition *all, const char *text, size_t len)
{
    const char *end = text + len;
    struct family *family = NULL;

    while (text < end) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        const struct line line = {text,
                                  (size_t)((eol != NULL ? eol : end) - text)};

        text = eol != NULL ? eol + 1 : end;
        if (begins(&line, "# HELP ") || begins(&line, "# TYPE ")) {
            family = announce(all, &line);
        } else if (family != NULL && begins(&line, family->name)) {
            add_line(all, &family->lines, &line);
        }
    }
}

void exposition_write(const struct exposition *all, struct buf *out)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct family *family = &all->families[i];

        buf_add(out, family->head.data, family->head.len);
        buf_add(out, family->lines.data, family->lines.len);
    }
}
