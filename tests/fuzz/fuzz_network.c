/* SPDX-License-Identifier: Apache-2.0 */
/** Any datagram of collectd's network protocol: every text ends within its
 *  bound, no value lies outside, nothing below the level is given. The first
 *  byte chooses the level, and whether the bytes come as they are, signed or
 *  enciphered. */
#include <math.h>
#include <nettle/hmac.h>
#include <nettle/sha1.h>
#include <string.h>

#include "common/base/buf.h"
#include "connectors/collectd/network.h"
#include "connectors/collectd/seal.h"
#include "tests/fuzz/fuzz.h"

enum {
    LEVELS = NETWORK_ENCRYPTED + 1,
    SIGNATURE = 0x0200,
    ENCRYPTION = 0x0210,
    HEADER = 4,
    USER_LEN = 5,
    DATAGRAM_MAX = 60000
};

static const char user[] = "alice";
static const char password[] = "open sesame";

struct seen {
    enum network_level *got;
    enum network_level need;
};

static void check_name(const struct network_name *name)
{
    BUG_IF(strlen(name->host) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->plugin) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->plugin_instance) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->type) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->type_instance) > NETWORK_NAME_MAX);
    BUG_IF(name->time_ms < 0 || name->interval_ms < 0);
}

static void on_values(void *ctx, const struct network_values *values)
{
    const struct seen *seen = ctx;

    check_name(values->name);
    BUG_IF(values->n == 0 || *seen->got < seen->need);
    for (size_t i = 0; i < values->n; i++) {
        double value = network_value(values, i);

        BUG_IF(values->types[i] != NETWORK_GAUGE && !isfinite(value));
    }
}

static void on_notice(void *ctx, const struct network_notice *notice)
{
    const struct seen *seen = ctx;

    check_name(notice->name);
    BUG_IF(*seen->got < seen->need);
    BUG_IF(strlen(notice->message) > NETWORK_MESSAGE_MAX);
}

static const char *on_password(void *ctx, const char *name)
{
    (void)ctx;
    return name[0] == user[0] ? password : NULL;
}

static void add_number(struct buf *out, size_t number)
{
    buf_add_char(out, (char)(number >> 8));
    buf_add_char(out, (char)(number & 0xFF));
}

static void add_signed(struct buf *out, const uint8_t *data, size_t size)
{
    struct hmac_sha256_ctx hmac;
    uint8_t mac[SEAL_MAC];

    hmac_sha256_set_key(&hmac, strlen(password), (const uint8_t *)password);
    hmac_sha256_update(&hmac, USER_LEN, (const uint8_t *)user);
    hmac_sha256_update(&hmac, size, data);
    hmac_sha256_digest(&hmac, sizeof mac, mac);
    add_number(out, SIGNATURE);
    add_number(out, HEADER + sizeof mac + USER_LEN);
    buf_add(out, mac, sizeof mac);
    buf_add(out, user, USER_LEN);
    buf_add(out, data, size);
}

static void add_enciphered(struct buf *out, const uint8_t *data, size_t size)
{
    static const uint8_t iv[SEAL_IV];
    struct sha1_ctx sha1;
    uint8_t digest[SEAL_DIGEST];
    uint8_t *plain;
    size_t len = sizeof digest + size;

    sha1_init(&sha1);
    sha1_update(&sha1, size, data);
    sha1_digest(&sha1, sizeof digest, digest);
    add_number(out, ENCRYPTION);
    add_number(out, HEADER + 2 + USER_LEN + sizeof iv + len);
    add_number(out, USER_LEN);
    buf_add(out, user, USER_LEN);
    buf_add(out, iv, sizeof iv);
    plain = (uint8_t *)buf_extend(out, len);
    memcpy(plain, digest, sizeof digest);
    memcpy(plain + sizeof digest, data, size);
    seal_cipher(password, iv, plain, plain, len);
}

/* Whoever knows the password can send what he likes under it. */
static void add_sealed(struct buf *out, unsigned int level, const uint8_t *data,
                       size_t size)
{
    switch (level) {
    case NETWORK_SIGNED:
        add_signed(out, data, size);
        break;
    case NETWORK_ENCRYPTED:
        add_enciphered(out, data, size);
        break;
    default:
        buf_add(out, data, size);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum network_level got;
    struct seen seen = {.got = &got};
    const struct network_sink sink = {&seen, on_values, on_notice, on_password};
    struct errbuf why = {0};
    struct buf datagram;
    unsigned int sealed;
    enum err err;

    if (size == 0 || size > DATAGRAM_MAX) {
        return 0;
    }
    sealed = data[0] / LEVELS % LEVELS;
    seen.need = (enum network_level)(data[0] % LEVELS);
    buf_init(&datagram, DATAGRAM_MAX + 256);
    add_sealed(&datagram, sealed, data + 1, size - 1);
    err =
        network_read(&sink, datagram.data, datagram.len, seen.need, &got, &why);
    BUG_IF(err != ERR_OK && why.text[0] == '\0');
    BUG_IF(got < (enum network_level)sealed);
    buf_fini(&datagram);
    return 0;
}
