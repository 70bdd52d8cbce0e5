/* SPDX-License-Identifier: Apache-2.0 */
/** Points of metrics in few bytes: reading packs, whatever the bytes are. */
#include <string.h>

#include "common/perfdata/points.h"
#include "common/perfdata/points_form.h"

static bool get_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    unsigned int shift = 0;
    const uint8_t *p = *at;

    *value = 0;
    for (; p < end && shift < POINTS_WORD_BITS; shift += POINTS_VARINT_BITS) {
        uint64_t byte = *p++;

        *value |= (byte & (POINTS_VARINT_MORE - 1)) << shift;
        if (byte < POINTS_VARINT_MORE) {
            *at = p;
            return true;
        }
    }
    return false;
}

static uint64_t unzigzag(uint64_t code)
{
    return (code >> 1) ^ ((code & 1) != 0 ? UINT64_MAX : 0);
}

bool points_reader_init(struct points_reader *reader, const void *bytes,
                        size_t len)
{
    uint64_t first;
    uint64_t span;

    *reader = (struct points_reader){.at = bytes};
    reader->end = reader->at + len;
    if (len == 0 || *reader->at++ != POINTS_FORM ||
        !get_varint(&reader->at, reader->end, &first) ||
        !get_varint(&reader->at, reader->end, &span)) {
        reader->at = reader->end;
        reader->bad = true;
        return false;
    }
    reader->first_ms = (int64_t)unzigzag(first);
    reader->last_ms = (int64_t)((uint64_t)reader->first_ms + span);
    return true;
}

bool points_next_series(struct points_reader *reader,
                        struct points_series *series)
{
    uint64_t more;
    uint64_t count;
    uint64_t times;
    uint64_t values;

    if (reader->at == reader->end) {
        return false;
    }
    if (!get_varint(&reader->at, reader->end, &more) ||
        !get_varint(&reader->at, reader->end, &count) ||
        !get_varint(&reader->at, reader->end, &times) ||
        !get_varint(&reader->at, reader->end, &values) ||
        times > (uint64_t)(reader->end - reader->at) ||
        values > (uint64_t)(reader->end - reader->at) - times) {
        reader->at = reader->end;
        reader->bad = true;
        return false;
    }
    reader->n = (int64_t)((uint64_t)reader->n + more);
    *series = (struct points_series){.n = reader->n,
                                     .count = count,
                                     .base_ms = reader->first_ms,
                                     .at = reader->at,
                                     .values = reader->at + times,
                                     .end = reader->at + times + values};
    reader->at = series->end;
    return true;
}

void points_iter_init(struct points_iter *iter,
                      const struct points_series *series)
{
    bool empty = series->values == series->end;
    int form = empty ? POINTS_KIND_MASK : *series->values;

    *iter = (struct points_iter){.n = series->n,
                                 .left = series->count,
                                 .t_at = series->at,
                                 .t_end = series->values,
                                 .v_at = series->values + (empty ? 0 : 1),
                                 .v_end = series->end,
                                 .ms = (uint64_t)series->base_ms,
                                 .kind = form & POINTS_KIND_MASK,
                                 .scale = form >> POINTS_SCALE_SHIFT};
    if (iter->kind == POINTS_KIND_MASK || iter->scale >= POINTS_SCALES) {
        iter->left = 0;
        iter->bad = true;
    }
}

/* The next number of a run of tokens. */
static bool get_token(const uint8_t **at, const uint8_t *end, uint64_t *zeros,
                      uint64_t *value)
{
    uint64_t token = 0;

    *value = 0;
    if (*zeros > 0) {
        (*zeros)--;
        return true;
    }
    if (!get_varint(at, end, &token)) {
        return false;
    }
    if ((token & 1) != 0) {
        *zeros = (token >> 1) - 1;
        return token > 1;
    }
    token >>= 1;
    if (token == 0 && !get_varint(at, end, &token)) { /* the escape */
        return false;
    }
    *value = unzigzag(token);
    return true;
}

static bool next_time(struct points_iter *iter)
{
    uint64_t more;

    if (!get_token(&iter->t_at, iter->t_end, &iter->t_run, &more)) {
        return false;
    }
    more += iter->step;
    iter->ms += more;
    iter->step = iter->begun ? more : 0;
    return true;
}

static bool next_whole(struct points_iter *iter, double *value)
{
    uint64_t more;

    if (!get_token(&iter->v_at, iter->v_end, &iter->v_run, &more)) {
        return false;
    }
    more += iter->change;
    iter->value += more;
    iter->change = iter->begun && iter->kind == POINTS_EVEN ? more : 0;
    *value = (double)(int64_t)iter->value / points_scales[iter->scale];
    return true;
}

static bool next_changed(struct points_iter *iter)
{
    unsigned int form = *iter->v_at++;
    unsigned int len = form & POINTS_LEN_MASK;
    unsigned int zeros = form >> POINTS_ZEROS_SHIFT;

    if (form == 0) {
        if (!get_varint(&iter->v_at, iter->v_end, &iter->v_run) ||
            iter->v_run == 0) {
            return false;
        }
        iter->v_run--;
        return true;
    }
    if (len + zeros > sizeof iter->value ||
        len > (size_t)(iter->v_end - iter->v_at)) {
        return false;
    }
    for (unsigned int i = 0; i < len; i++) {
        iter->value ^= (uint64_t)*iter->v_at++
                       << ((zeros + i) * POINTS_BYTE_BITS);
    }
    return true;
}

static bool next_bits(struct points_iter *iter, double *value)
{
    if (iter->v_run > 0) {
        iter->v_run--;
    } else if (iter->v_at == iter->v_end || !next_changed(iter)) {
        return false;
    }
    memcpy(value, &iter->value, sizeof *value);
    return true;
}

bool points_next(struct points_iter *iter, struct point *point)
{
    if (iter->left == 0) {
        return false;
    }
    point->n = iter->n;
    if (!next_time(iter) ||
        !(iter->kind == POINTS_BITS ? next_bits(iter, &point->value)
                                    : next_whole(iter, &point->value))) {
        iter->left = 0;
        iter->bad = true;
        return false;
    }
    point->ms = (int64_t)iter->ms;
    iter->begun = true;
    iter->left--;
    return true;
}
