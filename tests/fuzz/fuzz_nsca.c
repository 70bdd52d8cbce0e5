/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes of an NSCA sender, under every cipher, and as a packet with a
 *  right version and checksum: what is taken has a host, a code and texts
 *  within their bounds. The first byte chooses the method. */
#include <string.h>

#include "common/base/str.h"
#include "common/connector/text.h"
#include "connectors/nsca/cipher.h"
#include "connectors/nsca/output.h"
#include "connectors/nsca/packet.h"
#include "tests/fuzz/fuzz.h"

enum {
    TEXT_MAX = 3 * NSCA_OUTPUT_MAX,
    CRC_AT = 4,
    PIECE = 48 /* bytes, more than a block of any cipher */
};

static void read_output(const char *text, size_t len)
{
    struct buf utf8, output, long_output, perf_data;

    buf_init(&utf8, TEXT_MAX);
    buf_init(&output, TEXT_MAX);
    buf_init(&long_output, TEXT_MAX);
    buf_init(&perf_data, TEXT_MAX);
    (void)text_set(&utf8, text, len);
    BUG_IF(utf8.overflow || !utf8_valid(buf_str(&utf8), utf8.len));
    output_split(buf_str(&utf8), &output, &long_output, &perf_data);
    BUG_IF(output.overflow || long_output.overflow || perf_data.overflow);
    BUG_IF(strchr(buf_str(&output), '\n') != NULL);
    BUG_IF(!utf8_valid(buf_str(&output), output.len));
    BUG_IF(!utf8_valid(buf_str(&long_output), long_output.len));
    buf_fini(&utf8);
    buf_fini(&output);
    buf_fini(&long_output);
    buf_fini(&perf_data);
}

static enum err read_packet(const unsigned char *data, size_t len)
{
    struct nsca_packet packet;
    struct errbuf why = {0};

    if (nsca_packet_read(data, len, &packet, &why) != ERR_OK) {
        BUG_IF(why.text[0] == '\0' || why.field[0] == '\0');
        return ERR_INVALID;
    }
    BUG_IF(packet.host_len == 0 || packet.host_len > NSCA_HOST_MAX);
    BUG_IF(packet.service_len > NSCA_SERVICE_MAX);
    BUG_IF(packet.output_len > NSCA_OUTPUT_MAX);
    BUG_IF(packet.code < 0 || packet.code > 3);
    read_output(packet.output, packet.output_len);
    return ERR_OK;
}

/* No input that is made by chance has a right checksum. */
static void seal(unsigned char *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFF;

    memcpy(data, "\0\3", 2);
    memset(data + CRC_AT, 0, 4);
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++) {
        data[CRC_AT + i] = (unsigned char)(crc >> (24 - 8 * i));
    }
}

static void read_sealed(const uint8_t *data, size_t size, size_t len)
{
    unsigned char packet[NSCA_PACKET_BYTES] = {0};
    enum err err;

    memcpy(packet, data, size < len ? size : len);
    seal(packet, len);
    err = read_packet(packet, len);
    BUG_IF((packet[12] == 0 && packet[13] <= 3 && packet[14] != '\0') !=
           (err == ERR_OK));
}

static struct nsca_cipher *new_cipher(size_t method)
{
    unsigned char iv[NSCA_IV_BYTES];
    struct nsca_cipher *cipher;

    for (size_t i = 0; i < sizeof iv; i++) {
        iv[i] = (unsigned char)i;
    }
    cipher = nsca_cipher_new(method, "secret", iv);
    nsca_cipher_begin(cipher);
    return cipher;
}

/* What was enciphered in one piece can be deciphered in two. */
static void turn_cipher(size_t method, const uint8_t *data, size_t size)
{
    struct nsca_cipher *there = new_cipher(method);
    struct nsca_cipher *back = new_cipher(method);
    unsigned char text[2 * PIECE] = {0};
    size_t len = size < sizeof text ? size : sizeof text;
    size_t cut = len < PIECE ? len : PIECE;

    memcpy(text, data, len);
    nsca_cipher_encrypt(there, text, len);
    nsca_cipher_decrypt(back, text, cut);
    nsca_cipher_decrypt(back, text + cut, len - cut);
    BUG_IF(memcmp(text, data, len) != 0);
    nsca_cipher_free(there);
    nsca_cipher_free(back);
}

/* As it comes from a connection: a whole packet, enciphered. */
static void read_enciphered(size_t method, const uint8_t *data)
{
    struct nsca_cipher *cipher = new_cipher(method);
    unsigned char packet[NSCA_PACKET_BYTES];

    memcpy(packet, data, sizeof packet);
    nsca_cipher_decrypt(cipher, packet, NSCA_PACKET_SHORT);
    (void)read_packet(packet, NSCA_PACKET_SHORT);
    nsca_cipher_decrypt(cipher, packet + NSCA_PACKET_SHORT,
                        sizeof packet - NSCA_PACKET_SHORT);
    (void)read_packet(packet, sizeof packet);
    nsca_cipher_free(cipher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t methods = 0;
    size_t method;

    if (size == 0) {
        return 0;
    }
    while (nsca_method_names[methods] != NULL) {
        methods++;
    }
    method = *data % methods;
    data++;
    size--;
    read_output((const char *)data,
                size < NSCA_OUTPUT_MAX ? size : NSCA_OUTPUT_MAX);
    read_sealed(data, size, NSCA_PACKET_SHORT);
    if (size > NSCA_PACKET_SHORT) {
        read_sealed(data, size, NSCA_PACKET_BYTES);
    }
    turn_cipher(method, data, size);
    if (size == NSCA_PACKET_BYTES) {
        read_enciphered(method, data);
    }
    return 0;
}
