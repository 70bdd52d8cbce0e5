/* SPDX-License-Identifier: Apache-2.0 */
/** The signature and the cipher of collectd's network protocol. */
#ifndef HYP_CONNECTOR_COLLECTD_SEAL_H
#define HYP_CONNECTOR_COLLECTD_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEAL_MAC = 32, /**< HMAC with SHA-256 */
    SEAL_IV = 16,
    SEAL_DIGEST = 20 /**< SHA-1 in front of what is enciphered */
};

/** Whether mac is that of data under this password. */
bool seal_is_signed(const char *password, const uint8_t mac[SEAL_MAC],
                    const void *data, size_t len);
/** AES-256 with output feedback, key SHA-256 of the password: the same both
 *  ways. out may be in. */
void seal_cipher(const char *password, const uint8_t iv[SEAL_IV],
                 const uint8_t *in, uint8_t *out, size_t len);
/** Whether digest is the SHA-1 of data. */
bool seal_is_digest(const uint8_t digest[SEAL_DIGEST], const void *data,
                    size_t len);

#endif
