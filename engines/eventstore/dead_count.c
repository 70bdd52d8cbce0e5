/* SPDX-License-Identifier: Apache-2.0 */
/** Dead letters counted by engine, field and kind of reason. */
#include "engines/eventstore/dead_count.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    KEY_MAX = 512,
    TAIL = 0x80, /* of a character in UTF-8 */
    TAIL_MASK = 0xC0
};

static const char quoted[] = "\"...\"";

void dead_counts_fini(struct map *counts)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(counts, &at, &slot)) {
        struct dead_count *count = slot.value;

        free(count->engine);
        free(count->field);
        free(count->reason);
        free(count);
    }
    map_fini(counts);
}

/* Past a number or a quoted text; what stands for it. */
static const char *skip(const char **at)
{
    const char *end;

    if (isdigit((unsigned char)**at)) {
        while (isdigit((unsigned char)**at)) {
            (*at)++;
        }
        return "N";
    }
    end = **at == '"' ? strchr(*at + 1, '"') : NULL;
    if (end != NULL) {
        *at = end + 1;
        return quoted;
    }
    return NULL;
}

/* "expected this, got that": what was got is the letter's own. */
static const char *end_of_kind(const char *reason)
{
    static const char *const own[] = {", got ", ", found "};
    const char *end = reason + strlen(reason);

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        const char *at = strstr(reason, own[i]);

        end = at != NULL && at < end ? at : end;
    }
    return end;
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & TAIL_MASK) == TAIL;
}

void dead_reason_kind(const char *reason, char out[DEAD_REASON_MAX + 1])
{
    char whole[DEAD_REASON_MAX + sizeof quoted];
    const char *end = end_of_kind(reason);
    size_t len = 0;
    size_t kept;

    while (reason < end &&
           (len < DEAD_REASON_MAX ||
            (is_inside_character(*reason) && len < sizeof whole))) {
        const char *instead = skip(&reason);

        if (instead != NULL) {
            while (*instead != '\0') {
                whole[len++] = *instead++;
            }
        } else {
            whole[len++] = *reason++;
        }
    }
    kept = utf8_cut(whole, len, DEAD_REASON_MAX);
    memcpy(out, whole, kept);
    out[kept] = '\0';
}

static struct dead_count *add(struct map *counts, const char *key,
                              const char *engine, const char *field,
                              const char *reason)
{
    size_t len = strlen(key);
    struct dead_count *count = xcalloc(1, sizeof *count + len + 1);

    memcpy(count->key, key, len + 1);
    count->engine = xstrdup(engine);
    count->field = xstrdup(field);
    count->reason = xstrdup(reason);
    (void)map_put(counts, count->key, len, count);
    return count;
}

struct dead_count *dead_count_of(struct map *counts, struct doc letter)
{
    const char *engine = doc_str(letter, "engine", "");
    const char *field = doc_str(letter, "field", "");
    char reason[DEAD_REASON_MAX + 1];
    char key[KEY_MAX];
    struct dead_count *count;

    dead_reason_kind(doc_str(letter, "reason", ""), reason);
    (void)snprintf(key, sizeof key, "%.64s/%.128s/%s", engine, field, reason);
    count = map_get(counts, key, strlen(key));
    if (count != NULL) {
        return count;
    }
    if (counts->n < DEAD_COUNTS_MAX) {
        return add(counts, key, engine, field, reason);
    }
    count = map_get(counts, "//", 2);
    return count != NULL ? count : add(counts, "//", "", "", "others");
}

void dead_counts_add(struct map *counts, const char *key, struct doc row)
{
    struct dead_count *count =
        add(counts, key, doc_str(row, "engine", ""), doc_str(row, "field", ""),
            doc_str(row, "reason", ""));

    count->total = doc_i64(row, "total", 0);
    count->last_ms = doc_ms(row, "last_at", 0);
}

void dead_counts_write(struct map *counts, struct engine_io *io)
{
    struct doc_out *out = engine_scratch(io);
    struct map_slot slot;
    size_t at = 0;

    while (map_next(counts, &at, &slot)) {
        struct dead_count *count = slot.value;
        const struct store_key key = {.text = count->key};

        if (!count->changed) {
            continue;
        }
        count->changed = false;
        doc_out_reset(out);
        doc_add_str(out, "engine", count->engine);
        doc_add_str(out, "field", count->field);
        doc_add_str(out, "reason", count->reason);
        doc_add_i64(out, "total", count->total);
        doc_add_i64(out, "kept", count->kept);
        doc_add_ms(out, "last_at", count->last_ms);
        store_batch_put(engine_batch(io), STORE_DEAD_COUNTS, &key,
                        doc_out_done(out));
    }
}
