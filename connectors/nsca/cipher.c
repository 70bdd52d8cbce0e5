/* SPDX-License-Identifier: Apache-2.0 */
/** The ways in which send_nsca enciphers. */
#include "connectors/nsca/cipher.h"

#include <nettle/aes.h>
#include <nettle/cast128.h>
#include <nettle/des.h>
#include <nettle/twofish.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "connectors/nsca/rijndael.h"

enum {
    BLOCK_MAX = RIJNDAEL_BLOCK_MAX,
    KEY_MAX = 56,
    PASSWORD_MAX = 512
};

union keys {
    struct des_ctx des;
    struct des3_ctx des3;
    struct cast128_ctx cast128;
    struct twofish_ctx twofish;
    struct aes256_ctx aes;
    struct rijndael rijndael;
};

struct method {
    int number; /* in send_nsca.cfg */
    size_t block;
    size_t key; /* bytes */
    void (*set_key)(union keys *keys, const uint8_t *key);
    void (*encrypt)(const union keys *keys, uint8_t *out, const uint8_t *in);
};

struct nsca_cipher {
    const struct method *method;
    union keys keys;
    uint8_t shift[BLOCK_MAX]; /* of CFB: goes on from packet to packet */
    unsigned char iv[NSCA_IV_BYTES];
    char password[PASSWORD_MAX + 1];
    size_t password_len;
    size_t at; /* in the packet, for XOR */
};

/* Weak keys, which a short password makes, are refused by nobody here: both
 * sides must do the same. */
static void des_key(union keys *keys, const uint8_t *key)
{
    (void)des_set_key(&keys->des, key);
}

static void des_block(const union keys *keys, uint8_t *out, const uint8_t *in)
{
    des_encrypt(&keys->des, DES_BLOCK_SIZE, out, in);
}

static void des3_key(union keys *keys, const uint8_t *key)
{
    (void)des3_set_key(&keys->des3, key);
}

static void des3_block(const union keys *keys, uint8_t *out, const uint8_t *in)
{
    des3_encrypt(&keys->des3, DES3_BLOCK_SIZE, out, in);
}

static void cast128_key(union keys *keys, const uint8_t *key)
{
    cast128_set_key(&keys->cast128, key);
}

static void cast128_block(const union keys *keys, uint8_t *out,
                          const uint8_t *in)
{
    cast128_encrypt(&keys->cast128, CAST128_BLOCK_SIZE, out, in);
}

static void twofish_key(union keys *keys, const uint8_t *key)
{
    twofish256_set_key(&keys->twofish, key);
}

static void twofish_block(const union keys *keys, uint8_t *out,
                          const uint8_t *in)
{
    twofish_encrypt(&keys->twofish, TWOFISH_BLOCK_SIZE, out, in);
}

static void aes_key(union keys *keys, const uint8_t *key)
{
    aes256_set_encrypt_key(&keys->aes, key);
}

static void aes_block(const union keys *keys, uint8_t *out, const uint8_t *in)
{
    aes256_encrypt(&keys->aes, AES_BLOCK_SIZE, out, in);
}

static void rijndael192_key(union keys *keys, const uint8_t *key)
{
    rijndael_init(&keys->rijndael, 24, key);
}

static void rijndael256_key(union keys *keys, const uint8_t *key)
{
    rijndael_init(&keys->rijndael, 32, key);
}

static void rijndael_block(const union keys *keys, uint8_t *out,
                           const uint8_t *in)
{
    rijndael_encrypt(&keys->rijndael, in, out);
}

const char *const nsca_method_names[] = {
    "none",    "xor",          "des",          "3des",         "cast-128",
    "twofish", "rijndael-128", "rijndael-192", "rijndael-256", NULL};

enum {
    METHOD_NONE,
    METHOD_XOR
};

static const struct method methods[] = {
    {0, 0, 0, NULL, NULL},
    {1, 0, 0, NULL, NULL},
    {2, 8, 8, des_key, des_block},
    {3, 8, 24, des3_key, des3_block},
    {4, 8, 16, cast128_key, cast128_block},
    {9, 16, 32, twofish_key, twofish_block},
    {14, 16, 32, aes_key, aes_block},
    {15, 24, 32, rijndael192_key, rijndael_block},
    {16, 32, 32, rijndael256_key, rijndael_block},
};

int nsca_method_number(size_t i)
{
    return methods[i].number;
}

struct nsca_cipher *nsca_cipher_new(size_t method, const char *password,
                                    const unsigned char iv[NSCA_IV_BYTES])
{
    struct nsca_cipher *cipher = xcalloc(1, sizeof *cipher);
    uint8_t key[KEY_MAX] = {0};

    BUG_IF(method >= sizeof methods / sizeof methods[0]);
    cipher->method = &methods[method];
    cipher->password_len = strnlen(password, PASSWORD_MAX);
    memcpy(cipher->password, password, cipher->password_len);
    memcpy(cipher->iv, iv, NSCA_IV_BYTES);
    if (cipher->method->encrypt != NULL) {
        memcpy(key, password,
               cipher->password_len < cipher->method->key
                   ? cipher->password_len
                   : cipher->method->key);
        cipher->method->set_key(&cipher->keys, key);
        memcpy(cipher->shift, iv, cipher->method->block);
    }
    explicit_bzero(key, sizeof key);
    return cipher;
}

void nsca_cipher_free(struct nsca_cipher *cipher)
{
    if (cipher != NULL) {
        explicit_bzero(cipher, sizeof *cipher);
        free(cipher);
    }
}

void nsca_cipher_begin(struct nsca_cipher *cipher)
{
    cipher->at = 0;
}

static void xor_bytes(struct nsca_cipher *cipher, unsigned char *data,
                      size_t len)
{
    for (size_t i = 0; i < len; i++, cipher->at++) {
        data[i] ^= cipher->iv[cipher->at % NSCA_IV_BYTES];
        if (cipher->password_len > 0) {
            data[i] ^= (unsigned char)
                           cipher->password[cipher->at % cipher->password_len];
        }
    }
}

/* What was sent enters the register, on both sides. */
static void cfb_bytes(struct nsca_cipher *cipher, unsigned char *data,
                      size_t len, bool sending)
{
    const struct method *method = cipher->method;
    uint8_t stream[BLOCK_MAX];

    for (size_t i = 0; i < len; i++) {
        uint8_t in = data[i];

        method->encrypt(&cipher->keys, stream, cipher->shift);
        data[i] = (unsigned char)(in ^ stream[0]);
        memmove(cipher->shift, cipher->shift + 1, method->block - 1);
        cipher->shift[method->block - 1] = sending ? data[i] : in;
    }
}

static void run(struct nsca_cipher *cipher, unsigned char *data, size_t len,
                bool sending)
{
    if (cipher->method == &methods[METHOD_NONE]) {
        return;
    }
    if (cipher->method == &methods[METHOD_XOR]) {
        xor_bytes(cipher, data, len);
        return;
    }
    cfb_bytes(cipher, data, len, sending);
}

void nsca_cipher_decrypt(struct nsca_cipher *cipher, unsigned char *data,
                         size_t len)
{
    run(cipher, data, len, false);
}

void nsca_cipher_encrypt(struct nsca_cipher *cipher, unsigned char *data,
                         size_t len)
{
    run(cipher, data, len, true);
}
