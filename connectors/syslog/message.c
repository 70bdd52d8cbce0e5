/* SPDX-License-Identifier: Apache-2.0 */
/** One syslog message. */
#include "connectors/syslog/message.h"

#include <string.h>

#include "common/connector/text.h"

enum {
    PRI_MAX = 191, /* local7.debug */
    SEVERITIES = 8,
    YEAR_MAX = 9999,
    DIGIT_MAX = 9,
    NAME_BYTES = 255, /* of an id or a parameter, and of its value */
    VALUE_BYTES = 4096
};

/* What is left to read. */
struct reader {
    const char *at;
    const char *end;
};

static size_t left(const struct reader *in)
{
    return (size_t)(in->end - in->at);
}

static bool take(struct reader *in, char c)
{
    if (in->at == in->end || *in->at != c) {
        return false;
    }
    in->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly n digits within bounds. */
static bool take_digits(struct reader *in, size_t n, int min, int max, int *out)
{
    int value = 0;

    if (left(in) < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(in->at[i])) {
            return false;
        }
        value = value * 10 + (in->at[i] - '0');
    }
    if (value < min || value > max) {
        return false;
    }
    in->at += n;
    *out = value;
    return true;
}

/* Up to the next blank, which is taken too. */
static struct syslog_text take_word(struct reader *in)
{
    struct syslog_text word = {in->at, 0};
    const char *blank = memchr(in->at, ' ', left(in));

    word.len = (size_t)((blank != NULL ? blank : in->end) - in->at);
    in->at = blank != NULL ? blank + 1 : in->end;
    return word;
}

static struct syslog_text rest(const struct reader *in)
{
    return (struct syslog_text){in->at, left(in)};
}

/* --- times ------------------------------------------------------------------
 */

/* ".123456": three digits count. */
static bool take_fraction(struct reader *in, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (!take(in, '.') && !take(in, ',')) {
        return true;
    }
    if (left(in) == 0 || !is_digit(*in->at)) {
        return false;
    }
    for (; left(in) > 0 && is_digit(*in->at); in->at++) {
        *ms += scale * (*in->at - '0');
        scale /= 10;
    }
    return true;
}

static bool take_clock(struct reader *in, struct syslog_time *time)
{
    return take_digits(in, 2, 0, 23, &time->hour) && take(in, ':') &&
           take_digits(in, 2, 0, 59, &time->minute) && take(in, ':') &&
           take_digits(in, 2, 0, 60, &time->second) &&
           take_fraction(in, &time->ms);
}

static bool take_zone(struct reader *in, struct syslog_time *time)
{
    int sign = 1;
    int hours;
    int minutes;

    time->has_zone = true;
    if (take(in, 'Z') || take(in, 'z')) {
        return true;
    }
    if (take(in, '-')) {
        sign = -1;
    } else if (!take(in, '+')) {
        time->has_zone = false;
        return true;
    }
    if (!take_digits(in, 2, 0, 23, &hours)) {
        return false;
    }
    (void)take(in, ':');
    if (!take_digits(in, 2, 0, 59, &minutes)) {
        return false;
    }
    time->offset_min = sign * (hours * 60 + minutes);
    return true;
}

/* "2026-11-21T09:30:00.123+01:00", RFC 3339 */
static bool take_iso(struct reader *in, struct syslog_time *time)
{
    return take_digits(in, 4, 1970, YEAR_MAX, &time->year) && take(in, '-') &&
           take_digits(in, 2, 1, 12, &time->month) && take(in, '-') &&
           take_digits(in, 2, 1, 31, &time->day) &&
           (take(in, 'T') || take(in, 't')) && take_clock(in, time) &&
           take_zone(in, time);
}

static bool take_month(struct reader *in, int *month)
{
    static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    for (int i = 0; left(in) >= 3 && i < 12; i++) {
        if (memcmp(in->at, names[i], 3) == 0) {
            in->at += 3;
            *month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_day(struct reader *in, int *day)
{
    if (take(in, ' ')) {
        return take_digits(in, 1, 1, DIGIT_MAX, day);
    }
    return take_digits(in, 2, 1, 31, day) ||
           take_digits(in, 1, 1, DIGIT_MAX, day);
}

/* "Nov  1 09:30:00", "Nov 21 2026 09:30:00.123" */
static bool take_bsd(struct reader *in, struct syslog_time *time)
{
    struct reader year;

    if (!take_month(in, &time->month) || !take(in, ' ') ||
        !take_day(in, &time->day) || !take(in, ' ')) {
        return false;
    }
    year = *in;
    if (take_digits(&year, 4, 1970, YEAR_MAX, &time->year) &&
        take(&year, ' ')) {
        *in = year;
    } else {
        time->year = 0;
    }
    return take_clock(in, time);
}

/* A time and what ends it, or nothing is taken. */
static bool take_time(struct reader *in, struct syslog_time *time)
{
    struct reader at = *in;

    *time = (struct syslog_time){0};
    if (!take_iso(&at, time)) {
        at = *in;
        *time = (struct syslog_time){0};
        if (!take_bsd(&at, time)) {
            *time = (struct syslog_time){0};
            return false;
        }
    }
    if (left(&at) > 0 && !take(&at, ' ') && *at.at != ':') {
        *time = (struct syslog_time){0};
        return false;
    }
    time->given = true;
    *in = at;
    return true;
}

/* --- the two forms ----------------------------------------------------------
 */

static int take_pri(struct reader *in)
{
    struct reader at = *in;
    int pri = 0;
    size_t digits = 0;

    if (!take(&at, '<')) {
        return SYSLOG_DEFAULT_PRI;
    }
    while (left(&at) > 0 && is_digit(*at.at) && digits < 3) {
        pri = pri * 10 + (*at.at++ - '0');
        digits++;
    }
    if (digits == 0 || pri > PRI_MAX || !take(&at, '>')) {
        return SYSLOG_DEFAULT_PRI;
    }
    *in = at;
    return pri;
}

/* "-" stands for nothing. */
static struct syslog_text take_field(struct reader *in)
{
    struct syslog_text word = take_word(in);

    if (word.len == 1 && word.text[0] == '-') {
        word.len = 0;
    }
    return word;
}

/* The end of the elements that begin at in: behind the last "]". */
static bool skip_data(struct reader *in)
{
    while (take(in, '[')) {
        bool quoted = false;

        for (; left(in) > 0 && (quoted || *in->at != ']'); in->at++) {
            if (*in->at == '"') {
                quoted = !quoted;
            } else if (quoted && *in->at == '\\' && left(in) > 1) {
                in->at++;
            }
        }
        if (!take(in, ']')) {
            return false;
        }
    }
    return left(in) == 0 || *in->at == ' ';
}

static void take_data(struct reader *in, struct syslog_message *message)
{
    struct reader at = *in;

    if (take(&at, '-') && (left(&at) == 0 || *at.at == ' ')) {
        *in = at;
    } else {
        at = *in;
        if (left(&at) > 0 && *at.at == '[' && skip_data(&at)) {
            message->data =
                (struct syslog_text){in->at, (size_t)(at.at - in->at)};
            *in = at;
        }
    }
    (void)take(in, ' ');
}

/* "1 TIME HOST APP PROCID MSGID DATA TEXT" */
static bool parse_5424(struct reader *in, struct syslog_message *message)
{
    struct reader at = *in;
    struct reader nil;

    if (!take(&at, '1') || !take(&at, ' ')) {
        return false;
    }
    nil = at;
    if (take(&nil, '-') && take(&nil, ' ')) {
        at = nil;
    } else if (!take_time(&at, &message->time)) {
        return false;
    }
    message->host = take_field(&at);
    message->app = take_field(&at);
    message->procid = take_field(&at);
    message->msgid = take_field(&at);
    take_data(&at, message);
    *in = at;
    return true;
}

/* "NAME:", "NAME[PID]:", "NAME[PID]" before the text. */
static bool take_tag(struct reader *in, struct syslog_message *message)
{
    struct reader at = *in;
    struct syslog_text tag = {at.at, 0};

    while (left(&at) > 0 && tag.len <= SYSLOG_TAG_MAX && *at.at != ' ' &&
           *at.at != ':' && *at.at != '[') {
        at.at++;
        tag.len++;
    }
    if (tag.len == 0 || tag.len > SYSLOG_TAG_MAX || left(&at) == 0 ||
        *at.at == ' ') {
        return false;
    }
    if (take(&at, '[')) {
        const char *end = memchr(at.at, ']', left(&at));

        if (end == NULL || end - at.at > SYSLOG_TAG_MAX) {
            return false;
        }
        message->procid = (struct syslog_text){at.at, (size_t)(end - at.at)};
        at.at = end + 1;
    }
    (void)take(&at, ':');
    (void)take(&at, ' ');
    message->app = tag;
    *in = at;
    return true;
}

/* A name, not the tag, which a colon or a bracket ends. */
static bool take_host(struct reader *in, struct syslog_message *message)
{
    struct reader at = *in;
    struct syslog_text word = take_word(&at);

    if (word.len == 0 || memchr(word.text, '[', word.len) != NULL ||
        word.text[word.len - 1] == ':') {
        return false;
    }
    message->host = word;
    *in = at;
    return true;
}

/* "TIME HOST TAG: TEXT", of which all may be missing but the text. */
static void parse_3164(struct reader *in, struct syslog_message *message)
{
    if (take_time(in, &message->time)) {
        (void)take_host(in, message);
    }
    (void)take_tag(in, message);
}

/* What ends a message of datagrams and lines is no part of it. */
static void trim(struct reader *in)
{
    while (left(in) > 0 && (in->end[-1] == '\n' || in->end[-1] == '\r' ||
                            in->end[-1] == '\0')) {
        in->end--;
    }
}

void syslog_parse(const char *data, size_t len, struct syslog_message *message)
{
    static const char bom[] = "\xEF\xBB\xBF";
    struct reader in = {data, data + len};
    int pri;

    *message = (struct syslog_message){0};
    trim(&in);
    pri = take_pri(&in);
    message->facility = pri / SEVERITIES;
    message->severity = pri % SEVERITIES;
    if (!parse_5424(&in, message)) {
        message->time = (struct syslog_time){0};
        parse_3164(&in, message);
    }
    if (left(&in) >= 3 && memcmp(in.at, bom, 3) == 0) {
        in.at += 3;
    }
    (void)take(&in, ' '); /* rsyslog keeps the one behind the tag */
    message->text = rest(&in);
}

/* --- structured data --------------------------------------------------------
 */

/* A name ends before any of these. */
static bool take_name(struct reader *in, struct buf *out)
{
    const char *begin = in->at;

    while (left(in) > 0 && strchr("= ]\"", *in->at) == NULL) {
        in->at++;
    }
    (void)text_set(out, begin, (size_t)(in->at - begin));
    return out->len > 0 && !out->overflow;
}

/* Between quotes, where a backslash stands before quote, bracket, itself. */
static bool take_value(struct reader *in, struct buf *raw, struct buf *out)
{
    buf_clear(raw);
    if (!take(in, '"')) {
        return false;
    }
    for (; left(in) > 0 && *in->at != '"'; in->at++) {
        if (*in->at == '\\' && left(in) > 1 &&
            (in->at[1] == '"' || in->at[1] == '\\' || in->at[1] == ']')) {
            in->at++;
        }
        buf_add_char(raw, *in->at);
    }
    (void)text_set(out, buf_str(raw), raw->len);
    return take(in, '"');
}

struct rooms {
    struct buf name;
    struct buf raw;
    struct buf value;
};

static bool add_element(struct reader *in, struct rooms *rooms,
                        struct doc_out *out)
{
    bool good = true;

    if (!take(in, '[') || !take_name(in, &rooms->name)) {
        return false;
    }
    doc_begin_doc(out, buf_str(&rooms->name));
    for (int i = 0; good && i < SYSLOG_PARAMETERS_MAX && take(in, ' '); i++) {
        good = take_name(in, &rooms->name) && take(in, '=') &&
               take_value(in, &rooms->raw, &rooms->value);
        if (good) {
            doc_add_str(out, buf_str(&rooms->name), buf_str(&rooms->value));
        }
    }
    doc_end(out);
    return good && take(in, ']');
}

void syslog_add_data(struct syslog_text data, struct doc_out *out)
{
    struct reader in = {data.text, data.text};
    struct rooms rooms;

    if (data.len == 0) {
        return; /* there may be no text at all to point into */
    }
    in.end += data.len;
    buf_init(&rooms.name, NAME_BYTES);
    buf_init(&rooms.raw, VALUE_BYTES);
    buf_init(&rooms.value, VALUE_BYTES);
    for (int i = 0; i < SYSLOG_ELEMENTS_MAX; i++) {
        if (!add_element(&in, &rooms, out)) {
            break;
        }
    }
    buf_fini(&rooms.name);
    buf_fini(&rooms.raw);
    buf_fini(&rooms.value);
}

const char *syslog_facility_name(int facility)
{
    static const char *const names[] = {
        "kern",   "user",   "mail",   "daemon", "auth",     "syslog",
        "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
        "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
        "local2", "local3", "local4", "local5", "local6",   "local7"};

    return names[facility];
}

const char *syslog_severity_name(int severity)
{
    static const char *const names[] = {"emerg",   "alert",  "crit", "err",
                                        "warning", "notice", "info", "debug"};

    return names[severity];
}
