/* SPDX-License-Identifier: Apache-2.0 */
/** What the commands of hyp share: command line, API, output. */
#ifndef HYP_CLI_HYP_H
#define HYP_CLI_HYP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/api.h"
#include "cli/args.h"
#include "cli/place.h"

enum {
    HYP_DONE = 0,
    HYP_REFUSED = 1,
    HYP_USAGE = 2,
    HYP_UNREACHABLE = 3,
    HYP_PARTLY = 4
};

enum hyp_format {
    FORMAT_TABLE,
    FORMAT_WIDE,
    FORMAT_JSON, /**< one object a line */
    FORMAT_YAML,
    FORMAT_CSV,
    FORMAT_NAME /**< ids only, one a line */
};

#define HYP_SUMMARY        "send events, see and act on alarms, look at metrics"
#define HYP_COMMON_OPTIONS "server key-file config-dir profile help"

struct hyp {
    const struct command *command;
    struct args args;
    struct place place;
    struct api api;
    enum hyp_format format;
    bool color;    /**< standard output is a terminal and NO_COLOR is unset */
    bool terminal; /**< standard input and output are one */
    int width;     /**< of the terminal in characters; 0: none */
};

typedef int command_fn(struct hyp *hyp);

struct command {
    const char *group; /**< "alarm", or NULL */
    const char *name;  /**< "list" */
    const char *usage; /**< what stands behind the name */
    const char *summary;
    const char *options;    /**< long names, blank between them */
    int min_args, max_args; /**< max -1: any number */
    command_fn *run;
    const char *help; /**< further paragraphs and examples */
};

/** Ended by a row whose name is NULL. */
extern const struct command commands[];

/** Tell on standard error, "hyp: " in front. */
void hyp_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** The option's value, or NULL. */
const char *hyp_option(const struct hyp *hyp, const char *name);
bool hyp_has(const struct hyp *hyp, const char *name);
/** Ask on the terminal; true with --yes. False (and said) when the answer is
 *  no, or when there is nobody to ask. */
bool hyp_confirm(const struct hyp *hyp, const char *question);

command_fn cmd_bench, cmd_send, cmd_event_list, cmd_event_tail, cmd_alarm_list,
    cmd_alarm_show, cmd_alarm_ack, cmd_alarm_unack, cmd_alarm_cancel,
    cmd_alarm_uncancel, cmd_alarm_snooze, cmd_alarm_unsnooze, cmd_alarm_comment,
    cmd_alarm_ticket, cmd_alarm_state, cmd_entity_list, cmd_entity_show,
    cmd_entity_neighbours, cmd_entity_enable, cmd_entity_disable,
    cmd_entity_delete, cmd_metric_list, cmd_metric_show, cmd_dead_list,
    cmd_dead_show, cmd_dead_count, cmd_dead_replay, cmd_dead_purge, cmd_top,
    cmd_doctor, cmd_filter_check, cmd_template_check, cmd_version,
    cmd_object_list, cmd_object_show, cmd_object_history, cmd_object_restore,
    cmd_object_check, cmd_object_delete, cmd_rules_test, cmd_apply, cmd_export,
    cmd_backup, cmd_restore, cmd_watch, cmd_profile_list, cmd_completion,
    cmd_explain, cmd_entity_import;

#endif
