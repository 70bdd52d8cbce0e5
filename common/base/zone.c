/* SPDX-License-Identifier: Apache-2.0 */
/** Time zones of the machine's tz database. */
#include "common/base/zone.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/zone_rule.h"

enum {
    DAY_S = 86400,
    HEADER_BYTES = 44,
    COUNTS_AT = 20,
    N_COUNTS = 6,
    TIME_BYTES = 8,
    ABBR_AT = 5, /* in a kind */
    KIND_BYTES = 6,
    KINDS_MAX = 256,
    OFFSET_MAX = 26 * 3600
};

struct kind {
    int64_t offset_s;
    uint8_t abbr; /* where it begins in abbrs */
};

struct zone {
    int64_t *times; /* of the changes, ascending */
    uint8_t *to;    /* which kind each changes to */
    size_t n;
    struct kind kinds[KINDS_MAX]; /* the first: before all changes */
    size_t n_kinds;
    char *abbrs; /* each with its NUL */
    size_t n_abbrs;
    bool has_rule;
    struct zone_rule rule; /* behind the last change */
};

/* What a header says of the block behind it. */
struct block {
    size_t n_ut, n_std, n_leap, n_times, n_kinds, n_abbrs;
    size_t len;
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

static int64_t read_i64(const uint8_t *at)
{
    return (int64_t)((uint64_t)read_u32(at) << 32 | read_u32(at + 4));
}

/* False: there is no block of that kind at the place. */
static bool read_header(const uint8_t *data, size_t len, size_t time_bytes,
                        struct block *block)
{
    size_t counts[N_COUNTS];

    if (len < HEADER_BYTES || memcmp(data, "TZif", 4) != 0 || data[4] < '2') {
        return false;
    }
    for (size_t i = 0; i < N_COUNTS; i++) {
        counts[i] = read_u32(data + COUNTS_AT + 4 * i);
        if (counts[i] > ZONE_FILE_MAX) {
            return false;
        }
    }
    *block = (struct block){counts[0], counts[1], counts[2],
                            counts[3], counts[4], counts[N_COUNTS - 1],
                            0};
    block->len = block->n_times * (time_bytes + 1) +
                 block->n_kinds * KIND_BYTES + block->n_abbrs +
                 block->n_leap * (time_bytes + 4) + block->n_std + block->n_ut;
    return block->len <= len - HEADER_BYTES;
}

static bool read_times(struct zone *zone, const uint8_t *at, size_t n)
{
    zone->n = n;
    zone->times = xcalloc(n + 1, sizeof zone->times[0]);
    zone->to = xmemdup(at + 8 * n, n);
    for (size_t i = 0; i < n; i++) {
        zone->times[i] = read_i64(at + 8 * i);
        if (zone->to[i] >= zone->n_kinds ||
            (i > 0 && zone->times[i] <= zone->times[i - 1])) {
            return false;
        }
    }
    return true;
}

static bool read_kinds(struct zone *zone, const uint8_t *at,
                       const struct block *block)
{
    for (size_t i = 0; i < block->n_kinds; i++, at += KIND_BYTES) {
        int32_t offset = (int32_t)read_u32(at);

        if (offset < -OFFSET_MAX || offset > OFFSET_MAX ||
            at[ABBR_AT] >= block->n_abbrs) {
            return false;
        }
        zone->kinds[i] = (struct kind){offset, at[ABBR_AT]};
    }
    zone->abbrs = xmemdup(at, block->n_abbrs);
    return zone->abbrs[block->n_abbrs - 1] == '\0';
}

/* "\n<rule>\n"; an empty one says nothing. */
static bool read_rule(struct zone *zone, const uint8_t *at, size_t len)
{
    char text[128];

    if (len < 2 || at[0] != '\n' || at[len - 1] != '\n' ||
        len - 2 >= sizeof text) {
        return false;
    }
    memcpy(text, at + 1, len - 2);
    text[len - 2] = '\0';
    zone->has_rule = len > 2;
    return len == 2 || zone_rule_parse(text, &zone->rule);
}

/* The first block has times of 32 bits and is passed over. */
static bool read_file(struct zone *zone, const uint8_t *data, size_t len)
{
    struct block block;
    const uint8_t *at;

    if (!read_header(data, len, 4, &block)) {
        return false;
    }
    data += HEADER_BYTES + block.len;
    len -= HEADER_BYTES + block.len;
    if (!read_header(data, len, TIME_BYTES, &block) || block.n_leap > 0 ||
        block.n_kinds == 0 || block.n_kinds > KINDS_MAX || block.n_abbrs == 0) {
        return false;
    }
    at = data + HEADER_BYTES;
    zone->n_kinds = block.n_kinds;
    return read_times(zone, at, block.n_times) &&
           read_kinds(zone, at + (TIME_BYTES + 1) * block.n_times, &block) &&
           read_rule(zone, at + block.len, len - HEADER_BYTES - block.len);
}

enum err zone_from_bytes(const void *data, size_t len, struct zone **out,
                         struct errbuf *why)
{
    struct zone *zone = xcalloc(1, sizeof *zone);

    *out = NULL;
    if (len > ZONE_FILE_MAX || !read_file(zone, data, len)) {
        zone_free(zone);
        errbuf_set(why,
                   "its file is no time zone (TZif, without leap seconds)");
        return ERR_INVALID;
    }
    *out = zone;
    return ERR_OK;
}

/* No way out of the folder, and no file that is no zone by its name. */
static bool name_is_good(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-";
    size_t len = strlen(name);

    return len > 0 && len <= ZONE_NAME_MAX && strspn(name, allowed) == len &&
           name[0] >= 'A' && name[0] <= 'Z';
}

enum err zone_open(const char *name, struct zone **out, struct errbuf *why)
{
    struct errbuf inner = {0};
    enum err err = ERR_NOT_FOUND;
    struct buf file;
    struct buf path;

    *out = NULL;
    if (strcmp(name, "UTC") == 0) {
        return ERR_OK;
    }
    buf_init(&path, ZONE_NAME_MAX + sizeof ZONE_FOLDER "/");
    buf_add_str(&path, ZONE_FOLDER "/");
    buf_add_str(&path, name);
    buf_init(&file, ZONE_FILE_MAX);
    if (name_is_good(name)) {
        err = file_read(buf_str(&path), &file, &inner);
    }
    if (err == ERR_OK) {
        err = zone_from_bytes(buf_str(&file), file.len, out, &inner);
    }
    if (err == ERR_NOT_FOUND) {
        errbuf_set(why,
                   "no time zone of the name \"%.64s\"; expected one such as "
                   "Europe/Paris or UTC",
                   name);
        err = ERR_INVALID;
    } else if (err != ERR_OK) {
        errbuf_set(why, "time zone %s: %.300s", name, inner.text);
    }
    buf_fini(&file);
    buf_fini(&path);
    return err;
}

void zone_free(struct zone *zone)
{
    if (zone != NULL) {
        free(zone->times);
        free(zone->to);
        free(zone->abbrs);
        free(zone);
    }
}

/* The changes up to the moment. */
static size_t count_before(const struct zone *zone, int64_t s)
{
    size_t low = 0;
    size_t high = zone->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->times[middle] <= s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int64_t offset_at(const struct zone *zone, int64_t s, const char **abbr)
{
    const struct kind *kind;
    size_t before;

    if (zone == NULL) {
        *abbr = "UTC";
        return 0;
    }
    before = count_before(zone, s);
    if (before == zone->n && zone->has_rule) {
        return zone_rule_offset_s(&zone->rule, s, abbr);
    }
    kind = &zone->kinds[before > 0 ? zone->to[before - 1] : 0];
    *abbr = zone->abbrs + kind->abbr;
    return kind->offset_s;
}

int64_t zone_offset_s(const struct zone *zone, int64_t ms, const char **abbr)
{
    const char *own;

    return offset_at(zone, zone_floor_div(ms, 1000),
                     abbr != NULL ? abbr : &own);
}

void zone_local(const struct zone *zone, int64_t ms, struct zone_time *out)
{
    int64_t days;

    out->offset_s = zone_offset_s(zone, ms, &out->abbr);
    out->local = zone_floor_div(ms, 1000) + out->offset_s;
    days = zone_floor_div(out->local, DAY_S);
    out->second = (int)zone_floor_mod(out->local, DAY_S);
    out->weekday = (int)zone_floor_mod(days + 3, 7);
    zone_date(days, &out->year, &out->month, &out->day);
}

/* As text. */

#define CONVERSIONS "YmdHMSyejIpaAbBFTRzZs%"

static const char *const weekdays[] = {"Monday",   "Tuesday", "Wednesday",
                                       "Thursday", "Friday",  "Saturday",
                                       "Sunday"};
static const char *const months[] = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

bool zone_format_is_good(const char *format)
{
    for (const char *at = strchr(format, '%'); at != NULL;
         at = strchr(at + 2, '%')) {
        if (at[1] == '\0' || strchr(CONVERSIONS, at[1]) == NULL) {
            return false;
        }
    }
    return true;
}

static void add_offset(struct buf *out, int64_t offset_s)
{
    int64_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;

    buf_addf(out, "%c%02d%02d", offset_s < 0 ? '-' : '+', (int)(minutes / 60),
             (int)(minutes % 60));
}

static void add_date(struct buf *out, const struct zone_time *t)
{
    buf_addf(out, "%" PRId64 "-%02d-%02d", t->year, t->month, t->day);
}

static void add_number(struct buf *out, const struct zone_time *t, char what)
{
    int hour = t->second / 3600;
    int minute = t->second / 60 % 60;

    switch (what) {
    case 'Y':
        buf_addf(out, "%" PRId64, t->year);
        break;
    case 'y':
        buf_addf(out, "%02d", (int)zone_floor_mod(t->year, 100));
        break;
    case 'm':
        buf_addf(out, "%02d", t->month);
        break;
    case 'd':
        buf_addf(out, "%02d", t->day);
        break;
    case 'e':
        buf_addf(out, "%2d", t->day);
        break;
    case 'j':
        buf_addf(out, "%03d",
                 (int)(zone_days(t->year, t->month, t->day) -
                       zone_days(t->year, 1, 1)) +
                     1);
        break;
    case 'H':
        buf_addf(out, "%02d", hour);
        break;
    case 'I':
        buf_addf(out, "%02d", hour % 12 == 0 ? 12 : hour % 12);
        break;
    case 'M':
        buf_addf(out, "%02d", minute);
        break;
    default: /* S */
        buf_addf(out, "%02d", t->second % 60);
        break;
    }
}

static void add_conversion(struct buf *out, const struct zone_time *t,
                           char what)
{
    int hour = t->second / 3600;
    int minute = t->second / 60 % 60;

    switch (what) {
    case 'a':
    case 'A':
        buf_addf(out, what == 'a' ? "%.3s" : "%s", weekdays[t->weekday]);
        break;
    case 'b':
    case 'B':
        buf_addf(out, what == 'b' ? "%.3s" : "%s", months[t->month - 1]);
        break;
    case 'p':
        buf_add_str(out, hour < 12 ? "AM" : "PM");
        break;
    case 'F':
        add_date(out, t);
        break;
    case 'T':
        buf_addf(out, "%02d:%02d:%02d", hour, minute, t->second % 60);
        break;
    case 'R':
        buf_addf(out, "%02d:%02d", hour, minute);
        break;
    case 'z':
        add_offset(out, t->offset_s);
        break;
    case 'Z':
        buf_add_str(out, t->abbr);
        break;
    case 's':
        buf_addf(out, "%" PRId64, t->local - t->offset_s);
        break;
    case '%':
        buf_add_char(out, '%');
        break;
    default:
        add_number(out, t, what);
        break;
    }
}

void zone_format(const struct zone *zone, int64_t ms, const char *format,
                 struct buf *out)
{
    struct zone_time t;

    zone_local(zone, ms, &t);
    for (const char *at = format; *at != '\0'; at++) {
        if (*at == '%') {
            add_conversion(out, &t, *++at);
        } else {
            buf_add_char(out, *at);
        }
    }
}
