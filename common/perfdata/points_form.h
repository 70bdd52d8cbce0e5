/* SPDX-License-Identifier: Apache-2.0 */
/** The form of packs: shared by the writer and the reader of this folder. */
#ifndef HYP_PERFDATA_POINTS_FORM_H
#define HYP_PERFDATA_POINTS_FORM_H

enum {
    POINTS_FORM = 1,       /* first byte of a pack */
    POINTS_POINT_MAX = 24, /* bytes a point may take: time and value */
    POINTS_VARINT_BITS = 7,
    POINTS_VARINT_MORE = 1 << POINTS_VARINT_BITS,
    POINTS_WORD_BITS = 64,
    POINTS_BYTE_BITS = 8,
    POINTS_ZEROS_SHIFT = 4, /* of a changed value: zero bytes, then length */
    POINTS_LEN_MASK = 15,
    /* first byte of values: kind and scale */
    POINTS_KIND_MASK = 3,
    POINTS_SCALE_SHIFT = 2,
    POINTS_BITS = 0,  /* changed bits */
    POINTS_WHOLE = 1, /* differences of whole numbers */
    POINTS_EVEN = 2,  /* differences of those */
    POINTS_SCALES = 13
};

/* What a whole number is divided by, by scale. */
static const double points_scales[POINTS_SCALES] = {
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

#endif
