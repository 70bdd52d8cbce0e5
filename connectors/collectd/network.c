/* SPDX-License-Identifier: Apache-2.0 */
/** Reading collectd's binary network protocol: parts of two bytes of type, two
 *  of length (with these four), and content, big-endian. */
#include "connectors/collectd/network.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "connectors/collectd/seal.h"

enum {
    PART_HOST = 0x0000,
    PART_TIME = 0x0001,
    PART_PLUGIN = 0x0002,
    PART_PLUGIN_INSTANCE = 0x0003,
    PART_TYPE = 0x0004,
    PART_TYPE_INSTANCE = 0x0005,
    PART_VALUES = 0x0006,
    PART_INTERVAL = 0x0007,
    PART_TIME_HR = 0x0008,
    PART_INTERVAL_HR = 0x0009,
    PART_MESSAGE = 0x0100,
    PART_SEVERITY = 0x0101,
    PART_SIGNATURE = 0x0200,
    PART_ENCRYPTION = 0x0210,

    HEADER = 4,
    NUMBER = 8,
    COUNT = 2,
    USER_MAX = 255,
    HR_BITS = 30, /* a second is 2^30 */
    MS = 1000
};

struct reader {
    const struct network_sink *sink;
    enum network_level need;
    enum network_level level; /* of what is read now */
    enum network_level *got;
    bool inside; /* of an encrypted part */
    uint64_t severity;
    struct network_name name;
    struct errbuf *why;
};

struct part {
    unsigned int type;
    const uint8_t *data;
    size_t len;
};

static uint64_t big_endian(const uint8_t *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static enum err refuse(const struct reader *reader, const char *field,
                       const char *expected)
{
    errbuf_set_field(reader->why, field, "%s: expected %s", field, expected);
    return ERR_INVALID;
}

static enum err read_text(const struct reader *reader, const struct part *part,
                          const char *field, char *out, size_t most)
{
    if (part->len == 0 || part->data[part->len - 1] != '\0') {
        return refuse(reader, field, "text that ends with a NUL");
    }
    if (part->len - 1 > most ||
        memchr(part->data, '\0', part->len - 1) != NULL) {
        return refuse(reader, field, "one text within its bound");
    }
    memcpy(out, part->data, part->len);
    return ERR_OK;
}

static enum err read_number(const struct reader *reader,
                            const struct part *part, const char *field,
                            uint64_t *out)
{
    if (part->len != NUMBER) {
        return refuse(reader, field, "8 bytes");
    }
    *out = big_endian(part->data, NUMBER);
    return ERR_OK;
}

static enum err read_seconds(const struct reader *reader,
                             const struct part *part, const char *field,
                             int64_t *ms)
{
    uint64_t seconds;
    enum err err = read_number(reader, part, field, &seconds);

    if (err != ERR_OK) {
        return err;
    }
    if (seconds > INT64_MAX / MS) {
        return refuse(reader, field, "seconds since 1970");
    }
    *ms = (int64_t)seconds * MS;
    return ERR_OK;
}

/* 2^34 s is past any time, so that the products fit. */
static enum err read_fine(const struct reader *reader, const struct part *part,
                          const char *field, int64_t *ms)
{
    uint64_t fine;
    enum err err = read_number(reader, part, field, &fine);
    uint64_t rest;

    if (err != ERR_OK) {
        return err;
    }
    rest = fine & ((UINT64_C(1) << HR_BITS) - 1);
    *ms = (int64_t)((fine >> HR_BITS) * MS +
                    ((rest * MS + (UINT64_C(1) << (HR_BITS - 1))) >> HR_BITS));
    return ERR_OK;
}

static enum err check_level(const struct reader *reader)
{
    static const char *const levels[] = {"any data", "data with a signature",
                                         "encrypted data"};

    return reader->level >= reader->need
               ? ERR_OK
               : refuse(reader, "security", levels[reader->need]);
}

static enum err read_values(struct reader *reader, const struct part *part)
{
    struct network_values values = {.name = &reader->name};
    enum err err = check_level(reader);

    if (err != ERR_OK) {
        return err;
    }
    if (part->len < COUNT) {
        return refuse(reader, "values", "their number");
    }
    values.n = (size_t)big_endian(part->data, COUNT);
    if (values.n == 0 || part->len != COUNT + values.n * (1 + NUMBER)) {
        return refuse(reader, "values", "as many as their number says");
    }
    values.types = part->data + COUNT;
    values.bytes = values.types + values.n;
    for (size_t i = 0; i < values.n; i++) {
        if (values.types[i] > NETWORK_ABSOLUTE) {
            return refuse(reader, "values", "a known type");
        }
    }
    reader->sink->values(reader->sink->ctx, &values);
    return ERR_OK;
}

static enum err read_message(struct reader *reader, const struct part *part)
{
    struct network_notice notice = {.name = &reader->name,
                                    .severity = reader->severity};
    enum err err = check_level(reader);

    if (err == ERR_OK) {
        err = read_text(reader, part, "message", notice.message,
                        NETWORK_MESSAGE_MAX);
    }
    if (err == ERR_OK) {
        reader->sink->notice(reader->sink->ctx, &notice);
    }
    return err;
}

static void reach(struct reader *reader, enum network_level level)
{
    reader->level = level;
    if (level > *reader->got) {
        *reader->got = level;
    }
}

static const char *find_password(const struct reader *reader,
                                 const uint8_t *user, size_t len)
{
    char name[USER_MAX + 1];
    const char *password = NULL;

    if (len >= 1 && len <= USER_MAX && memchr(user, '\0', len) == NULL) {
        memcpy(name, user, len);
        name[len] = '\0';
        password = reader->sink->password(reader->sink->ctx, name);
        errbuf_set_field(reader->why, "user", "user %.64s: is not in auth_file",
                         name);
    } else {
        errbuf_set_field(reader->why, "user", "user: expected 1 to %d bytes",
                         USER_MAX);
    }
    return password;
}

/* A MAC and the user's name; it covers that name and all that follows. */
static enum err read_signature(struct reader *reader, const struct part *part,
                               size_t rest)
{
    const char *password;

    if (part->len <= SEAL_MAC) {
        return refuse(reader, "signature", "32 bytes and a user");
    }
    if (reader->inside || reader->level != NETWORK_PLAIN) {
        return refuse(reader, "signature", "one at most");
    }
    password =
        find_password(reader, part->data + SEAL_MAC, part->len - SEAL_MAC);
    if (password == NULL) {
        /* Who asks for none believes what everybody may say. */
        return reader->need == NETWORK_PLAIN ? ERR_OK : ERR_INVALID;
    }
    if (!seal_is_signed(password, part->data, part->data + SEAL_MAC,
                        part->len - SEAL_MAC + rest)) {
        return refuse(reader, "signature", "that of the user's password");
    }
    reach(reader, NETWORK_SIGNED);
    return ERR_OK;
}

static enum err read_parts(struct reader *reader, const uint8_t *data,
                           size_t len);

/* What was enciphered is a digest and parts of their own. */
static enum err read_opened(struct reader *reader, uint8_t *plain, size_t len)
{
    struct reader inner = {.sink = reader->sink,
                           .need = reader->need,
                           .got = reader->got,
                           .inside = true,
                           .why = reader->why};

    if (!seal_is_digest(plain, plain + SEAL_DIGEST, len - SEAL_DIGEST)) {
        return refuse(reader, "encryption", "that by the user's password");
    }
    reach(&inner, NETWORK_ENCRYPTED);
    return read_parts(&inner, plain + SEAL_DIGEST, len - SEAL_DIGEST);
}

static enum err read_encryption(struct reader *reader, const struct part *part)
{
    size_t user_len =
        part->len >= COUNT ? (size_t)big_endian(part->data, COUNT) : 0;
    size_t head = COUNT + user_len + SEAL_IV;
    const char *password;
    uint8_t *plain;
    enum err err;

    if (reader->inside || part->len < head + SEAL_DIGEST) {
        return refuse(reader, "encryption", "a user, 16 bytes and a digest");
    }
    password = find_password(reader, part->data + COUNT, user_len);
    if (password == NULL) {
        return ERR_INVALID;
    }
    plain = xmalloc(part->len - head);
    seal_cipher(password, part->data + COUNT + user_len, part->data + head,
                plain, part->len - head);
    err = read_opened(reader, plain, part->len - head);
    free(plain);
    return err;
}

/* rest: bytes behind the part. What is not known is passed over, as newer
 * senders expect. */
static enum err read_part(struct reader *reader, const struct part *part,
                          size_t rest)
{
    struct network_name *name = &reader->name;

    switch (part->type) {
    case PART_HOST:
        return read_text(reader, part, "host", name->host, NETWORK_NAME_MAX);
    case PART_PLUGIN:
        return read_text(reader, part, "plugin", name->plugin,
                         NETWORK_NAME_MAX);
    case PART_PLUGIN_INSTANCE:
        return read_text(reader, part, "plugin_instance", name->plugin_instance,
                         NETWORK_NAME_MAX);
    case PART_TYPE:
        return read_text(reader, part, "type", name->type, NETWORK_NAME_MAX);
    case PART_TYPE_INSTANCE:
        return read_text(reader, part, "type_instance", name->type_instance,
                         NETWORK_NAME_MAX);
    case PART_TIME:
        return read_seconds(reader, part, "time", &name->time_ms);
    case PART_TIME_HR:
        return read_fine(reader, part, "time", &name->time_ms);
    case PART_INTERVAL:
        return read_seconds(reader, part, "interval", &name->interval_ms);
    case PART_INTERVAL_HR:
        return read_fine(reader, part, "interval", &name->interval_ms);
    case PART_SEVERITY:
        return read_number(reader, part, "severity", &reader->severity);
    case PART_VALUES:
        return read_values(reader, part);
    case PART_MESSAGE:
        return read_message(reader, part);
    case PART_SIGNATURE:
        return read_signature(reader, part, rest);
    case PART_ENCRYPTION:
        return read_encryption(reader, part);
    default:
        return ERR_OK;
    }
}

static enum err read_parts(struct reader *reader, const uint8_t *data,
                           size_t len)
{
    while (len > 0) {
        struct part part;
        size_t whole;
        enum err err;

        if (len < HEADER) {
            return refuse(reader, "part", "a type and a length");
        }
        part.type = (unsigned int)big_endian(data, 2);
        whole = (size_t)big_endian(data + 2, 2);
        if (whole < HEADER || whole > len) {
            return refuse(reader, "part", "a length within the datagram");
        }
        part.data = data + HEADER;
        part.len = whole - HEADER;
        data += whole;
        len -= whole;
        err = read_part(reader, &part, len);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

enum err network_read(const struct network_sink *sink, const void *data,
                      size_t len, enum network_level need,
                      enum network_level *got, struct errbuf *why)
{
    struct reader reader = {.sink = sink, .need = need, .got = got, .why = why};

    *got = NETWORK_PLAIN;
    if (len == 0) {
        return refuse(&reader, "datagram", "at least one part");
    }
    return read_parts(&reader, data, len);
}

double network_value(const struct network_values *values, size_t i)
{
    const uint8_t *bytes = values->bytes + i * NUMBER;
    uint64_t bits;
    double gauge;

    BUG_IF(i >= values->n);
    switch ((enum network_type)values->types[i]) {
    case NETWORK_GAUGE: /* as x86 has it, wherever it comes from */
        bits = 0;
        for (size_t b = NUMBER; b-- > 0;) {
            bits = bits << 8 | bytes[b];
        }
        memcpy(&gauge, &bits, sizeof gauge);
        return gauge;
    case NETWORK_DERIVE:
        bits = big_endian(bytes, NUMBER);
        return bits <= INT64_MAX ? (double)bits : -(double)(~bits) - 1;
    case NETWORK_COUNTER:
    case NETWORK_ABSOLUTE:
        break;
    }
    return (double)big_endian(bytes, NUMBER);
}
