/* SPDX-License-Identifier: Apache-2.0 */
/** Regular expressions, alone and for filters. */
#include "common/filter/regex.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/filter/filter_tree.h"

enum {
    MATCH_LIMIT = 50000, /* steps from one start: some milliseconds */
    DEPTH_LIMIT = 1000,  /* of backtracking */
    HEAP_LIMIT_KIB = 4096,
    JIT_STACK_START = 32 * 1024,
    JIT_STACK_MAX = 512 * 1024,
    PAIRS_MAX = 256 /* groups, named or not */
};

struct regex {
    pcre2_code *code;
    struct regex_room room;
};

void regex_room_init(struct regex_room *room, uint32_t pairs)
{
    room->match = pcre2_match_data_create(pairs, NULL);
    room->limits = pcre2_match_context_create(NULL);
    room->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    BUG_IF(room->match == NULL || room->limits == NULL || room->stack == NULL);
    (void)pcre2_set_match_limit(room->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(room->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(room->limits, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(room->limits, NULL, room->stack);
}

void regex_room_fini(struct regex_room *room)
{
    pcre2_match_data_free(room->match);
    pcre2_match_context_free(room->limits);
    pcre2_jit_stack_free(room->stack);
}

enum err regex_compile(const char *text, size_t len, uint32_t flags,
                       pcre2_code **out, struct errbuf *why)
{
    PCRE2_SIZE at = 0;
    int code = 0;
    char reason[ERRBUF_FIELD_MAX];

    *out = NULL;
    if (len > FILTER_REGEX_MAX) {
        errbuf_set(why, "pattern over %d bytes", FILTER_REGEX_MAX);
        return ERR_LIMIT;
    }
    *out = pcre2_compile((PCRE2_SPTR)text, len,
                         flags | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                         &at, NULL);
    if (*out == NULL) {
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)reason,
                                      sizeof reason);
        errbuf_set(why, "bad pattern, at character %zu: %s", at, reason);
        return ERR_INVALID;
    }
    /* Without JIT (not built in, no memory) the interpreter answers alike. */
    (void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return ERR_OK;
}

static uint32_t number_of(const pcre2_code *code, uint32_t what)
{
    uint32_t n = 0;

    BUG_IF(pcre2_pattern_info(code, what, &n) != 0);
    return n;
}

enum err regex_new(const char *pattern, struct regex **out, struct errbuf *why)
{
    struct regex *regex;
    pcre2_code *code;
    enum err err = regex_compile(pattern, strlen(pattern), 0, &code, why);
    uint32_t pairs;

    *out = NULL;
    if (err != ERR_OK) {
        return err;
    }
    pairs = number_of(code, PCRE2_INFO_CAPTURECOUNT) + 1;
    if (number_of(code, PCRE2_INFO_NAMECOUNT) > REGEX_GROUPS_MAX ||
        pairs > PAIRS_MAX) {
        pcre2_code_free(code);
        errbuf_set(why, "more than %d named groups, or %d in all",
                   REGEX_GROUPS_MAX, PAIRS_MAX - 1);
        return ERR_LIMIT;
    }
    regex = xcalloc(1, sizeof *regex);
    regex->code = code;
    regex_room_init(&regex->room, pairs);
    *out = regex;
    return ERR_OK;
}

void regex_free(struct regex *regex)
{
    if (regex != NULL) {
        pcre2_code_free(regex->code);
        regex_room_fini(&regex->room);
        free(regex);
    }
}

/* Each entry of the table: the number in two bytes, the name with its NUL. */
size_t regex_groups(const struct regex *regex,
                    struct regex_group groups[REGEX_GROUPS_MAX])
{
    size_t n = number_of(regex->code, PCRE2_INFO_NAMECOUNT);
    size_t step = number_of(regex->code, PCRE2_INFO_NAMEENTRYSIZE);
    PCRE2_SPTR at = NULL;

    BUG_IF(pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, (void *)&at) !=
           0);
    for (size_t i = 0; i < n; i++, at += step) {
        groups[i] = (struct regex_group){.name = (const char *)at + 2,
                                         .number = (size_t)at[0] << 8 | at[1]};
    }
    return n;
}

bool regex_match(struct regex *regex, const char *text, size_t len)
{
    return pcre2_match(regex->code, (PCRE2_SPTR)text, len, 0,
                       PCRE2_NO_UTF_CHECK, regex->room.match,
                       regex->room.limits) >= 0;
}

bool regex_get(const struct regex *regex, size_t number, size_t *at,
               size_t *len)
{
    const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(regex->room.match);

    /* \K may set the begin behind the end */
    if (pairs[2 * number] == PCRE2_UNSET ||
        pairs[2 * number] > pairs[2 * number + 1]) {
        return false;
    }
    *at = pairs[2 * number];
    *len = pairs[2 * number + 1] - pairs[2 * number];
    return true;
}
