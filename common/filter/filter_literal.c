/* SPDX-License-Identifier: Apache-2.0 */
/** Texts that a regular expression cannot match without. */
#include <ctype.h>
#include <string.h>

#include "common/filter/filter_tree.h"

/* A run of characters that stand side by side in every match. */
struct run {
    char text[FILTER_LITERAL_MAX];
    size_t len;
    struct filter_literal *best; /* the longest so far */
};

static void end_run(struct run *run)
{
    if (run->len > run->best->len) {
        memcpy(run->best->text, run->text, run->len);
        run->best->len = run->len;
    }
    run->len = 0;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* A long run is cut in two: each is needed. */
static void add_char(struct run *run, char c)
{
    if (run->len >= FILTER_LITERAL_MAX - 4 && !continues(c)) {
        end_run(run);
    }
    run->text[run->len++] = c;
}

/* The last character may be absent. */
static void end_without_last(struct run *run)
{
    while (run->len > 0 && continues(run->text[run->len - 1])) {
        run->len--;
    }
    run->len -= run->len > 0 ? 1 : 0;
    end_run(run);
}

/* Behind "[...]"; NULL when it has no end. */
static const char *skip_class(const char *at)
{
    at++;
    at += *at == '^' ? 1 : 0;
    at += *at == ']' ? 1 : 0;
    while (*at != '\0' && *at != ']') {
        if (at[0] == '[' && at[1] == ':') {
            at = strstr(at, ":]");
            if (at == NULL) {
                return NULL;
            }
            at++;
        }
        at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return *at == ']' ? at + 1 : NULL;
}

/* Behind "(...)"; NULL when it has no end. */
static const char *skip_group(const char *at)
{
    size_t depth = 0;

    while (at != NULL && *at != '\0') {
        if (*at == '[') {
            at = skip_class(at);
            continue;
        }
        depth += *at == '(' ? 1 : 0;
        depth -= *at == ')' ? 1 : 0;
        if (depth == 0) {
            return at + 1;
        }
        at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return NULL;
}

static const char *skip_count(const char *at)
{
    const char *end = strchr(at, '}');

    return end != NULL ? end + 1 : at + 1;
}

/* Behind an escape; NULL for one of a meaning that is not known here. */
static const char *take_escape(struct run *run, const char *at)
{
    char c = at[1];

    if (c != '\0' && ispunct((unsigned char)c)) {
        add_char(run, c);
    } else if (c != '\0' && strchr("dDwWsSbBhHvVRAzZGnrtfeNX", c) != NULL) {
        end_run(run);
    } else {
        return NULL;
    }
    return at + 2;
}

/* Behind one part of the pattern; NULL: it says nothing that is known here. */
static const char *take_part(struct run *run, const char *at)
{
    switch (*at) {
    case '\\':
        return take_escape(run, at);
    case '(':
        end_run(run);
        return skip_group(at);
    case '[':
        end_run(run);
        return skip_class(at);
    case '{':
        end_without_last(run);
        return skip_count(at);
    case '*':
    case '?':
        end_without_last(run);
        return at + 1;
    case '.':
    case '^':
    case '$':
    case '+':
        end_run(run);
        return at + 1;
    case '|':
    case ')':
        return NULL;
    default:
        add_char(run, *at);
        return at + 1;
    }
}

/* The longest text that stands in every match of a pattern; false: none is
 * known. */
static bool find_literal(const char *pattern, struct filter_literal *literal)
{
    struct run run = {.best = literal};
    const char *at = pattern;

    literal->len = 0;
    if (strstr(pattern, "(?") != NULL || strstr(pattern, "(*") != NULL ||
        strstr(pattern, "\\Q") != NULL) {
        return false;
    }
    while (at != NULL && *at != '\0') {
        at = take_part(&run, at);
    }
    end_run(&run);
    return at != NULL && literal->len > 0;
}

static bool push_literal(const struct node *node,
                         struct filter_literal *literal)
{
    if (node->op != NODE_REGEX || node->path == NULL || node->path[0] == '\0' ||
        strpbrk(node->options, "ix") != NULL) {
        return false;
    }
    literal->field = node->path;
    return find_literal(node->value.u.s.text, literal);
}

size_t filter_literals(const struct filter *filter,
                       struct filter_literal literals[FILTER_PUSH_MAX])
{
    const struct node *root = filter != NULL ? filter->root : NULL;
    size_t n = 0;

    if (root == NULL || root->op != NODE_AND) {
        return root != NULL && push_literal(root, &literals[0]) ? 1 : 0;
    }
    for (size_t i = 0; i < root->n_kids && n < FILTER_PUSH_MAX; i++) {
        n += push_literal(root->kids[i], &literals[n]) ? 1 : 0;
    }
    return n;
}
