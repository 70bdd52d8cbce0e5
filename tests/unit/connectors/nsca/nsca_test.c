/* SPDX-License-Identifier: Apache-2.0 */
/** Ciphers, packets and outputs of NSCA. */
#include <stdlib.h>
#include <string.h>

#include "connectors/nsca/cipher.h"
#include "connectors/nsca/output.h"
#include "connectors/nsca/packet.h"
#include "connectors/nsca/rijndael.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    HEAD = 32,
    TIME_S = 1700000000
};

static void from_hex(const char *hex, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
}

/* --- ciphers ----------------------------------------------------------------
 */

/* How send_nsca 2.10.2 began a packet for service "disk" of "web1", state 2,
 * with password "secret", greeted at TIME_S with the bytes 0, 1, 2, ... */
static const struct sent_case {
    const char *name; /* of the method */
    const char *sent;
} sent[] = {
    {"none",
     "00036b666c06f8bc6553f100000277656231003a5b58316855513b4451394e5f"},
    {"xor", "73673c00bb7a026d0e289e7f7f6a1a181754612d4b574a2954363f04222c2715"},
    {"des", "defc4292074bd1188ac9091c79e6f4f5536d5c0557a87ea569c58f53a2ffa64e"},
    {"3des",
     "defc4cc641bf359620d6b0b0e26dd12a0797880680ea15e636e20dd096c77117"},
    {"cast-128",
     "4f4be9bc02eedacce7886c7d94f78b5f220a1dacbdde804a4aa3568b69199c1a"},
    {"twofish",
     "b05d582d10f51b0ce6394431a27ad7cead68c19f2b0e48d27c10691503d18efe"},
    {"rijndael-128",
     "4925d64632ce88c638cecb3db75094fb992e09107edcedb8d7d221735ac067f4"},
    {"rijndael-192",
     "99a75ecc4833f4b81d08760ed731f7223f50f91ad5dea13d8cde2430027a2d64"},
    {"rijndael-256",
     "277e3b5f55a7795008eb085d5e43234c9078bcecaf6b5401cf47c7b58abed3b7"},
};

static size_t method_of(const char *name)
{
    size_t i = 0;

    while (strcmp(nsca_method_names[i], name) != 0) {
        i++;
    }
    return i;
}

static void make_iv(unsigned char *iv)
{
    for (size_t i = 0; i < NSCA_IV_BYTES; i++) {
        iv[i] = (unsigned char)i;
    }
}

static void check_sent(void **state)
{
    /* version, padding; (checksum); time; code; host */
    static const unsigned char time_and_host[] = {0x65, 0x53, 0xF1, 0x00, 0, 2,
                                                  'w',  'e',  'b',  '1',  0};
    const struct sent_case *row = *state;
    unsigned char iv[NSCA_IV_BYTES];
    unsigned char data[HEAD];
    unsigned char again[HEAD];
    struct nsca_cipher *cipher;

    make_iv(iv);
    from_hex(row->sent, data, HEAD);
    memcpy(again, data, HEAD);
    cipher = nsca_cipher_new(method_of(row->name), "secret", iv);
    nsca_cipher_begin(cipher);
    nsca_cipher_decrypt(cipher, data, 5); /* in parts */
    nsca_cipher_decrypt(cipher, data + 5, HEAD - 5);
    nsca_cipher_free(cipher);
    assert_int_equal(data[0], 0);
    assert_int_equal(data[1], 3);
    assert_memory_equal(data + 8, time_and_host, sizeof time_and_host);
    cipher = nsca_cipher_new(method_of(row->name), "secret", iv);
    nsca_cipher_begin(cipher);
    nsca_cipher_encrypt(cipher, data, HEAD);
    nsca_cipher_free(cipher);
    assert_memory_equal(data, again, HEAD);
}

/* FIPS 197, C.3 */
static void test_aes(void **state)
{
    uint8_t key[32], in[16], want[16], out[16];
    struct rijndael cipher;

    (void)state;
    from_hex("000102030405060708090a0b0c0d0e0f"
             "101112131415161718191a1b1c1d1e1f",
             key, sizeof key);
    from_hex("00112233445566778899aabbccddeeff", in, sizeof in);
    from_hex("8ea2b7ca516745bfeafc49904b496089", want, sizeof want);
    rijndael_init(&cipher, sizeof in, key);
    rijndael_encrypt(&cipher, in, out);
    assert_memory_equal(out, want, sizeof want);
    rijndael_encrypt(&cipher, in, in);
    assert_memory_equal(in, want, sizeof want);
}

static void test_numbers(void **state)
{
    (void)state;
    assert_int_equal(nsca_method_number(method_of("none")), 0);
    assert_int_equal(nsca_method_number(method_of("3des")), 3);
    assert_int_equal(nsca_method_number(method_of("rijndael-256")), 16);
}

/* --- packets ----------------------------------------------------------------
 */

/* As a sender makes it, not enciphered. */
static void make_packet(unsigned char *data, size_t len)
{
    unsigned char iv[NSCA_IV_BYTES];
    unsigned char hello[NSCA_HELLO_BYTES];

    make_iv(iv);
    nsca_hello(iv, TIME_S, hello);
    memset(data, 'x', len);
    memcpy(data, "\0\3\0\0", 4);
    memcpy(data + 8, hello + NSCA_IV_BYTES, 4);
    memcpy(data + 12, "\0\2", 2);
    memcpy(data + 14, "web1", 5);
    memcpy(data + 78, "disk", 5);
    memcpy(data + 206, "DISK full|a=1", 14);
}

/* The checksum, bit by bit: another way than the one under test. */
static void sign(unsigned char *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFF;

    memset(data + 4, 0, 4);
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++) {
        data[4 + i] = (unsigned char)(crc >> (24 - 8 * i));
    }
}

static void test_packet(void **state)
{
    static const size_t sizes[] = {NSCA_PACKET_BYTES, NSCA_PACKET_SHORT};
    unsigned char data[NSCA_PACKET_BYTES];
    struct nsca_packet packet;
    struct errbuf why;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make_packet(data, sizes[i]);
        sign(data, sizes[i]);
        assert_int_equal(nsca_packet_read(data, sizes[i], &packet, &why),
                         ERR_OK);
        assert_int_equal(packet.time_s, TIME_S);
        assert_int_equal(packet.code, 2);
        assert_int_equal(packet.host_len, 4);
        assert_memory_equal(packet.host, "web1", 4);
        assert_int_equal(packet.service_len, 4);
        assert_int_equal(packet.output_len, 13);
    }
}

/* No member is ended: each ends where the next begins. */
static void test_packet_full(void **state)
{
    unsigned char data[NSCA_PACKET_BYTES];
    struct nsca_packet packet;
    struct errbuf why;

    (void)state;
    make_packet(data, sizeof data);
    memset(data + 14, 'x', sizeof data - 14);
    sign(data, sizeof data);
    assert_int_equal(nsca_packet_read(data, sizeof data, &packet, &why),
                     ERR_OK);
    assert_int_equal(packet.host_len, NSCA_HOST_MAX);
    assert_int_equal(packet.service_len, NSCA_SERVICE_MAX);
    assert_int_equal(packet.output_len, NSCA_OUTPUT_MAX);
}

static void test_packet_flipped(void **state)
{
    unsigned char data[NSCA_PACKET_SHORT];
    struct nsca_packet packet;
    struct errbuf why;

    (void)state;
    make_packet(data, sizeof data);
    sign(data, sizeof data);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] = (unsigned char)(data[bit / 8] ^ 1U << bit % 8);
        assert_int_equal(nsca_packet_read(data, sizeof data, &packet, &why),
                         ERR_INVALID);
        data[bit / 8] = (unsigned char)(data[bit / 8] ^ 1U << bit % 8);
    }
}

static void test_packet_refused(void **state)
{
    unsigned char data[NSCA_PACKET_BYTES];
    struct nsca_packet packet;
    struct errbuf why;

    (void)state;
    make_packet(data, sizeof data);
    data[13] = 4;
    sign(data, sizeof data);
    assert_int_equal(nsca_packet_read(data, sizeof data, &packet, &why),
                     ERR_INVALID);
    assert_string_equal(why.field, "return_code");
    make_packet(data, sizeof data);
    data[14] = 0;
    sign(data, sizeof data);
    assert_int_equal(nsca_packet_read(data, sizeof data, &packet, &why),
                     ERR_INVALID);
    assert_string_equal(why.field, "host_name");
}

/* --- outputs ----------------------------------------------------------------
 */

static const struct output_case {
    const char *name;
    const char *in;
    const char *output;
    const char *long_output;
    const char *perf_data;
} outputs[] = {
    {"empty", "", "", "", ""},
    {"one line", "all well", "all well", "", ""},
    {"perfdata", "OK | a=1;2;3 b=2", "OK", "", " a=1;2;3 b=2"},
    {"lines", "one\ntwo\nthree", "one", "two\nthree", ""},
    {"lines written out", "one\\ntwo\\nthree", "one", "two\nthree", ""},
    {"backslashes", "C:\\\\new \\x", "C:\\new \\x", "", ""},
    {"all of it", "one|a=1\ntwo\nthree|b=2\nc=3", "one", "two\nthree",
     "a=1 b=2 c=3"},
    {"perfdata of the first line only", "one|a=1\ntwo", "one", "two", "a=1"},
    {"a pipe in perfdata stays", "one|a=1|2", "one", "", "a=1|2"},
    {"only perfdata", "|a=1", "", "", "a=1"},
    {"empty lines at the end", "one \n\n", "one", "", ""},
    {"a backslash at the end", "one\\", "one\\", "", ""},
};

static void check_output(void **state)
{
    const struct output_case *row = *state;
    struct buf output, long_output, perf_data;

    buf_init(&output, 100);
    buf_init(&long_output, 100);
    buf_init(&perf_data, 100);
    output_split(row->in, &output, &long_output, &perf_data);
    assert_string_equal(buf_str(&output), row->output);
    assert_string_equal(buf_str(&long_output), row->long_output);
    assert_string_equal(buf_str(&perf_data), row->perf_data);
    buf_fini(&output);
    buf_fini(&long_output);
    buf_fini(&perf_data);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(sent, check_sent),
        ROWS(outputs, check_output),
        ROW_SINGLE(test_aes),
        ROW_SINGLE(test_numbers),
        ROW_SINGLE(test_packet),
        ROW_SINGLE(test_packet_full),
        ROW_SINGLE(test_packet_flipped),
        ROW_SINGLE(test_packet_refused),
    };

    return rows_run("nsca", tables, N_ROWS(tables));
}
