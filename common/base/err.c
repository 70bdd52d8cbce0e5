/* SPDX-License-Identifier: Apache-2.0 */
/** Error codes, and the buffer that tells a person what was refused and why. */
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *err_name(enum err err)
{
    static const char *const names[] = {
        [ERR_OK] = "ok",
        [ERR_NOT_FOUND] = "not found",
        [ERR_INVALID] = "invalid",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_CONFLICT] = "conflict",
        [ERR_LIMIT] = "limit",
        [ERR_UNKNOWN] = "unknown result",
        [ERR_FENCED] = "fenced",
    };
    BUG_IF((size_t)err >= sizeof names / sizeof names[0]);
    return names[err];
}

__attribute__((format(printf, 2, 0))) static void
set_text(struct errbuf *why, const char *format, va_list args)
{
    /* A cut message is still a message: the result is not checked. */
    (void)vsnprintf(why->text, sizeof why->text, format, args);
}

void errbuf_set(struct errbuf *why, const char *format, ...)
{
    va_list args;

    if (why == NULL) {
        return;
    }
    why->field[0] = '\0';
    va_start(args, format);
    set_text(why, format, args);
    va_end(args);
}

void errbuf_set_field(struct errbuf *why, const char *field, const char *format,
                      ...)
{
    va_list args;

    if (why == NULL) {
        return;
    }
    (void)snprintf(why->field, sizeof why->field, "%s", field);
    va_start(args, format);
    set_text(why, format, args);
    va_end(args);
}

void bug_abort(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "BUG at %s:%d: %s\n", file, line, what);
    abort();
}
