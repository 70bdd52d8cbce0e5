/* SPDX-License-Identifier: Apache-2.0 */
/** Hashes: SipHash-2-4 from libsodium, CRC-32C by instruction or table. */
#include "common/base/hash.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/random.h"

static uint64_t siphash(const void *data, size_t len, const void *key)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t value;

    (void)crypto_shorthash(out, data, len, key);
    memcpy(&value, out, sizeof value);
    return value;
}

uint64_t hash_keyed(const void *data, size_t len)
{
    /* One key a process, made at the first use; processes are
     * single-threaded, and a second thread would only waste a key. */
    static unsigned char key[crypto_shorthash_KEYBYTES];
    static bool have_key;

    if (!have_key) {
        random_bytes(key, sizeof key);
        have_key = true;
    }
    return siphash(data, len, key);
}

uint64_t hash_fixed(const void *data, size_t len)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES] =
        "hypervise fixed";

    return siphash(data, len, key);
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
    /* Reflected polynomial 0x1EDC6F41, one nibble a step: small, and only
     * used where the processor has no instruction for it. */
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

    const unsigned char *at = data;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc = nibble[(crc ^ at[i]) & 15] ^ (crc >> 4);
        crc = nibble[(crc ^ (uint32_t)(at[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse(uint32_t crc, const unsigned char *at, size_t len)
{
    uint64_t wide = crc;

    for (; len >= sizeof wide; at += sizeof wide, len -= sizeof wide) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--) {
        crc = __builtin_ia32_crc32qi(crc, *at);
    }
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc32c_sse(~crc, data, len);
    }
#endif
    return crc32c_portable(crc, data, len);
}
