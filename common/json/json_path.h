/* SPDX-License-Identifier: Apache-2.0 */
/** Where in a JSON text a reader stopped, as a path for people. */
#ifndef HYP_JSON_JSON_PATH_H
#define HYP_JSON_JSON_PATH_H

#include <stddef.h>

/** What a refusal names when it speaks of the text as a whole. */
#define JSON_PATH_WHOLE "body"

enum {
    JSON_PATH_MAX = 127 /* bytes, as the field of a refusal has */
};

/**
 * The path of what stands last in the first len bytes of a text, e.g.
 * "perf_data_array[3].metric": names as they are written, elements from 0; a
 * long one is cut at its end. "body" where nothing of a member was read. An
 * array just opened stands for itself.
 *
 * text  what a JSON reader took without fault so far; other bytes do no harm.
 * out   JSON_PATH_MAX + 1 bytes; returned.
 */
char *json_path_at(const char *text, size_t len, char *out);

#endif
