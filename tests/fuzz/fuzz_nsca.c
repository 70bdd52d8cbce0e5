/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes of an NSCA sender, under every cipher: what is taken has a host,
 *  a code and texts within their bounds. The first byte chooses the method. */
#include <string.h>

#include "common/base/str.h"
#include "common/connector/text.h"
#include "connectors/nsca/cipher.h"
#include "connectors/nsca/output.h"
#include "connectors/nsca/packet.h"
#include "tests/fuzz/fuzz.h"

enum {
    TEXT_MAX = 3 * NSCA_OUTPUT_MAX
};

static void read_output(const char *text, size_t len)
{
    struct buf utf8, output, long_output, perf_data;

    buf_init(&utf8, TEXT_MAX);
    buf_init(&output, TEXT_MAX);
    buf_init(&long_output, TEXT_MAX);
    buf_init(&perf_data, TEXT_MAX);
    BUG_IF(!utf8_valid(text_set(&utf8, text, len), utf8.len));
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

static void read_packet(const unsigned char *data, size_t len)
{
    struct nsca_packet packet;
    struct errbuf why = {0};

    if (nsca_packet_read(data, len, &packet, &why) != ERR_OK) {
        BUG_IF(why.text[0] == '\0' || why.field[0] == '\0');
        return;
    }
    BUG_IF(packet.host_len == 0 || packet.host_len > NSCA_HOST_MAX);
    BUG_IF(packet.service_len > NSCA_SERVICE_MAX);
    BUG_IF(packet.output_len > NSCA_OUTPUT_MAX);
    BUG_IF(packet.code < 0 || packet.code > 3);
    read_output(packet.output, packet.output_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char packet[NSCA_PACKET_BYTES] = {0};
    unsigned char iv[NSCA_IV_BYTES];
    size_t methods = 0;
    struct nsca_cipher *cipher;

    if (size == 0) {
        return 0;
    }
    read_output((const char *)data,
                size < NSCA_OUTPUT_MAX ? size : NSCA_OUTPUT_MAX);
    while (nsca_method_names[methods] != NULL) {
        methods++;
    }
    for (size_t i = 0; i < sizeof iv; i++) {
        iv[i] = (unsigned char)i;
    }
    memcpy(packet, data + 1,
           size - 1 < sizeof packet ? size - 1 : sizeof packet);
    cipher = nsca_cipher_new(data[0] % methods, "secret", iv);
    nsca_cipher_begin(cipher);
    nsca_cipher_decrypt(cipher, packet, NSCA_PACKET_SHORT);
    read_packet(packet, NSCA_PACKET_SHORT);
    nsca_cipher_decrypt(cipher, packet + NSCA_PACKET_SHORT,
                        sizeof packet - NSCA_PACKET_SHORT);
    read_packet(packet, sizeof packet);
    nsca_cipher_free(cipher);
    return 0;
}
