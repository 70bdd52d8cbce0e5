/* SPDX-License-Identifier: Apache-2.0 */
/** Error codes, and the buffer that tells a person what was refused and why. */
#ifndef HYP_BASE_ERR_H
#define HYP_BASE_ERR_H

#include <stdbool.h>

/** Every fallible function returns one of these; callers act on the kind. */
enum err {
    ERR_OK = 0,
    ERR_NOT_FOUND,   /**< the thing asked for does not exist */
    ERR_INVALID,     /**< the input is wrong; errbuf says what, where, why */
    ERR_UNAVAILABLE, /**< a server or file is away: wait and try again */
    ERR_CONFLICT,    /**< somebody else changed it first */
    ERR_LIMIT,       /**< a configured limit would be passed */
    ERR_UNKNOWN,     /**< a commit whose result is not known: read and see */
    ERR_FENCED       /**< this process lost its epoch and must end */
};

#define MUST_CHECK __attribute__((warn_unused_result))

enum {
    ERRBUF_TEXT_MAX = 512,
    ERRBUF_FIELD_MAX = 128
};

/** What a person is told: a sentence, and the field or key it speaks of. */
struct errbuf {
    char text[ERRBUF_TEXT_MAX];
    char field[ERRBUF_FIELD_MAX];
};

/** Name of an error code in lower case, e.g. "unavailable"; never NULL. */
const char *err_name(enum err err);

/** Write a message (cut at the size); why may be NULL. Clears the field. */
void errbuf_set(struct errbuf *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Like errbuf_set, naming the field the message speaks of. */
void errbuf_set_field(struct errbuf *why, const char *field, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));

/** End the process with a message: a bug of ours, never bad input. */
_Noreturn void bug_abort(const char *file, int line, const char *what);

/** Active in release builds too: a broken invariant must not go on. */
#define BUG_IF(cond)                                                           \
    do {                                                                       \
        if (__builtin_expect(!!(cond), 0)) {                                   \
            bug_abort(__FILE__, __LINE__, #cond);                              \
        }                                                                      \
    } while (0)

#endif
