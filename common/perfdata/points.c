/* SPDX-License-Identifier: Apache-2.0 */
/** Points of metrics in few bytes: order, and writing packs. */
#include "common/perfdata/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/perfdata/points_form.h"

static int compare(const struct point *a, const struct point *b)
{
    if (a->n != b->n) {
        return a->n < b->n ? -1 : 1;
    }
    return (a->ms > b->ms) - (a->ms < b->ms);
}

/* Two neighbouring runs into one; of equals the left one comes first. */
static void merge(const struct point *from, size_t begin, size_t middle,
                  size_t end, struct point *to)
{
    size_t left = begin;
    size_t right = middle;

    for (size_t i = begin; i < end; i++) {
        if (left < middle &&
            (right == end || compare(&from[left], &from[right]) <= 0)) {
            to[i] = from[left++];
        } else {
            to[i] = from[right++];
        }
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void merge_sort(struct point *points, size_t n)
{
    struct point *spare = xmalloc(n * sizeof *spare);
    struct point *from = points;
    struct point *to = spare;

    for (size_t width = 1; width < n; width *= 2) {
        struct point *merged = to;

        for (size_t at = 0; at < n; at += 2 * width) {
            merge(from, at, least(at + width, n), least(at + 2 * width, n), to);
        }
        to = from;
        from = merged;
    }
    if (from != points) {
        memcpy(points, from, n * sizeof *points);
    }
    free(spare);
}

static bool is_sorted(const struct point *points, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (compare(&points[i - 1], &points[i]) > 0) {
            return false;
        }
    }
    return true;
}

size_t points_sort(struct point *points, size_t n)
{
    size_t kept = 0;

    if (!is_sorted(points, n)) {
        merge_sort(points, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && compare(&points[kept - 1], &points[i]) == 0) {
            kept--;
        }
        points[kept++] = points[i];
    }
    return kept;
}

/* Writing. */

enum {
    VARINT_MAX = 10,
    SCALE_SHORT = 6, /* with more decimals, bits may be shorter */
    SERIES_SLACK = 4096
};

/* Whole numbers below it are exact as doubles, and their differences'
 * differences fit. */
#define WHOLE_MAX 2251799813685248.0 /* 2^51 */

static void add_varint(struct buf *out, uint64_t value)
{
    char bytes[VARINT_MAX];
    size_t len = 0;

    while (value >= POINTS_VARINT_MORE) {
        bytes[len++] = (char)(value | POINTS_VARINT_MORE);
        value >>= POINTS_VARINT_BITS;
    }
    bytes[len++] = (char)value;
    buf_add(out, bytes, len);
}

/* Small numbers of either sign become small ones without. */
static uint64_t zigzag(uint64_t value)
{
    return (value << 1) ^
           (value >> (POINTS_WORD_BITS - 1) != 0 ? UINT64_MAX : 0);
}

/* Numbers, zeros among them counted: "0 0 0" is one token. A number whose
 * token would not fit is told by an escape. */
struct tokens {
    struct buf *out;
    uint64_t zeros;
};

static void end_zeros(struct tokens *tokens)
{
    if (tokens->zeros > 0) {
        add_varint(tokens->out, tokens->zeros << 1 | 1);
        tokens->zeros = 0;
    }
}

static void add_token(struct tokens *tokens, uint64_t value)
{
    uint64_t code = zigzag(value);

    if (value == 0) {
        tokens->zeros++;
        return;
    }
    end_zeros(tokens);
    if (code >> (POINTS_WORD_BITS - 1) != 0) {
        add_varint(tokens->out, 0); /* the escape: no number has code 0 */
        add_varint(tokens->out, code);
    } else {
        add_varint(tokens->out, code << 1);
    }
}

static void add_times(const struct point *points, size_t n, int64_t base_ms,
                      struct buf *out)
{
    struct tokens tokens = {.out = out};
    uint64_t last = (uint64_t)base_ms;
    uint64_t step = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t now = (uint64_t)points[i].ms;

        add_token(&tokens, now - last - step);
        step = i > 0 ? now - last : 0;
        last = now;
    }
    end_zeros(&tokens);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The value as a whole number of the scale, when that gives its very bits. */
static bool to_whole(double value, int scale, int64_t *whole)
{
    double scaled = rint(value * points_scales[scale]);

    if (!(fabs(scaled) < WHOLE_MAX)) {
        return false;
    }
    *whole = (int64_t)scaled;
    return bits_of((double)*whole / points_scales[scale]) == bits_of(value);
}

/* The least scale that all values are whole in; -1: there is none. */
static int find_scale(const struct point *points, size_t n)
{
    int scale = 0;
    int64_t whole;

    for (size_t i = 0; i < n; i++) {
        while (!to_whole(points[i].value, scale, &whole)) {
            if (++scale == POINTS_SCALES) {
                return -1;
            }
            i = 0; /* a value before may not be whole in this one */
        }
    }
    return scale;
}

/* As differences, or as differences of differences for what rises evenly. */
static void add_wholes(const struct point *points, size_t n, int scale,
                       bool even, struct buf *out)
{
    struct tokens tokens = {.out = out};
    uint64_t last = 0;
    uint64_t change = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t whole = 0;

        BUG_IF(!to_whole(points[i].value, scale, &whole));
        add_token(&tokens, (uint64_t)whole - last - change);
        change = even && i > 0 ? (uint64_t)whole - last : 0;
        last = (uint64_t)whole;
    }
    end_zeros(&tokens);
}

/* What of the bits changed, without the zero bytes around it. */
static void add_changed(struct buf *out, uint64_t changed)
{
    uint64_t zeros = 0;
    uint64_t len = 0;
    char bytes[1 + sizeof changed];

    while ((changed & UINT8_MAX) == 0) {
        changed >>= POINTS_BYTE_BITS;
        zeros++;
    }
    for (; changed != 0; changed >>= POINTS_BYTE_BITS) {
        bytes[++len] = (char)changed;
    }
    bytes[0] = (char)(zeros << POINTS_ZEROS_SHIFT | len);
    buf_add(out, bytes, len + 1);
}

static void add_bits(const struct point *points, size_t n, struct buf *out)
{
    uint64_t last = 0;
    uint64_t same = 0;

    for (size_t i = 0; i <= n; i++) {
        uint64_t bits = i < n ? bits_of(points[i].value) : ~last;

        if (bits == last) {
            same++;
            continue;
        }
        if (same > 0) {
            buf_add_char(out, 0);
            add_varint(out, same);
            same = 0;
        }
        if (i < n) {
            add_changed(out, bits ^ last);
        }
        last = bits;
    }
}

/* Of two forms of the same, one behind the other, the shorter remains. */
static void keep_shorter(struct buf *out, size_t first, size_t second)
{
    size_t len = out->len - second;

    if (len < second - first) {
        memmove(out->data + first, out->data + second, len);
        second = first + len;
    }
    buf_truncate(out, second);
}

static void add_values(const struct point *points, size_t n, struct buf *out)
{
    int scale = find_scale(points, n);
    size_t start = out->len;
    size_t second;

    if (scale >= 0) {
        buf_add_char(out, (char)(POINTS_WHOLE | scale << POINTS_SCALE_SHIFT));
        add_wholes(points, n, scale, false, out);
    }
    if (scale >= 0 && n > 2) {
        second = out->len;
        buf_add_char(out, (char)(POINTS_EVEN | scale << POINTS_SCALE_SHIFT));
        add_wholes(points, n, scale, true, out);
        keep_shorter(out, start, second);
    }
    if (scale < 0 || scale > SCALE_SHORT) {
        second = out->len;
        buf_add_char(out, POINTS_BITS);
        add_bits(points, n, out);
        if (scale >= 0) {
            keep_shorter(out, start, second);
        }
    }
}

static size_t series_end(const struct point *points, size_t n, size_t begin)
{
    size_t end = begin + 1;

    while (end < n && points[end].n == points[begin].n) {
        end++;
    }
    return end;
}

void points_pack(const struct point *points, size_t n, struct buf *out)
{
    int64_t first = n > 0 ? points[0].ms : 0;
    int64_t last = first;
    struct buf body;
    uint64_t before = 0;

    for (size_t i = 0; i < n; i++) {
        first = points[i].ms < first ? points[i].ms : first;
        last = points[i].ms > last ? points[i].ms : last;
    }
    buf_add_char(out, POINTS_FORM);
    add_varint(out, zigzag((uint64_t)first));
    add_varint(out, (uint64_t)last - (uint64_t)first);
    buf_init(&body, SERIES_SLACK + n * POINTS_POINT_MAX * 2);
    for (size_t at = 0; at < n;) {
        size_t end = series_end(points, n, at);
        size_t times;

        buf_clear(&body);
        add_times(points + at, end - at, first, &body);
        times = body.len;
        add_values(points + at, end - at, &body);
        BUG_IF(body.overflow);
        add_varint(out, (uint64_t)points[at].n - before);
        add_varint(out, end - at);
        add_varint(out, times);
        add_varint(out, body.len - times);
        buf_add(out, body.data, body.len);
        before = (uint64_t)points[at].n;
        at = end;
    }
    buf_fini(&body);
}
