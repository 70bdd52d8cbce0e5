/* SPDX-License-Identifier: Apache-2.0 */
/** Element kinds of BSON (bsonspec.org, version 1.1) that documents use. */
#ifndef HYP_DOC_BSON_TYPES_H
#define HYP_DOC_BSON_TYPES_H

enum bson_kind {
    BSON_KIND_DOUBLE = 0x01,
    BSON_KIND_STRING = 0x02,
    BSON_KIND_DOC = 0x03,
    BSON_KIND_ARRAY = 0x04,
    BSON_KIND_BINARY = 0x05,
    BSON_KIND_BOOL = 0x08,
    BSON_KIND_DATE = 0x09, /* read as a number of milliseconds */
    BSON_KIND_NULL = 0x0A,
    BSON_KIND_INT32 = 0x10,
    BSON_KIND_INT64 = 0x12
};

#endif
