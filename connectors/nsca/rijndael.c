/* SPDX-License-Identifier: Apache-2.0 */
/** Rijndael with a key of 256 bits, by one table of 256 words. */
#include "connectors/nsca/rijndael.h"

#include "common/base/err.h"

enum {
    KEY_WORDS = RIJNDAEL_KEY_BYTES / 4,
    POLYNOMIAL = 0x11B,
    BACK = 0x09, /* undoes what goes over the eighth bit */
    AFFINE = 0x63
};

static unsigned int twice(unsigned int a)
{
    return (a & 0x80) != 0 ? (a << 1) ^ POLYNOMIAL : a << 1;
}

static uint32_t rotate(uint32_t word, unsigned int bits)
{
    return bits == 0 ? word : word << bits | word >> (32 - bits);
}

static unsigned int rotate8(unsigned int a, unsigned int bits)
{
    return (a << bits | a >> (8 - bits)) & 0xFF;
}

/* 3 generates the field: p runs through its powers, q through the inverses. */
static void make_sbox(struct rijndael *cipher)
{
    unsigned int p = 1, q = 1;

    do {
        p = p ^ twice(p);
        q ^= q << 1;
        q ^= q << 2;
        q ^= q << 4;
        q = (q & 0x80) != 0 ? (q & 0xFF) ^ BACK : q & 0xFF;
        cipher->sbox[p] = (uint8_t)(q ^ rotate8(q, 1) ^ rotate8(q, 2) ^
                                    rotate8(q, 3) ^ rotate8(q, 4) ^ AFFINE);
    } while (p != 1);
    cipher->sbox[0] = AFFINE;
}

/* A column is a word, its first byte the highest. */
static void make_table(struct rijndael *cipher)
{
    for (size_t i = 0; i < 256; i++) {
        uint32_t s = cipher->sbox[i];
        uint32_t s2 = twice(cipher->sbox[i]);

        cipher->table[i] = s2 << 24 | s << 16 | s << 8 | (s2 ^ s);
    }
}

static unsigned int byte_of(uint32_t word, size_t i)
{
    return word >> (24 - 8 * i) & 0xFF;
}

static uint32_t substitute(const struct rijndael *cipher, uint32_t word)
{
    uint32_t out = 0;

    for (size_t i = 0; i < 4; i++) {
        out = out << 8 | cipher->sbox[byte_of(word, i)];
    }
    return out;
}

static uint32_t load(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

static void expand_key(struct rijndael *cipher, const uint8_t *key)
{
    size_t n = cipher->words * (RIJNDAEL_ROUNDS + 1);
    unsigned int constant = 1;

    for (size_t i = 0; i < n; i++) {
        uint32_t word;

        if (i < KEY_WORDS) {
            cipher->keys[i] = load(key + 4 * i);
            continue;
        }
        word = cipher->keys[i - 1];
        if (i % KEY_WORDS == 0) {
            word = substitute(cipher, rotate(word, 8)) ^ constant << 24;
            constant = twice(constant);
        } else if (i % KEY_WORDS == 4) {
            word = substitute(cipher, word);
        }
        cipher->keys[i] = cipher->keys[i - KEY_WORDS] ^ word;
    }
}

void rijndael_init(struct rijndael *cipher, size_t block_bytes,
                   const uint8_t key[RIJNDAEL_KEY_BYTES])
{
    BUG_IF(block_bytes != 16 && block_bytes != 24 && block_bytes != 32);
    cipher->words = block_bytes / 4;
    make_sbox(cipher);
    make_table(cipher);
    expand_key(cipher, key);
}

/* ShiftRows: row r of column c comes from so many columns on. */
static size_t shifted(const struct rijndael *cipher, size_t c, size_t r)
{
    static const size_t shifts[2][4] = {{0, 1, 2, 3}, {0, 1, 3, 4}};
    size_t from = c + shifts[cipher->words == 8][r];

    return from < cipher->words ? from : from - cipher->words;
}

static void do_round(const struct rijndael *cipher, const uint32_t *in,
                     const uint32_t *keys, uint32_t *out)
{
    for (size_t c = 0; c < cipher->words; c++) {
        uint32_t word = keys[c];

        for (size_t r = 0; r < 4; r++) {
            uint32_t from = in[shifted(cipher, c, r)];

            /* What the table holds for the first row, turned to this one. */
            word ^= rotate(cipher->table[byte_of(from, r)],
                           (unsigned int)(32 - 8 * r) % 32);
        }
        out[c] = word;
    }
}

static uint32_t last_column(const struct rijndael *cipher, const uint32_t *in,
                            size_t c)
{
    uint32_t word = 0;

    for (size_t r = 0; r < 4; r++) {
        word = word << 8 | cipher->sbox[byte_of(in[shifted(cipher, c, r)], r)];
    }
    return word;
}

void rijndael_encrypt(const struct rijndael *cipher, const uint8_t *in,
                      uint8_t *out)
{
    uint32_t states[2][RIJNDAEL_WORDS_MAX];
    const uint32_t *keys = cipher->keys;
    size_t words = cipher->words;

    for (size_t c = 0; c < words; c++) {
        states[0][c] = load(in + 4 * c) ^ keys[c];
    }
    for (size_t i = 1; i < RIJNDAEL_ROUNDS; i++) {
        do_round(cipher, states[(i - 1) % 2], keys + i * words, states[i % 2]);
    }
    for (size_t c = 0; c < words; c++) {
        uint32_t word =
            last_column(cipher, states[(RIJNDAEL_ROUNDS - 1) % 2], c) ^
            keys[RIJNDAEL_ROUNDS * words + c];

        for (size_t r = 0; r < 4; r++) {
            out[4 * c + r] = (uint8_t)byte_of(word, r);
        }
    }
}
