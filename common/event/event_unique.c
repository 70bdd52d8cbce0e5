/* SPDX-License-Identifier: Apache-2.0 */
/** Documents in which each name stands once: the last of its name wins. */
#include "common/event/event_unique.h"

#include <string.h>

#include "common/base/map.h"

enum {
    FEW = 16
}; /* names that are compared each with each */

enum repeats {
    REPEATS_NO,
    REPEATS_YES,
    REPEATS_MANY_NAMES
};

static bool is_among(const char *const *keys, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (keys[i][0] == key[0] && strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* Compare each name with each, unless there are many. */
static enum repeats repeats_few(struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    const char *keys[FEW + 1];
    size_t n = 0;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &keys[n], &value)) {
        if (is_among(keys, n, keys[n])) {
            return REPEATS_YES;
        }
        if (++n > FEW) {
            return REPEATS_MANY_NAMES;
        }
    }
    return REPEATS_NO;
}

/* A map's values are not const; these are only compared. */
union place {
    const char *name; /* cppcheck-suppress unusedStructMember */
    void *value;
};

/* Put each name with where it stands last; true when one stood twice. */
static bool index_names(struct doc doc, struct map *last)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    bool repeats = false;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        union place place = {.name = key};

        if (map_put(last, key, strlen(key), place.value) != NULL) {
            repeats = true;
        }
    }
    return repeats;
}

static bool repeats_names(struct doc doc)
{
    enum repeats few = repeats_few(doc);
    struct map last;
    bool repeats;

    if (few != REPEATS_MANY_NAMES) {
        return few == REPEATS_YES;
    }
    map_init(&last);
    repeats = index_names(doc, &last);
    map_fini(&last);
    return repeats;
}

static bool is_nested(const struct doc_value *value)
{
    return value->type == DOC_DOC || value->type == DOC_ARRAY;
}

/* Names of an array are its indexes: only what is nested can repeat. */
static bool has_repeats(struct doc doc, bool array)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    if (!array && repeats_names(doc)) {
        return true;
    }
    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        if (is_nested(&value) &&
            has_repeats(value.u.doc, value.type == DOC_ARRAY)) {
            return true;
        }
    }
    return false;
}

bool event_has_repeats(struct doc doc)
{
    return has_repeats(doc, false);
}

static void add_unique(struct doc doc, bool array, struct doc_out *out);

static void add_value(const char *key, const struct doc_value *value,
                      struct doc_out *out)
{
    if (!is_nested(value)) {
        doc_add_value(out, key, value);
        return;
    }
    if (value->type == DOC_ARRAY) {
        doc_begin_array(out, key);
    } else {
        doc_begin_doc(out, key);
    }
    add_unique(value->u.doc, value->type == DOC_ARRAY, out);
    doc_end(out);
}

static void add_unique(struct doc doc, bool array, struct doc_out *out)
{
    struct map last;
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    map_init(&last);
    if (!array) {
        (void)index_names(doc, &last);
    }
    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        if (array || map_get(&last, key, strlen(key)) == key) {
            add_value(key, &value, out);
        }
    }
    map_fini(&last);
}

void event_add_unique(struct doc doc, struct doc_out *out)
{
    add_unique(doc, false, out);
}
