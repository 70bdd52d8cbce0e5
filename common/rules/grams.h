/* SPDX-License-Identifier: Apache-2.0 */
/** Which of many texts stand in a text: looked up by three bytes of each, in
 *  one pass whose cost hardly grows with their number. */
#ifndef HYP_RULES_GRAMS_H
#define HYP_RULES_GRAMS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    GRAMS_MIN = 3 /* bytes of a text that can be looked up */
};

struct grams;

struct grams *grams_new(void);
void grams_free(struct grams *grams);
/* Borrows text (GRAMS_MIN bytes at least) and item. */
void grams_add(struct grams *grams, const char *text, size_t len, void *item);
/* Call for each place where one of the texts stands, in any order. */
void grams_find(const struct grams *grams, const char *text, size_t len,
                void (*found)(void *ctx, void *item), void *ctx);

#endif
