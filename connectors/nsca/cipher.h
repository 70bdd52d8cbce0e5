/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ways in which send_nsca enciphers: by their numbers, and byte for byte
 * as libmcrypt does it (CFB of 8 bits, the password filled up with zeros).
 * Pure.
 */
#ifndef HYP_CONNECTORS_NSCA_CIPHER_H
#define HYP_CONNECTORS_NSCA_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "connectors/nsca/packet.h"

struct nsca_cipher;

/** Names of the methods, NULL-terminated; nsca_method_number gives the number
 *  of names[i] in send_nsca.cfg. */
extern const char *const nsca_method_names[];
int nsca_method_number(size_t i);

/** For one connection. method: place in nsca_method_names. All is copied. */
struct nsca_cipher *nsca_cipher_new(size_t method, const char *password,
                                    const unsigned char iv[NSCA_IV_BYTES]);
void nsca_cipher_free(struct nsca_cipher *cipher);
/** A packet begins. */
void nsca_cipher_begin(struct nsca_cipher *cipher);
/** Decipher the next len bytes of the packet, in place. */
void nsca_cipher_decrypt(struct nsca_cipher *cipher, unsigned char *data,
                         size_t len);
/** The same as a sender does it, for tests. */
void nsca_cipher_encrypt(struct nsca_cipher *cipher, unsigned char *data,
                         size_t len);

#endif
