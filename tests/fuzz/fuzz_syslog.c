/* SPDX-License-Identifier: Apache-2.0 */
/** Any stream of syslog: all of it is taken, in frames within their bound, and
 *  every part of a message lies within it. */
#include <string.h>

#include "common/base/err.h"
#include "common/doc/doc.h"
#include "connectors/syslog/frames.h"
#include "connectors/syslog/message.h"
#include "tests/fuzz/fuzz.h"

enum {
    FRAME_MAX = 300,
    PIECE = 17 /* bytes that come at a time */
};

static void check_part(const char *data, size_t len, struct syslog_text part)
{
    if (part.len > 0) {
        BUG_IF(part.text < data || part.text + part.len > data + len);
        (void)memchr(part.text, 0, part.len);
    }
}

static void check_message(const char *data, size_t len)
{
    struct doc_out *out = doc_out_new();
    struct syslog_message message;

    syslog_parse(data, len, &message);
    BUG_IF(message.facility < 0 || message.facility > 23);
    BUG_IF(message.severity < 0 || message.severity > 7);
    BUG_IF(message.time.given &&
           (message.time.month < 1 || message.time.month > 12 ||
            message.time.ms > 999));
    check_part(data, len, message.host);
    check_part(data, len, message.app);
    check_part(data, len, message.procid);
    check_part(data, len, message.msgid);
    check_part(data, len, message.data);
    check_part(data, len, message.text);
    doc_out_reset(out);
    syslog_add_data(message.data, out);
    BUG_IF(!doc_check(doc_out_done(out)));
    doc_out_free(out);
}

static void check_stream(const char *data, size_t size)
{
    struct frames frames = {0};
    size_t taken = 0;
    size_t there = 0;

    while (taken < size || there < size) {
        struct frame frame;

        if (frames_next(&frames, data + taken, there - taken, FRAME_MAX,
                        there == size, &frame)) {
            BUG_IF(frame.takes == 0 || taken + frame.takes > there);
            if (frame.data != NULL) {
                BUG_IF(frame.len > FRAME_MAX);
                BUG_IF(frame.data < data + taken ||
                       frame.data + frame.len > data + taken + frame.takes);
                check_message(frame.data, frame.len);
            }
            taken += frame.takes;
            frames = frame.after;
        } else {
            /* What is not taken never fills a connection's room. */
            BUG_IF(there == size || there - taken > FRAME_MAX + 2 * PIECE);
            there = there + PIECE < size ? there + PIECE : size;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_message((const char *)data, size);
    check_stream((const char *)data, size);
    return 0;
}
