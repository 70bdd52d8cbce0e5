/* SPDX-License-Identifier: Apache-2.0 */
/** Hashes: published vectors, both ways of CRC-32C, values kept for ever. */
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    ROUNDS = 3000,
    BYTES_MAX = 200
};

struct crc_case {
    const char *name;
    const char *data;
    size_t len;
    uint32_t want;
};

/* RFC 3720, B.4, and the customary check value. */
static const char zeros[32];
static const char ones[] =
    "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
    "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
static const char rising[] =
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D\x1E\x1F";
static const struct crc_case crcs[] = {
    {"empty", "", 0, 0},
    {"check value", "123456789", 9, 0xE3069283U},
    {"zeros", zeros, 32, 0x8A9136AAU},
    {"ones", ones, 32, 0x62A8AB43U},
    {"rising", rising, 32, 0x46DD794EU},
};

static void check_crc(void **state)
{
    const struct crc_case *row = *state;

    assert_int_equal(crc32c(0, row->data, row->len), row->want);
    assert_int_equal(crc32c_portable(0, row->data, row->len), row->want);
}

static void crc_in_parts_and_both_ways(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char bytes[BYTES_MAX];
        size_t len = (size_t)round % sizeof bytes;
        size_t cut = len > 0 ? (size_t)round / 7 % len : 0;
        uint32_t whole;

        random_bytes(bytes, len);
        whole = crc32c(0, bytes, len);
        assert_int_equal(crc32c_portable(0, bytes, len), whole);
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, len - cut),
                         whole);
        assert_int_equal(
            crc32c_portable(crc32c(0, bytes, cut), bytes + cut, len - cut),
            whole);
    }
}

struct fixed_case {
    const char *name;
    const char *text;
    uint64_t want;
};

/* Stored in databases: a change of any breaks every store there is. */
static const struct fixed_case fixed[] = {
    {"empty", "", 16513010748060769715U},
    {"short", "a", 12302524455229317152U},
    {"host", "web1.example.org", 13762996247649041180U},
};

static void check_fixed(void **state)
{
    const struct fixed_case *row = *state;

    assert_true(hash_fixed(row->text, strlen(row->text)) == row->want);
}

static void keyed_is_its_own(void **state)
{
    (void)state;
    assert_true(hash_keyed("a", 1) == hash_keyed("a", 1));
    assert_true(hash_keyed("a", 1) != hash_keyed("b", 1));
    assert_true(hash_keyed("a", 1) != hash_fixed("a", 1));
}

static void random_text_differs(void **state)
{
    char a[33];
    char b[33];

    (void)state;
    random_hex(a, 16);
    random_hex(b, 16);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(crcs, check_crc),           ROW_SINGLE(crc_in_parts_and_both_ways),
        ROWS(fixed, check_fixed),        ROW_SINGLE(keyed_is_its_own),
        ROW_SINGLE(random_text_differs),
    };

    return rows_run("base/hash", tables, N_ROWS(tables));
}
