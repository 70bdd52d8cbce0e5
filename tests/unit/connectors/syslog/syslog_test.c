/* SPDX-License-Identifier: Apache-2.0 */
/** Messages of syslog and their frames. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "connectors/syslog/frames.h"
#include "connectors/syslog/message.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    SHOWN = 1024
};

/* --- messages ---------------------------------------------------------------
 */

/* want: "facility.severity time|host|app|procid|msgid|data|text" */
static const struct message_case {
    const char *name;
    const char *in;
    const char *want;
} messages[] = {
    {"RFC 5424, its first example",
     "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - "
     "\xEF\xBB\xBF'su root' failed",
     "auth.crit 2003-10-11 22:14:15.003 Z+0|mymachine.example.com|su||ID47||"
     "'su root' failed"},
    {"RFC 5424, a zone west",
     "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% x",
     "local4.notice 2003-8-24 05:14:15.000 Z-420|192.0.2.1|myproc|8710|||"
     "%% x"},
    {"RFC 5424, data, no text",
     "<165>1 2003-10-11T22:14:15.003Z h app - ID47 "
     "[a@1 iut=\"3\" s=\"A\\\"p ]\\]\"][b@2 c=\"h\"]",
     "local4.notice 2003-10-11 22:14:15.003 Z+0|h|app||ID47|"
     "[a@1 iut=\"3\" s=\"A\\\"p ]\\]\"][b@2 c=\"h\"]|"},
    {"RFC 5424, nothing told", "<13>1 - - - - - - x", "user.notice ||||||x"},
    {"RFC 5424, nothing told, no text", "<13>1 - - - - - -",
     "user.notice ||||||"},
    {"RFC 5424, cut in the header", "<13>1 - host app",
     "user.notice |host|app||||"},
    {"RFC 5424, data not closed", "<13>1 - h a - - [x y=\"z text",
     "user.notice |h|a||||[x y=\"z text"},
    {"RFC 5424, rsyslog's blank", "<13>1 - h a - - -  text",
     "user.notice |h|a||||text"},
    {"RFC 3164, its first example",
     "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
     "auth.crit 0-10-11 22:14:15.000 local|mymachine|su||||'su root' failed"},
    {"RFC 3164, one digit, process", "<30>Nov  1 00:00:59 web1 sshd[123]: in",
     "daemon.info 0-11-1 00:00:59.000 local|web1|sshd|123|||in"},
    {"RFC 3164, no host", "<30>Nov 21 10:00:00 cron[9]: x",
     "daemon.info 0-11-21 10:00:00.000 local||cron|9|||x"},
    {"RFC 3164, a year, a fraction", "<30>Nov 21 2026 10:00:00.5 h a: x",
     "daemon.info 2026-11-21 10:00:00.500 local|h|a||||x"},
    {"rsyslog's forward format",
     "<30>2026-11-21T10:00:00.123456+01:00 h a[1]: x",
     "daemon.info 2026-11-21 10:00:00.123 Z+60|h|a|1|||x"},
    {"a tag without a blank", "<30>Nov 21 10:00:00 h a:x",
     "daemon.info 0-11-21 10:00:00.000 local|h|a||||x"},
    {"no tag", "<30>Nov 21 10:00:00 h just words",
     "daemon.info 0-11-21 10:00:00.000 local|h|||||just words"},
    {"no time", "<30>a: words", "daemon.info ||a||||words"},
    {"Cisco", "<189>45: *Mar  1 18:46:11: %SYS-5-CONFIG_I: x",
     "local7.notice ||45||||*Mar  1 18:46:11: %SYS-5-CONFIG_I: x"},
    {"no priority", "words", "user.notice ||||||words"},
    {"a priority that is none", "<192>words", "user.notice ||||||<192>words"},
    {"a priority not closed", "<13words", "user.notice ||||||<13words"},
    {"month that is none", "<13>Foo 11 22:14:15 h a: x",
     "user.notice ||||||Foo 11 22:14:15 h a: x"},
    {"hour that is none", "<13>Oct 11 24:14:15 h a: x",
     "user.notice ||||||Oct 11 24:14:15 h a: x"},
    {"ended by newline and NUL", "<13>a: x\r\n", "user.notice ||a||||x"},
    {"empty", "", "user.notice ||||||"},
};

static int show_time(const struct syslog_time *time, char *out, size_t size)
{
    char zone[16] = "local";

    if (!time->given) {
        out[0] = '\0';
        return 0;
    }
    if (time->has_zone) {
        (void)snprintf(zone, sizeof zone, "Z%+d", time->offset_min);
    }
    return snprintf(out, size, "%d-%d-%d %02d:%02d:%02d.%03d %s", time->year,
                    time->month, time->day, time->hour, time->minute,
                    time->second, time->ms, zone);
}

#define TEXT(t) (int)(t).len, (t).text != NULL ? (t).text : ""

static void check_message(void **state)
{
    const struct message_case *row = *state;
    /* What is read past the end is seen by a sanitizer. */
    char *copy = xmemdup(row->in, strlen(row->in) + 1);
    struct syslog_message m;
    char time[128];
    char got[SHOWN];

    syslog_parse(copy, strlen(row->in), &m);
    (void)show_time(&m.time, time, sizeof time);
    (void)snprintf(got, sizeof got, "%s.%s %s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s",
                   syslog_facility_name(m.facility),
                   syslog_severity_name(m.severity), time, TEXT(m.host),
                   TEXT(m.app), TEXT(m.procid), TEXT(m.msgid), TEXT(m.data),
                   TEXT(m.text));
    assert_string_equal(got, row->want);
    free(copy);
}

static const struct data_case {
    const char *name;
    const char *in;
    const char *want; /* JSON */
} datas[] = {
    {"none", "", "{}"},
    {"one", "[a@1 x=\"1\"]", "{\"a@1\":{\"x\":\"1\"}}"},
    {"no parameters", "[a]", "{\"a\":{}}"},
    {"several", "[a x=\"1\" y=\"\"][b z=\"3\"]",
     "{\"a\":{\"x\":\"1\",\"y\":\"\"},\"b\":{\"z\":\"3\"}}"},
    {"escapes", "[a x=\"\\\"\\\\\\]\\n\"]",
     "{\"a\":{\"x\":\"\\\"\\\\]\\\\n\"}}"},
    {"not closed", "[a x=\"1", "{\"a\":{}}"},
    {"no name", "[ x=\"1\"]", "{}"},
    {"no value", "[a x]", "{\"a\":{}}"},
    {"of Windows-1252", "[a x=\"\xE4\"]", "{\"a\":{\"x\":\"\xC3\xA4\"}}"},
};

static void check_data(void **state)
{
    const struct data_case *row = *state;
    struct doc_out *out = doc_out_new();
    struct buf json;

    buf_init(&json, SHOWN);
    doc_out_reset(out);
    syslog_add_data((struct syslog_text){row->in, strlen(row->in)}, out);
    doc_to_json(doc_out_done(out), &json);
    assert_string_equal(buf_str(&json), row->want);
    buf_fini(&json);
    doc_out_free(out);
}

/* --- frames -----------------------------------------------------------------
 */

/* want: the messages, each in brackets, "~" behind one that was cut */
static const struct frame_case {
    const char *name;
    const char *in;
    const char *want;
} frame_cases[] = {
    {"lines", "<1>a\n<2>bc\n", "[<1>a][<2>bc]"},
    {"the last line is not ended", "<1>a\n<2>b", "[<1>a][<2>b]"},
    {"counted", "4 <1>a6 <2>b\nc", "[<1>a][<2>b\nc]"},
    {"both", "4 <1>a<2>b\n4 <3>c", "[<1>a][<2>b][<3>c]"},
    {"a newline between counted ones", "4 <1>a\n4 <2>b", "[<1>a][][<2>b]"},
    {"counted and cut off", "9 <1>a", "[<1>a]~"},
    {"a long line", "0123456789\n<1>b\n", "[01234567]~[<1>b]"},
    {"a long counted one", "10 ABCDEFGHIJ<1>b\n", "[ABCDEFGH]~[<1>b]"},
    {"a count of ten digits is a line", "1234567890 a\nb\n", "[12345678]~[b]"},
    {"a count of zero is a line", "0 <1>a\n", "[0 <1>a]"},
    {"just digits", "12", "[12]"},
};

enum {
    FRAME_MAX = 8
};

/* Feed in pieces of so many bytes, as a connection may bring them. */
static void run_frames(const char *in, size_t piece, char *out)
{
    struct frames frames = {0};
    size_t len = strlen(in);
    size_t taken = 0;
    size_t there = 0;

    out[0] = '\0';
    for (;;) {
        struct frame frame;

        if (frames_next(&frames, in + taken, there - taken, FRAME_MAX,
                        there == len, &frame)) {
            if (frame.data != NULL) {
                size_t at = strlen(out);

                (void)snprintf(out + at, SHOWN - at, "[%.*s]%s", (int)frame.len,
                               frame.data, frame.cut ? "~" : "");
            }
            assert_true(frame.takes > 0 && taken + frame.takes <= there);
            taken += frame.takes;
            frames = frame.after;
        } else if (there < len) {
            there = there + piece < len ? there + piece : len;
        } else {
            assert_int_equal(taken, len);
            return;
        }
    }
}

static void check_frames(void **state)
{
    const struct frame_case *row = *state;
    char got[SHOWN];

    for (size_t piece = 1; piece <= strlen(row->in); piece++) {
        run_frames(row->in, piece, got);
        if (strcmp(got, row->want) != 0) {
            fail_msg("in pieces of %zu: got %s, want %s", piece, got,
                     row->want);
        }
    }
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(messages, check_message),
        ROWS(datas, check_data),
        ROWS(frame_cases, check_frames),
    };

    return rows_run("syslog", tables, N_ROWS(tables));
}
