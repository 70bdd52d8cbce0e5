/* SPDX-License-Identifier: Apache-2.0 */
/** The data packet of NSCA, protocol version 3. */
#include "connectors/nsca/packet.h"

#include <string.h>

enum {
    VERSION = 3,
    CODE_MAX = 3,
    CRC_AT = 4, /* the members as the sender's compiler lays them out */
    CRC_BYTES = 4,
    TIME_AT = 8,
    CODE_AT = 12,
    HOST_AT = 14,
    SERVICE_AT = HOST_AT + NSCA_HOST_MAX,
    OUTPUT_AT = SERVICE_AT + NSCA_SERVICE_MAX,
    PADDING = 2 /* at the end */
};

/* CRC-32 of IEEE 802.3, half a byte at a time. */
static uint32_t crc32_add(uint32_t crc, const unsigned char *data, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

    for (size_t i = 0; i < len; i++) {
        crc = crc >> 4 ^ table[(crc ^ data[i]) & 0xF];
        crc = crc >> 4 ^ table[(crc ^ (uint32_t)(data[i] >> 4)) & 0xF];
    }
    return crc;
}

/* The checksum counts its own place as zeros. */
static uint32_t packet_crc(const unsigned char *data, size_t len)
{
    static const unsigned char zeros[CRC_BYTES];
    uint32_t crc = crc32_add(UINT32_MAX, data, CRC_AT);

    crc = crc32_add(crc, zeros, CRC_BYTES);
    return ~crc32_add(crc, data + TIME_AT, len - TIME_AT);
}

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

static int get_u16(const unsigned char *at)
{
    return at[0] << 8 | at[1];
}

void nsca_hello(const unsigned char iv[NSCA_IV_BYTES], int64_t now_s,
                unsigned char out[NSCA_HELLO_BYTES])
{
    memcpy(out, iv, NSCA_IV_BYTES);
    for (int i = 0; i < 4; i++) {
        out[NSCA_IV_BYTES + i] = (unsigned char)(now_s >> (24 - 8 * i));
    }
}

static const char *get_text(const unsigned char *at, size_t room, size_t *len)
{
    *len = strnlen((const char *)at, room);
    return (const char *)at;
}

enum err nsca_packet_read(const unsigned char *data, size_t len,
                          struct nsca_packet *packet, struct errbuf *why)
{
    int code = get_u16(data + CODE_AT);

    if (get_u16(data) != VERSION ||
        get_u32(data + CRC_AT) != packet_crc(data, len)) {
        errbuf_set_field(why, "packet",
                         "not a packet of version 3, or its checksum is "
                         "wrong: see password and method of both sides");
        return ERR_INVALID;
    }
    if (code > CODE_MAX) {
        errbuf_set_field(why, "return_code", "return code %d; expected 0..%d",
                         code, CODE_MAX);
        return ERR_INVALID;
    }
    packet->time_s = get_u32(data + TIME_AT);
    packet->code = code;
    packet->host = get_text(data + HOST_AT, NSCA_HOST_MAX, &packet->host_len);
    packet->service =
        get_text(data + SERVICE_AT, NSCA_SERVICE_MAX, &packet->service_len);
    packet->output = get_text(data + OUTPUT_AT, len - OUTPUT_AT - PADDING,
                              &packet->output_len);
    if (packet->host_len == 0) {
        errbuf_set_field(why, "host_name", "empty; expected a host's name");
        return ERR_INVALID;
    }
    return ERR_OK;
}
