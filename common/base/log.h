/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Log lines on standard error, each with a stable id (MODULE-WHAT, listed in
 * docs/log-messages.md). The layer that decides is the layer that logs.
 */
#ifndef HYP_BASE_LOG_H
#define HYP_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARNING,
    LOG_ERROR
};

typedef void log_sink_fn(void *ctx, enum log_level level, const char *id,
                         const char *text);

/** Lowest level that is written; info at start. */
void log_set_level(enum log_level level);
/** Begin each line with who speaks, in a process that several share: borrowed
 *  until the next call; "": nobody. */
void log_set_speaker(const char *name);
/** Send lines to sink instead of standard error; NULL puts it back. */
void log_set_sink(log_sink_fn *sink, void *ctx);

#define LOG_FORMAT __attribute__((format(printf, 2, 3)))
LOG_FORMAT void log_debug(const char *id, const char *format, ...);
LOG_FORMAT void log_info(const char *id, const char *format, ...);
LOG_FORMAT void log_warning(const char *id, const char *format, ...);
LOG_FORMAT void log_error(const char *id, const char *format, ...);

/** A failure that repeats: told at once, then at growing intervals (1 s to
 *  5 min), with how often it happened in between. Zero it at start. */
struct log_complaint {
    int64_t next_ms; /**< clock_mono_ms() of the next line */
    int64_t wait_ms;
    uint64_t held; /**< times not told since the last line */
};

/** Warn, or count when it was told lately. */
__attribute__((format(printf, 3, 4))) void
log_complain(struct log_complaint *complaint, const char *id,
             const char *format, ...);
/** The failure ended: says so (info, same id) if it had been told. */
__attribute__((format(printf, 3, 4))) void
log_settled(struct log_complaint *complaint, const char *id, const char *format,
            ...);

#endif
