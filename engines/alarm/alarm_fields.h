/* SPDX-License-Identifier: Apache-2.0 */
/** Members of the alarm engine's rows, for its writer and its reader. */
#ifndef HYP_ENGINES_ALARM_ALARM_FIELDS_H
#define HYP_ENGINES_ALARM_ALARM_FIELDS_H

#include "engines/alarm/alarm_row.h"

/** Members of a row, in the order they are written in. */
enum alarm_field {
    F_ID,
    F_ENTITY_ID,
    F_SOURCE_TYPE,
    F_CONNECTOR,
    F_CONNECTOR_NAME,
    F_COMPONENT,
    F_RESOURCE,
    F_STATE,
    F_STATUS,
    F_OUTPUT,
    F_OPENED_AT,
    F_CHANGED_AT,
    F_LAST_EVENT_AT,
    F_RESOLVED_AT,
    F_EVENTS_COUNT,
    F_STEPS_COUNT,
    F_ACK,
    F_CANCELED,
    F_SNOOZE,
    F_TICKET,
    F_COMMENT,
    F_MAINTENANCE,
    F_TAGS,
    F_SERVICES,
    F_INFOS,
    F_HOME,
    F_RK,
    F_VERSION,
    F_SEEN_T,
    F_SEEN_RX,
    F_TTL,
    F_SILENT,
    F_SILENCE_IS_OK,
    F_CHANGES,
    F_CHANGE_T,
    F_CHANGE_RX,
    F_SOURCE_STATE,
    F_HELD,
    F_HELD_OVER,
    F_MAINTAINED,
    F_CHANGED_RX,
    F_NONOK_RX,
    F_ONSET,
    F_STEP_T,
    F_ACK_STATE,
    F_SNOOZE_STATE,
    F_CANCEL,
    F_COLLAPSED,
    N_FIELDS
};

/** Their names. */
extern const char *const alarm_fields[N_FIELDS];
/** Names of the counts in a counter step: by step type, and by state. */
extern const char *const alarm_collapsed_types[ALARM_STATUSDEC + 1];
extern const char *const alarm_collapsed_states[STATE_CRITICAL + 1];

/** Members of the API's alarm item, into the open document. */
void alarm_item_add(struct doc_out *out, const struct alarm_entity *entity,
                    int64_t resolved_ms);
/** Members author and value of a step. */
void alarm_author_add(struct doc_out *out, const struct alarm_entity *entity,
                      const struct alarm_step *step);
void alarm_value_add(struct doc_out *out, const struct alarm_step *step);

#endif
