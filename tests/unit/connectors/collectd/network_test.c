/* SPDX-License-Identifier: Apache-2.0 */
/** Datagrams that a real collectd sent, and broken ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "connectors/collectd/auth.h"
#include "connectors/collectd/network.h"
#include "connectors/collectd/repeats.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    SEEN_MAX = 8,
    LINE_MAX = 1024,
    ROOM = 2048
};

static const char user[] = "alice";
static const char password[] = "open sesame";

struct seen {
    size_t n;
    char lines[SEEN_MAX][LINE_MAX];
    const char *password;
};

static const char letters[] = "CGDA";

static void add_line(struct seen *seen, const char *text)
{
    assert_true(seen->n < SEEN_MAX);
    (void)snprintf(seen->lines[seen->n++], LINE_MAX, "%s", text);
}

static void on_values(void *ctx, const struct network_values *values)
{
    const struct network_name *name = values->name;
    struct buf line;

    buf_init(&line, LINE_MAX);
    buf_addf(&line, "%.40s/%.40s-%.40s/%s-%s %lld+%lld", name->host,
             name->plugin, name->plugin_instance, name->type,
             name->type_instance, (long long)name->time_ms,
             (long long)name->interval_ms);
    for (size_t i = 0; i < values->n; i++) {
        buf_addf(&line, " %c%.10g", letters[values->types[i]],
                 network_value(values, i));
    }
    add_line(ctx, buf_str(&line));
    buf_fini(&line);
}

static void on_notice(void *ctx, const struct network_notice *notice)
{
    struct buf line;

    buf_init(&line, LINE_MAX);
    buf_addf(&line, "%.40s/%.40s %llu %.200s", notice->name->host,
             notice->name->plugin, (unsigned long long)notice->severity,
             notice->message);
    add_line(ctx, buf_str(&line));
    buf_fini(&line);
}

static const char *on_password(void *ctx, const char *name)
{
    const struct seen *seen = ctx;

    return strcmp(name, user) == 0 ? seen->password : NULL;
}

static enum err read_into(struct seen *seen, const void *data, size_t len,
                          enum network_level need, enum network_level *got,
                          struct errbuf *why)
{
    const struct network_sink sink = {seen, on_values, on_notice, on_password};

    return network_read(&sink, data, len, need, got, why);
}

/* --- what collectd sends ------------------------------------------
 */

static const struct level_row {
    const char *name;
    enum network_level sent;
    enum network_level need;
    const char *password; /* that we know; NULL: the user is unknown */
    const char *refused;  /* in why; NULL: it is taken */
    enum network_level got;
    bool given; /* the values, though refused or not */
} levels[] = {
    {"plain at plain", NETWORK_PLAIN, NETWORK_PLAIN, NULL, NULL, NETWORK_PLAIN,
     true},
    {"plain at sign", NETWORK_PLAIN, NETWORK_SIGNED, NULL,
     "security: expected data with a signature", NETWORK_PLAIN, false},
    {"plain at encrypt", NETWORK_PLAIN, NETWORK_ENCRYPTED, NULL,
     "security: expected encrypted data", NETWORK_PLAIN, false},
    {"signed at plain", NETWORK_SIGNED, NETWORK_PLAIN, password, NULL,
     NETWORK_SIGNED, true},
    {"signed at plain, unknown", NETWORK_SIGNED, NETWORK_PLAIN, NULL, NULL,
     NETWORK_PLAIN, true},
    {"signed at plain, wrong", NETWORK_SIGNED, NETWORK_PLAIN, "wrong",
     "signature: expected that of the user's password", NETWORK_PLAIN, false},
    {"signed at sign", NETWORK_SIGNED, NETWORK_SIGNED, password, NULL,
     NETWORK_SIGNED, true},
    {"signed at sign, unknown", NETWORK_SIGNED, NETWORK_SIGNED, NULL,
     "user alice: is not in auth_file", NETWORK_PLAIN, false},
    {"signed at sign, wrong", NETWORK_SIGNED, NETWORK_SIGNED, "wrong",
     "signature: expected that of the user's password", NETWORK_PLAIN, false},
    {"signed at encrypt", NETWORK_SIGNED, NETWORK_ENCRYPTED, password,
     "security: expected encrypted data", NETWORK_SIGNED, false},
    {"encrypted at plain", NETWORK_ENCRYPTED, NETWORK_PLAIN, password, NULL,
     NETWORK_ENCRYPTED, true},
    {"encrypted at sign", NETWORK_ENCRYPTED, NETWORK_SIGNED, password, NULL,
     NETWORK_ENCRYPTED, true},
    {"encrypted at encrypt", NETWORK_ENCRYPTED, NETWORK_ENCRYPTED, password,
     NULL, NETWORK_ENCRYPTED, true},
    {"encrypted at encrypt, unknown", NETWORK_ENCRYPTED, NETWORK_ENCRYPTED,
     NULL, "user alice: is not in auth_file", NETWORK_PLAIN, false},
    {"encrypted at plain, unknown", NETWORK_ENCRYPTED, NETWORK_PLAIN, NULL,
     "user alice: is not in auth_file", NETWORK_PLAIN, false},
    {"encrypted at encrypt, wrong", NETWORK_ENCRYPTED, NETWORK_ENCRYPTED,
     "wrong", "encryption: expected that by the user's password", NETWORK_PLAIN,
     false},
};

/* As a collectd 5.12 sent them, to three servers, of one reading. */
static const char *const sent[] = {
    /* None */
    "0000000977656231000008000c1ac07cf7a602d5470009000c000003840000000000"
    "0200096c6f616400000400096c6f6164000006002100030101010000000060213340"
    "00000000e06a31400000000080532c40",
    /* Sign */
    "02000029735121947b4f75ad02c76e21ce2d7643fb4b3721caf0c886af9e339a231b"
    "99d1616c6963650000000977656231000008000c1ac07cf7a602d5470009000c0000"
    "038400000000000200096c6f616400000400096c6f61640000060021000301010100"
    "0000006021334000000000e06a31400000000080532c40",
    /* Encrypt */
    "021000830005616c696365fca79266b72f0db479a10200e1a9b512ef872e4b95c4ca"
    "37434aa98b2dfaf6bee0eefc1658070ff5b98c17b1099261bab3d3da751a68e5c4e0"
    "cbc5171081bacc7e0aee9a5a73054168493bd884eb4ebb285957bdab50a36d2d765b"
    "189fab93daf037c50461fac59d99f6fab3ad04cc245800245fe973798b",
};

static const char what_was_sent[] = "web1/load-/load- 1795290078594+3600000 "
                                    "G19.13037109 G17.41748047 G14.16308594";

static size_t make(enum network_level level, char out[ROOM])
{
    const char *hex = sent[level];
    size_t len = strlen(hex) / 2;

    assert_true(len <= ROOM);
    for (size_t i = 0; i < len; i++) {
        const char byte[] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (char)strtoul(byte, NULL, 16);
    }
    return len;
}

static void check_level(void **state)
{
    const struct level_row *row = *state;
    struct seen seen = {.password = row->password};
    struct errbuf why = {0};
    enum network_level got;
    char data[ROOM];
    size_t len = make(row->sent, data);
    enum err err = read_into(&seen, data, len, row->need, &got, &why);

    assert_int_equal(err, row->refused != NULL ? ERR_INVALID : ERR_OK);
    if (row->refused != NULL) {
        assert_string_equal(why.text, row->refused);
    }
    assert_int_equal(got, row->got);
    assert_int_equal(seen.n, row->given ? 1 : 0);
    if (row->given) {
        assert_string_equal(seen.lines[0], what_was_sent);
    }
}

/* Whatever bit of what is sealed changes, nothing of it is given. */
static void flips(void **state)
{
    (void)state;
    for (int level = NETWORK_SIGNED; level <= NETWORK_ENCRYPTED; level++) {
        char data[ROOM];
        size_t len = make((enum network_level)level, data);

        for (size_t bit = 0; bit < len * 8; bit++) {
            struct seen seen = {.password = password};
            struct errbuf why = {0};
            enum network_level got;

            data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
            (void)read_into(&seen, data, len, NETWORK_SIGNED, &got, &why);
            if (seen.n != 0) {
                fail_msg("level %d, bit %zu: %s", level, bit, seen.lines[0]);
            }
            data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
        }
    }
}

static void cuts(void **state)
{
    (void)state;
    for (int level = NETWORK_PLAIN; level <= NETWORK_ENCRYPTED; level++) {
        char data[ROOM];
        size_t len = make((enum network_level)level, data);

        for (size_t part = 0; part < len; part++) {
            struct seen seen = {.password = password};
            struct errbuf why = {0};
            enum network_level got;
            char *copy = xmemdup(data, part + 1); /* for the sanitizers */

            (void)read_into(&seen, copy, part, NETWORK_PLAIN, &got, &why);
            assert_int_equal(seen.n, 0);
            free(copy);
        }
    }
}

/* --- parts by hand ----------------------------------------------------------
 */

#define HOST        "\0\0\0\6h\0"
#define PLUGIN      "\0\2\0\6p\0"
#define TYPE        "\0\4\0\6t\0"
#define ONE         "\0\6\0\17\0\1\1\0\0\0\0\0\0\370\077"
#define BYTES(text) (text), sizeof(text) - 1

static const struct part_row {
    const char *name;
    const char *data;
    size_t len;
    const char *want;    /* first line; NULL: none */
    const char *refused; /* NULL: it is taken */
} parts[] = {
    {"least", BYTES(HOST PLUGIN TYPE ONE), "h/p-/t- 0+0 G1.5", NULL},
    {"old time", BYTES(HOST "\0\1\0\14\0\0\0\0e\x53\xf1\0" PLUGIN TYPE ONE),
     "h/p-/t- 1700000000000+0 G1.5", NULL},
    {"old interval", BYTES("\0\7\0\14\0\0\0\0\0\0\0\74" HOST PLUGIN TYPE ONE),
     "h/p-/t- 0+60000 G1.5", NULL},
    {"time that overflows",
     BYTES("\0\1\0\14\xff\xff\xff\xff\xff\xff\xff\xff" ONE), NULL,
     "time: expected seconds since 1970"},
    {"fine time at its end",
     BYTES("\0\10\0\14\xff\xff\xff\xff\xff\xff\xff\xff" HOST PLUGIN TYPE ONE),
     "h/p-/t- 17179869184000+0 G1.5", NULL},
    {"what is not known is passed over",
     BYTES(HOST "\3\63\0\7abc" PLUGIN TYPE ONE), "h/p-/t- 0+0 G1.5", NULL},
    {"notification",
     BYTES(HOST PLUGIN "\1\1\0\14\0\0\0\0\0\0\0\2"
                       "\1\0\0\12hello\0"),
     "h/p 2 hello", NULL},
    {"not a number", BYTES(HOST "\0\6\0\17\0\1\1\0\0\0\0\0\0\370\177"),
     "h/-/- 0+0 Gnan", NULL},
    {"nothing", BYTES(""), NULL, "datagram: expected at least one part"},
    {"a part's start", BYTES("\0\0\0"), NULL,
     "part: expected a type and a length"},
    {"a part of no length", BYTES("\0\0\0\0"), NULL,
     "part: expected a length within the datagram"},
    {"a part past the end", BYTES("\0\0\0\7h\0"), NULL,
     "part: expected a length within the datagram"},
    {"text without an end", BYTES("\0\0\0\6hh"), NULL,
     "host: expected text that ends with a NUL"},
    {"text of nothing", BYTES("\0\2\0\4"), NULL,
     "plugin: expected text that ends with a NUL"},
    {"text of two", BYTES("\0\0\0\10h\0h\0"), NULL,
     "host: expected one text within its bound"},
    {"a short number", BYTES("\0\1\0\13\0\0\0\0\0\0\0"), NULL,
     "time: expected 8 bytes"},
    {"values without a number", BYTES("\0\6\0\5\0"), NULL,
     "values: expected their number"},
    {"no values", BYTES("\0\6\0\6\0\0"), NULL,
     "values: expected as many as their number says"},
    {"more values said than there are",
     BYTES("\0\6\0\17\0\2\1\0\0\0\0\0\0\370\077"), NULL,
     "values: expected as many as their number says"},
    {"values of an unknown type", BYTES("\0\6\0\17\0\1\4\0\0\0\0\0\0\370\077"),
     NULL, "values: expected a known type"},
    {"what is before the fault is given",
     BYTES(HOST PLUGIN TYPE ONE "\0\0\0\0"), "h/p-/t- 0+0 G1.5",
     "part: expected a length within the datagram"},
    {"a signature alone",
     BYTES("\2\0\0\44"
           "0123456789abcdef0123456789abcdef"),
     NULL, "signature: expected 32 bytes and a user"},
    {"an encryption too short", BYTES("\2\20\0\14\0\5alice\0"), NULL,
     "encryption: expected a user, 16 bytes and a digest"},
    {"an encryption whose user is too long", BYTES("\2\20\0\10\377\377ab"),
     NULL, "encryption: expected a user, 16 bytes and a digest"},
};

static void check_part(void **state)
{
    const struct part_row *row = *state;
    struct seen seen = {.password = password};
    struct errbuf why = {0};
    enum network_level got;
    char *copy = xmemdup(row->data, row->len + 1); /* with its NUL */
    enum err err = read_into(&seen, copy, row->len, NETWORK_PLAIN, &got, &why);

    free(copy);
    assert_string_equal(why.text, row->refused != NULL ? row->refused : "");
    assert_int_equal(err, row->refused != NULL ? ERR_INVALID : ERR_OK);
    assert_int_equal(seen.n, row->want != NULL ? 1 : 0);
    if (row->want != NULL) {
        assert_string_equal(seen.lines[0], row->want);
    }
}

static size_t named(char *out, size_t len)
{
    const char part[] = {0, 2, (char)((len + 5) >> 8), (char)((len + 5) & 255)};

    memcpy(out, part, sizeof part);
    memset(out + sizeof part, 'x', len);
    out[sizeof part + len] = '\0';
    return sizeof part + len + 1;
}

static void long_names(void **state)
{
    struct seen seen = {0};
    struct errbuf why = {0};
    enum network_level got;
    char data[ROOM];
    size_t len = named(data, NETWORK_NAME_MAX);

    (void)state;
    assert_int_equal(read_into(&seen, data, len, NETWORK_PLAIN, &got, &why),
                     ERR_OK);
    len = named(data, NETWORK_NAME_MAX + 1);
    assert_int_equal(read_into(&seen, data, len, NETWORK_PLAIN, &got, &why),
                     ERR_INVALID);
    assert_string_equal(why.text, "plugin: expected one text within its bound");
}

/* --- users ------------------------------------------------------------------
 */

static const struct auth_row {
    const char *name;
    const char *text;
    mode_t mode;
    const char *refused;  /* in why */
    const char *password; /* of alice; NULL: none */
} auths[] = {
    {"a line", "alice: open sesame\n", 0600, NULL, "open sesame"},
    {"no end of line", "alice: x", 0600, NULL, "x"},
    {"comments and blanks", "# users\n\n bob: y\r\n\talice :x:y \n", 0640, NULL,
     "x:y"},
    {"the last one counts", "alice: a\nalice: b\n", 0600, NULL, "b"},
    {"nobody", "", 0600, NULL, NULL},
    {"no colon", "bob: y\nalice\n", 0600, ":2: expected user: password", NULL},
    {"no password", "alice: \n", 0600, ":1: expected user: password", NULL},
    {"no user", ": x\n", 0600, ":1: expected user: password", NULL},
    {"open to all", "alice: x\n", 0644, "may be read by everybody", NULL},
};

static void check_auth(void **state)
{
    const struct auth_row *row = *state;
    char path[] = "/tmp/hyp-auth-XXXXXX";
    int fd = mkstemp(path);
    size_t len = strlen(row->text);
    struct auth *auth = NULL;
    struct errbuf why = {0};
    enum err err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, row->text, len), len);
    assert_int_equal(fchmod(fd, row->mode), 0);
    (void)close(fd);
    err = auth_read(path, &auth, &why);
    assert_true(auth_stamp(path) > 0);
    (void)unlink(path);
    assert_int_equal(auth_stamp(path), 0);
    assert_int_equal(err, row->refused != NULL ? ERR_INVALID : ERR_OK);
    if (row->refused != NULL) {
        assert_non_null(strstr(why.text, row->refused));
    } else if (row->password != NULL) {
        assert_string_equal(auth_password(auth, "alice"), row->password);
    } else {
        assert_null(auth_password(auth, "alice"));
    }
    auth_free(auth);
}

/* --- repeats ----------------------------------------------------------------
 */

static void forgets_the_oldest(void **state)
{
    struct repeats *repeats = repeats_new(3);

    (void)state;
    for (int round = 0; round < 3; round++) {
        repeats_add(repeats, "a", 1);
        repeats_add(repeats, "b", 1);
        repeats_add(repeats, "a", 1); /* is there */
        repeats_add(repeats, "c", 1);
        assert_true(repeats_has(repeats, "a", 1));
        repeats_add(repeats, "d", 1);
        assert_false(repeats_has(repeats, "a", 1));
        assert_true(repeats_has(repeats, "b", 1));
        assert_true(repeats_has(repeats, "d", 1));
        repeats_add(repeats, "e", 1);
        repeats_add(repeats, "f", 1);
        assert_false(repeats_has(repeats, "c", 1));
    }
    repeats_free(repeats);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(levels, check_level),
        ROWS(parts, check_part),
        ROW_SINGLE(flips),
        ROW_SINGLE(cuts),
        ROW_SINGLE(long_names),
        ROWS(auths, check_auth),
        ROW_SINGLE(forgets_the_oldest),
    };

    return rows_run("network", tables, N_ROWS(tables));
}
