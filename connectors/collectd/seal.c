/* SPDX-License-Identifier: Apache-2.0 */
/** The signature and the cipher of collectd's network protocol, by nettle. */
#include "connectors/collectd/seal.h"

#include <nettle/aes.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>

bool seal_is_signed(const char *password, const uint8_t mac[SEAL_MAC],
                    const void *data, size_t len)
{
    struct hmac_sha256_ctx ctx;
    uint8_t own[SHA256_DIGEST_SIZE];

    hmac_sha256_set_key(&ctx, strlen(password), (const uint8_t *)password);
    hmac_sha256_update(&ctx, len, data);
    hmac_sha256_digest(&ctx, sizeof own, own);
    return memeql_sec(own, mac, sizeof own) == 1;
}

void seal_cipher(const char *password, const uint8_t iv[SEAL_IV],
                 const uint8_t *in, uint8_t *out, size_t len)
{
    uint8_t key[SHA256_DIGEST_SIZE];
    uint8_t block[AES_BLOCK_SIZE];
    struct sha256_ctx hash;
    struct aes256_ctx aes;

    sha256_init(&hash);
    sha256_update(&hash, strlen(password), (const uint8_t *)password);
    sha256_digest(&hash, sizeof key, key);
    aes256_set_encrypt_key(&aes, key);
    memcpy(block, iv, sizeof block);
    for (size_t i = 0; i < len; i++) {
        if (i % AES_BLOCK_SIZE == 0) {
            aes256_encrypt(&aes, sizeof block, block, block);
        }
        out[i] = in[i] ^ block[i % AES_BLOCK_SIZE];
    }
}

bool seal_is_digest(const uint8_t digest[SEAL_DIGEST], const void *data,
                    size_t len)
{
    struct sha1_ctx hash;
    uint8_t own[SHA1_DIGEST_SIZE];

    sha1_init(&hash);
    sha1_update(&hash, len, data);
    sha1_digest(&hash, sizeof own, own);
    return memeql_sec(own, digest, sizeof own) == 1;
}
