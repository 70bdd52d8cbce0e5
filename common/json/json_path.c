/* SPDX-License-Identifier: Apache-2.0 */
/** Where in a JSON text a reader stopped, as a path for people. */
#include "common/json/json_path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

enum {
    LEVELS_MAX = 16, /* a path of more is cut anyway */
    NAME_SHOWN_MAX = 48
};

struct level {
    bool array;
    bool begun; /* an array: something of an element was read */
    bool named; /* an object's member: its name was read */
    const char *name;
    size_t name_len;
    size_t element; /* of an array */
};

struct walk {
    const char *text;
    size_t len;
    size_t at;
    size_t depth;                    /* may pass LEVELS_MAX */
    struct level levels[LEVELS_MAX]; /* the outermost */
};

/* The innermost open level; NULL: none, or too deep to be shown. */
static struct level *innermost(struct walk *walk)
{
    return walk->depth > 0 && walk->depth <= LEVELS_MAX
               ? &walk->levels[walk->depth - 1]
               : NULL;
}

static void begin_element(struct walk *walk)
{
    struct level *level = innermost(walk);

    if (level != NULL) {
        level->begun = true;
    }
}

static void open_level(struct walk *walk, bool array)
{
    begin_element(walk);
    walk->depth++;
    if (walk->depth <= LEVELS_MAX) {
        walk->levels[walk->depth - 1] = (struct level){.array = array};
    }
}

static void close_level(struct walk *walk)
{
    walk->depth -= walk->depth > 0 ? 1 : 0;
}

static void next_member(struct walk *walk)
{
    struct level *level = innermost(walk);

    if (level != NULL) {
        level->begun = true;
        level->named = false;
        level->element++;
    }
}

/* A text, up to its closing quote; it is a name where a name is due. */
static void pass_text(struct walk *walk)
{
    struct level *level = innermost(walk);
    size_t start = ++walk->at;

    begin_element(walk);
    while (walk->at < walk->len && walk->text[walk->at] != '"') {
        walk->at += walk->text[walk->at] == '\\' ? 2 : 1;
    }
    if (walk->at < walk->len && level != NULL && !level->array &&
        !level->named) {
        level->named = true;
        level->name = walk->text + start;
        level->name_len = walk->at - start;
    }
}

static void pass(struct walk *walk)
{
    char c = walk->text[walk->at];

    switch (c) {
    case '"':
        pass_text(walk);
        break;
    case '{':
    case '[':
        open_level(walk, c == '[');
        break;
    case '}':
    case ']':
        close_level(walk);
        break;
    case ',':
        next_member(walk);
        break;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        break;
    default:
        begin_element(walk);
        break;
    }
}

/* Add one step to the path of used bytes; the new number of them. */
static size_t add_step(const struct level *level, char *out, size_t used)
{
    char step[NAME_SHOWN_MAX + sizeof "."];
    int len = 0;

    if (level->array && level->begun) {
        len = snprintf(step, sizeof step, "[%zu]", level->element);
    } else if (level->named) {
        len = snprintf(
            step, sizeof step, "%s%.*s", used > 0 ? "." : "",
            (int)utf8_cut(level->name, level->name_len, NAME_SHOWN_MAX),
            level->name);
    }
    if (len <= 0 || used + (size_t)len > JSON_PATH_MAX) {
        return used;
    }
    memcpy(out + used, step, (size_t)len);
    return used + (size_t)len;
}

char *json_path_at(const char *text, size_t len, char *out)
{
    struct walk walk = {.text = text, .len = len};
    size_t used = 0;
    size_t before = 1;

    for (; walk.at < len; walk.at++) {
        pass(&walk);
    }
    for (size_t i = 0; i < walk.depth && i < LEVELS_MAX && before != used;
         i++) {
        before = used;
        used = add_step(&walk.levels[i], out, used);
    }
    out[used] = '\0';
    if (used == 0) {
        (void)snprintf(out, JSON_PATH_MAX + 1, "%s", JSON_PATH_WHOLE);
    }
    return out;
}
