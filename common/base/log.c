/* SPDX-License-Identifier: Apache-2.0 */
/** Log lines on standard error, each with a stable id. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"

enum {
    LOG_TEXT_MAX = 2048,
    COMPLAIN_FIRST_MS = 1000,
    COMPLAIN_MOST_MS = 300000
};

/* The one piece of global state: where this process logs. */
static struct {
    enum log_level level;
    log_sink_fn *sink;
    void *ctx;
    const char *speaker;
} out = {.level = LOG_INFO, .speaker = ""};

void log_set_level(enum log_level level)
{
    out.level = level;
}

void log_set_speaker(const char *name)
{
    out.speaker = name;
}

void log_set_sink(log_sink_fn *sink, void *ctx)
{
    out.sink = sink;
    out.ctx = ctx;
}

static void write_line(enum log_level level, const char *id, const char *text)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    char when[CLOCK_TEXT_MAX];

    if (out.sink != NULL) {
        out.sink(out.ctx, level, id, text);
        return;
    }
    (void)fprintf(stderr, "%s %-7s %s %s%s%s\n",
                  clock_format(clock_now_ms(), when), names[level], id,
                  out.speaker, *out.speaker != '\0' ? ": " : "", text);
}

__attribute__((format(printf, 3, 0))) static void
log_va(enum log_level level, const char *id, const char *format, va_list args)
{
    char text[LOG_TEXT_MAX];

    if (level < out.level) {
        return;
    }
    (void)vsnprintf(text, sizeof text, format, args);
    /* One line a record: foreign text must not forge another. */
    for (char *p = text; (p = strpbrk(p, "\r\n")) != NULL;) {
        *p = ' ';
    }
    write_line(level, id, text);
}

#define LOG_BODY(level)                                                        \
    va_list args;                                                              \
    va_start(args, format);                                                    \
    log_va(level, id, format, args);                                           \
    va_end(args)

void log_debug(const char *id, const char *format, ...)
{
    LOG_BODY(LOG_DEBUG);
}

void log_info(const char *id, const char *format, ...)
{
    LOG_BODY(LOG_INFO);
}

void log_warning(const char *id, const char *format, ...)
{
    LOG_BODY(LOG_WARNING);
}

void log_error(const char *id, const char *format, ...)
{
    LOG_BODY(LOG_ERROR);
}

void log_complain(struct log_complaint *complaint, const char *id,
                  const char *format, ...)
{
    int64_t now = clock_mono_ms();

    if (complaint->wait_ms > 0 && now < complaint->next_ms) {
        complaint->held++;
        return;
    }
    LOG_BODY(LOG_WARNING);
    if (complaint->held > 0) {
        log_warning(id, "(happened %llu more times since the line before)",
                    (unsigned long long)complaint->held);
    }
    complaint->wait_ms =
        complaint->wait_ms == 0 ? COMPLAIN_FIRST_MS : complaint->wait_ms * 2;
    if (complaint->wait_ms > COMPLAIN_MOST_MS) {
        complaint->wait_ms = COMPLAIN_MOST_MS;
    }
    complaint->next_ms = now + complaint->wait_ms;
    complaint->held = 0;
}

void log_settled(struct log_complaint *complaint, const char *id,
                 const char *format, ...)
{
    if (complaint->wait_ms > 0) {
        LOG_BODY(LOG_INFO);
        *complaint = (struct log_complaint){0};
    }
}
