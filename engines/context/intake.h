/* SPDX-License-Identifier: Apache-2.0 */
/** How many entities each connector made in the hour: a connector that makes
 *  up names must not fill memory and store. */
#ifndef HYP_CONTEXT_INTAKE_H
#define HYP_CONTEXT_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/map.h"

struct intake {
    struct map counts;
    struct buf key;
};

void intake_init(struct intake *intake);
void intake_fini(struct intake *intake);
/** Note an entity made at that time; what is older than the connector's newest
 *  hour no longer counts. */
void intake_note(struct intake *intake, const char *connector,
                 const char *connector_name, int64_t created_ms);
/** Made by the connector in the hour of at_ms, so far. */
int64_t intake_count(struct intake *intake, const char *connector,
                     const char *connector_name, int64_t at_ms);

#endif
