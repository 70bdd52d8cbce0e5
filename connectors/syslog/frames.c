/* SPDX-License-Identifier: Apache-2.0 */
/** Messages in a stream. */
#include "connectors/syslog/frames.h"

#include <string.h>

enum {
    DIGITS_MAX = 9 /* of a count */
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The count before a blank; 0: there is none, or it is not whole yet. */
static size_t read_count(const char *data, size_t len, size_t *digits)
{
    size_t count = 0;
    size_t i = 0;

    for (; i < len && i < DIGITS_MAX && data[i] >= '0' && data[i] <= '9'; i++) {
        count = count * 10 + (size_t)(data[i] - '0');
    }
    *digits = i;
    return i < len && data[i] == ' ' ? count : 0;
}

static bool next_counted(size_t count, size_t prefix, const char *data,
                         size_t len, struct frame *frame)
{
    size_t there = least(len - prefix, count);

    if (there < frame->len) {
        return false;
    }
    frame->data = data + prefix;
    frame->cut = frame->len < count;
    frame->takes = prefix + there;
    frame->after.skip = count - there;
    return true;
}

static const char *find_end(const char *data, size_t len)
{
    const char *newline = memchr(data, '\n', len);
    const char *nul =
        memchr(data, '\0', newline != NULL ? (size_t)(newline - data) : len);

    return nul != NULL ? nul : newline;
}

static bool next_line(const char *data, size_t len, size_t max, bool eof,
                      struct frame *frame)
{
    const char *end = find_end(data, len);
    size_t line = end != NULL ? (size_t)(end - data) : len;

    if (end == NULL && line <= max && !eof) {
        return false;
    }
    frame->data = data;
    frame->len = least(line, max);
    frame->cut = line > max;
    frame->takes = end != NULL ? line + 1 : line;
    frame->after.skip_line = end == NULL && !eof;
    return true;
}

/* What is left of a message that was cut. */
static bool pass_over(const struct frames *frames, const char *data, size_t len,
                      struct frame *frame)
{
    const char *end = find_end(data, len);

    if (frames->skip > 0) {
        frame->takes = least(frames->skip, len);
        frame->after.skip = frames->skip - frame->takes;
        return true;
    }
    frame->takes = end != NULL ? (size_t)(end - data) + 1 : len;
    frame->after.skip_line = end == NULL;
    return true;
}

bool frames_next(const struct frames *frames, const char *data, size_t len,
                 size_t max, bool eof, struct frame *frame)
{
    size_t digits;
    size_t count;

    *frame = (struct frame){0};
    if (len == 0) {
        return false;
    }
    if (frames->skip > 0 || frames->skip_line) {
        return pass_over(frames, data, len, frame);
    }
    count = read_count(data, len, &digits);
    if (count > 0) {
        frame->len = least(count, max);
        if (eof && len - digits - 1 < count) {
            frame->len = least(frame->len, len - digits - 1);
        }
        return next_counted(count, digits + 1, data, len, frame);
    }
    if (digits == len && digits < DIGITS_MAX && !eof) {
        return false; /* more of a count may come */
    }
    return next_line(data, len, max, eof, frame);
}
