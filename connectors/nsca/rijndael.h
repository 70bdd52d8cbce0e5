/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rijndael with a key of 256 bits and blocks of 128, 192 or 256 bits; only
 * enciphering, which is all that CFB needs. AES is the one with 128 bits; the
 * kept libraries have no other. Pure.
 */
#ifndef HYP_CONNECTORS_NSCA_RIJNDAEL_H
#define HYP_CONNECTORS_NSCA_RIJNDAEL_H

#include <stddef.h>
#include <stdint.h>

enum {
    RIJNDAEL_KEY_BYTES = 32,
    RIJNDAEL_BLOCK_MAX = 32,
    RIJNDAEL_ROUNDS = 14, /* 6 more than the words of key or block, 8 */
    RIJNDAEL_WORDS_MAX = 8
};

struct rijndael {
    size_t words; /**< of a block: 4, 6, 8 */
    uint8_t sbox[256];
    uint32_t table[256]; /**< SubBytes and MixColumns of one byte */
    uint32_t keys[(RIJNDAEL_ROUNDS + 1) * RIJNDAEL_WORDS_MAX];
};

/** block_bytes is 16, 24 or 32. */
void rijndael_init(struct rijndael *cipher, size_t block_bytes,
                   const uint8_t key[RIJNDAEL_KEY_BYTES]);
/** Encipher one block; in and out may be the same. */
void rijndael_encrypt(const struct rijndael *cipher, const uint8_t *in,
                      uint8_t *out);

#endif
