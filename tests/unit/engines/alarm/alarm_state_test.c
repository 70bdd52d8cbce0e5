/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules of an alarm, a row each: what is said to an entity, and the steps
 * that follow. Words of a script, in order:
 *   @T or @T/R     event time T (and receipt R) in seconds from here on
 *   0 1 2 3        a check of that state; "2s" soft; "0+90" with a ttl of 90 s
 *   win -win       from here on inside (outside) a maintenance window
 *   ack:bob cancel uncancel comment:text ticket:42 snooze:300 ... actions
 *   state:1 state:1!   changestate, held; "!" lets the next check decide
 *   ~T             chain time and wall clock pass to T, timer by timer
 *   gap:T          the last gap between marks ended at T
 * Steps are told as type=value, with "@T" when a timer made them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/alarm/alarm_state.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 65536,
    WORD_MAX = 64,
    MS_PER_S = 1000,
    SECOND = 1000
};

#define EPOCH_MS INT64_C(1700000000000)

struct script {
    struct alarm_entity *entity;
    struct alarm_rules rules;
    struct alarm_result result;
    struct buf out;
    int64_t t_ms;
    int64_t rx_ms;
    int64_t gap_ms;
    int n;
    bool window;
};

static const struct alarm_rules defaults = {
    .flapping_changes = 10,
    .flapping_window = 3600 * SECOND,
    .flapping_end = 5,
    .stealthy_time = 0,
    .resolve_after = 60 * SECOND,
    .cancel_autosolve = 3600 * SECOND,
    .snooze_default = 300 * SECOND,
    .no_events_state = 2,
    .late_after = 0,
    .late_clear = 3600 * SECOND,
    .steps_max = 2000,
    .uncancel_on_worse = true,
    .hard_only = true,
};

static struct event base_event(const struct script *script, char id[WORD_MAX])
{
    (void)snprintf(id, WORD_MAX, "s-%d-0", script->n);
    return (struct event){
        .id = id,
        .rk = "c.n.check.resource.web1.disk",
        .entity_id = "/resource/c/n/web1/disk",
        .connector = "c",
        .connector_name = "n",
        .component = "web1",
        .resource = "disk",
        .type = EVENT_CHECK,
        .type_name = "check",
        .source_type = EVENT_SOURCE_RESOURCE,
        .timestamp_ms = script->t_ms,
        .received_ms = script->rx_ms,
        .hard = true,
        .output = "out",
        .author = "",
        .ticket = "",
        .ticket_url = "",
    };
}

static void tell(struct script *script, bool timer)
{
    for (size_t i = 0; i < script->result.n; i++) {
        const struct alarm_step *step = &script->result.steps[i];

        buf_addf(&script->out, "%s%s", script->out.len > 0 ? " " : "",
                 alarm_step_name(step->type));
        if (step->type <= ALARM_STATUSDEC || step->type == ALARM_CHANGESTATE) {
            buf_addf(&script->out, "=%" PRId64, step->value);
        }
        if (timer) {
            buf_addf(&script->out, "@%g",
                     (double)(step->t_ms - EPOCH_MS) / MS_PER_S);
        }
    }
    if (script->result.late) {
        buf_addf(&script->out, "%slate", script->out.len > 0 ? " " : "");
    }
    if (script->result.resolved) {
        alarm_free(script->entity);
    }
}

static void do_check(struct script *script, const char *word)
{
    char id[WORD_MAX];
    struct event event = base_event(script, id);
    struct alarm_input input = {.event = &event,
                                .maintenance = script->window ? "works" : NULL};

    event.state = word[0] - '0';
    event.hard = word[1] != 's';
    if (strchr(word, '+') != NULL) {
        event.ttl_ms = strtoll(strchr(word, '+') + 1, NULL, 10) * MS_PER_S;
    }
    alarm_check(script->entity, &script->rules, &input, &script->result);
    tell(script, false);
}

static void do_action(struct script *script, const char *word)
{
    static const struct {
        const char *name;
        enum event_type type;
    } names[] = {{"ack", EVENT_ACK},
                 {"ackremove", EVENT_ACKREMOVE},
                 {"cancel", EVENT_CANCEL},
                 {"uncancel", EVENT_UNCANCEL},
                 {"comment", EVENT_COMMENT},
                 {"snooze", EVENT_SNOOZE},
                 {"unsnooze", EVENT_UNSNOOZE},
                 {"ticket", EVENT_ASSOCTICKET},
                 {"acktick", EVENT_ACK},
                 {"state", EVENT_CHANGESTATE},
                 {"declareticket", EVENT_DECLARETICKET},
                 {"downtime", EVENT_DOWNTIME},
                 {"trap", EVENT_TRAP}};
    char id[WORD_MAX];
    struct event event = base_event(script, id);
    struct alarm_input input = {.event = &event};
    struct errbuf why = {{0}, {0}};
    size_t len = strcspn(word, ":");
    const char *arg = word[len] == ':' ? word + len + 1 : "";
    size_t i = 0;

    while (strlen(names[i].name) != len ||
           strncmp(names[i].name, word, len) != 0) {
        i++;
        assert_true(i < sizeof names / sizeof names[0]);
    }
    event.type = names[i].type;
    event.type_name = event_type_name(event.type);
    event.author = "bob";
    event.output = event.type == EVENT_COMMENT ? arg : "text";
    event.ticket =
        event.type == EVENT_ASSOCTICKET || strcmp(names[i].name, "acktick") == 0
            ? arg
            : "";
    event.duration_ms =
        event.type == EVENT_SNOOZE ? strtoll(arg, NULL, 10) * MS_PER_S : 0;
    event.state = event.type == EVENT_CHANGESTATE ? arg[0] - '0' : 0;
    event.keep_state = strchr(arg, '!') == NULL;
    if (script->entity->alarm == NULL) {
        buf_addf(&script->out, " none");
    } else if (alarm_action(script->entity, &script->rules, &input,
                            &script->result, &why) != ERR_OK) {
        buf_addf(&script->out, "%srefused(%s)", script->out.len > 0 ? " " : "",
                 why.text);
    } else {
        tell(script, false);
    }
}

static bool next_timer(struct script *script, int64_t upto)
{
    int64_t wall = alarm_snooze_due(script->entity);
    int64_t chain =
        alarm_silence_due(script->entity, &script->rules, script->gap_ms);

    if (wall <= upto && wall <= chain) {
        alarm_snooze_end(script->entity, &script->rules, &script->result);
        tell(script, true);
        return true;
    }
    if (chain > upto) {
        return false;
    }
    if (!alarm_silence(script->entity, &script->rules, script->gap_ms,
                       &script->result)) {
        return false;
    }
    tell(script, true);
    /* what was due is done: else a beat would never end */
    assert_true(alarm_silence_due(script->entity, &script->rules,
                                  script->gap_ms) > chain ||
                script->result.n > 0);
    return true;
}

static int64_t at_ms(const char *text, char **end)
{
    return EPOCH_MS + (int64_t)(strtod(text, end) * MS_PER_S);
}

static void do_word(struct script *script, const char *word)
{
    char *end;

    script->n++;
    if (word[0] == '@') {
        script->t_ms = at_ms(word + 1, &end);
        script->rx_ms = *end == '/' ? at_ms(end + 1, &end) : script->t_ms;
    } else if (word[0] >= '0' && word[0] <= '3') {
        do_check(script, word);
    } else if (word[0] == '~') {
        while (next_timer(script, at_ms(word + 1, &end))) {
        }
    } else if (strncmp(word, "gap:", strlen("gap:")) == 0) {
        script->gap_ms = at_ms(word + strlen("gap:"), &end);
    } else if (strcmp(word, "win") == 0 || strcmp(word, "-win") == 0) {
        script->window = word[0] == 'w';
    } else {
        do_action(script, word);
    }
}

static void script_begin(struct script *script)
{
    char id[WORD_MAX];
    struct event event;

    *script = (struct script){.rules = defaults};
    script->t_ms = EPOCH_MS;
    script->rx_ms = EPOCH_MS;
    event = base_event(script, id);
    script->entity = alarm_entity_new(&event);
    buf_init(&script->out, TEXT_MAX);
}

static void script_run(struct script *script, const char *text)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    char *word;

    while ((word = strsep(&rest, " ")) != NULL) {
        if (*word != '\0') {
            do_word(script, word);
        }
    }
    free(copy);
}

static void script_end(struct script *script)
{
    alarm_entity_free(script->entity);
    buf_fini(&script->out);
}

struct rule_case {
    const char *name;
    const char *text;
    const char *want;
    struct alarm_rules other; /* what is not 0 replaces the default */
    bool off;                 /* uncancel_on_worse and hard_only */
};

#define OPEN(state) "stateinc=" #state " statusinc=1"

/* Ten changes, a minute apart: 2 and 0 in turn; the last is an OK at 540. */
#define TEN "@0 2 @60 0 @120 2 @180 0 @240 2 @300 0 @360 2 @420 0 @480 2 @540 0"
#define NINE_STEPS                                                             \
    OPEN(2)                                                                    \
    " statedec=0 statusdec=0 " OPEN(2) " statedec=0 statusdec=0 " OPEN(        \
        2) " statedec=0 statusdec=0 " OPEN(2) " statedec=0 statusdec=0 " OPEN(2)

static const struct rule_case checks[] = {
    {.name = "state 0, no alarm: nothing", .text = "0 0 0", .want = ""},
    {.name = "non-zero: open (steps stateinc, statusinc)",
     .text = "2",
     .want = OPEN(2)},
    {.name = "minor opens", .text = "1", .want = OPEN(1)},
    {.name = "a step only when state or status changes",
     .text = "2 2 2",
     .want = OPEN(2)},
    {.name = "worse: a step", .text = "1 3", .want = OPEN(1) " stateinc=3"},
    {.name = "better: a step", .text = "3 1", .want = OPEN(3) " statedec=1"},
    {.name = "OK ends the problem",
     .text = "2 0",
     .want = OPEN(2) " statedec=0 statusdec=0"},
    {.name = "2, 0, 2 within a second ends open",
     .text = "@0 2 0 2 ~3600",
     .want = OPEN(2) " statedec=0 statusdec=0 " OPEN(2)},
    {.name = "a soft problem opens nothing while hard_only",
     .text = "2s",
     .want = ""},
    {.name = "a soft problem worsens nothing while hard_only",
     .text = "1 3s 2s",
     .want = OPEN(1)},
    {.name = "a soft problem does not reopen a state that is OK",
     .text = "@0 2 @10 0 @20 2s ~3600",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@70"},
    {.name = "a soft check may better",
     .text = "3 1s",
     .want = OPEN(3) " statedec=1"},
    {.name = "a soft OK always counts",
     .text = "3 0s",
     .want = OPEN(3) " statedec=0 statusdec=0"},
    {.name = "without hard_only a soft problem opens",
     .text = "2s 3s",
     .want = OPEN(2) " stateinc=3",
     .off = true},
};

static const struct rule_case resolves[] = {
    {.name = "not before resolve_after",
     .text = "@0 2 @10 0 ~69.999",
     .want = OPEN(2) " statedec=0 statusdec=0"},
    {.name = "resolved resolve_after after the last change",
     .text = "@0 2 @10 0 ~70",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@70"},
    {.name = "further OK checks do not restart the wait",
     .text = "@0 2 @10 0 @40 0 @65 0 ~70",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@70"},
    {.name = "a problem in between does",
     .text = "@0 2 @10 0 @20 1 @30 0 ~89",
     .want = OPEN(2) " statedec=0 statusdec=0 " OPEN(1) " statedec=0 "
                                                        "statusdec=0"},
    {.name = "a problem never resolves by itself",
     .text = "@0 2 ~999999",
     .want = OPEN(2)},
    {.name = "an unexpired snooze holds it",
     .text = "@0 2 snooze:200 @10 0 ~199",
     .want = OPEN(2) " snooze statedec=0 statusdec=0"},
    {.name = "it resolves when the snooze ends",
     .text = "@0 2 snooze:200 @10 0 ~210",
     .want = OPEN(2) " snooze statedec=0 statusdec=0 unsnooze@200 "
                     "resolve@200"},
    {.name = "the wait is on the time of receipt, not of the source",
     .text = "@-5000/0 2 @-4990/10 0 ~69 ~70",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@70"},
    {.name = "after a gap between marks the wait starts anew",
     .text = "@0 2 @10 0 gap:500 ~559 ~560",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@560"},
    {.name = "a gap before the change means nothing",
     .text = "gap:5 @0 2 @10 0 ~70",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@70"},
    {.name = "the next problem is a new alarm",
     .text = "@0 2 @10 0 ~70 @80 1",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@70 " OPEN(1)},
    {.name = "a comment does not restart the wait",
     .text = "@0 2 @10 0 @60 comment:x ~70",
     .want = OPEN(2) " statedec=0 statusdec=0 comment resolve@70"},
};

static const struct rule_case flappings[] = {
    {.name = "nine changes are not flapping",
     .text = "@0 2 @60 0 @120 2 @180 0 @240 2 @300 0 @360 2 @420 0 @480 2",
     .want = NINE_STEPS,
     .other = {.resolve_after = 600 * SECOND}},
    {.name = "ten changes within the window are",
     .text = TEN,
     .want = NINE_STEPS " statedec=0 statusinc=3",
     .other = {.resolve_after = 600 * SECOND}},
    {.name = "ten changes within exactly the window are",
     .text = TEN,
     .want = NINE_STEPS " statedec=0 statusinc=3",
     .other = {.flapping_window = 540 * SECOND}},
    {.name = "ten changes over more than the window are not",
     .text = TEN,
     .want = NINE_STEPS " statedec=0 statusdec=0",
     .other = {.flapping_window = 539 * SECOND}},
    {.name = "flapping goes on with further changes",
     .text = TEN " @600 2 @660 0",
     .want = NINE_STEPS " statedec=0 statusinc=3 stateinc=2 statedec=0",
     .other = {.resolve_after = 600 * SECOND}},
    /* the fifth newest change was at 300: until 300 + 3600 it counts */
    {.name = "ends by a timer when the window holds fewer than flapping_end",
     .text = TEN " ~3900 ~3901",
     .want = NINE_STEPS " statedec=0 statusinc=3 statusdec=0@3900",
     .other = {.resolve_after = 600 * SECOND}},
    {.name = "then resolves after resolve_after",
     .text = TEN " ~9999",
     .want =
         NINE_STEPS " statedec=0 statusinc=3 statusdec=0@3900 resolve@3960"},
    {.name = "ends by a check too",
     .text = TEN " @3901 2",
     .want = NINE_STEPS " statedec=0 statusinc=3 stateinc=2",
     .other = {.resolve_after = 600 * SECOND}},
    {.name = "ends by an OK check too",
     .text = TEN " @3901 0",
     .want = NINE_STEPS " statedec=0 statusinc=3 statusdec=0"},
    {.name = "does not end by a check while the window holds enough",
     .text = TEN " @3900 0",
     .want = NINE_STEPS " statedec=0 statusinc=3"},
    {.name = "the end waits anew after a gap",
     .text = TEN " gap:1000 ~4360 ~4361",
     .want = NINE_STEPS " statedec=0 statusinc=3 statusdec=0@4360"},
    {.name = "a flapping problem ends as ongoing",
     .text = TEN " @600 2 ~9999",
     .want = NINE_STEPS " statedec=0 statusinc=3 stateinc=2 statusdec=1@3960",
     .other = {.resolve_after = 600 * SECOND}},
    /* five minutes apart, resolved in between: 2 at 0, 600, ... */
    {.name = "the ring outlives its alarms",
     .text = "@0 2 @300 0 @600 2 @900 0 @1200 2 @1500 0 @1800 2 @2100 0 "
             "@2400 2 ~2500 @2700 0",
     .want = OPEN(2) " statedec=0 statusdec=0 stateinc=2 statusinc=1 "
                     "statedec=0 statusdec=0 stateinc=2 statusinc=1 "
                     "statedec=0 statusdec=0 stateinc=2 statusinc=1 "
                     "statedec=0 statusdec=0 stateinc=2 statusinc=1 "
                     "statedec=0 statusinc=3"},
    {.name = "the ring outlives its alarms, resolved in between",
     .text = "@0 2 @300 0 ~400 @600 2 @900 0 ~1000 @1200 2 @1500 0 ~1600 "
             "@1800 2 @2100 0 ~2200 @2400 2 @2700 0",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@360 " OPEN(
         2) " statedec=0 "
            "statusdec=0 "
            "resolve@"
            "960 " OPEN(2) " statedec=0 statusdec=0 resolve@1560 " OPEN(
                2) " stated"
                   "ec=0 "
                   "statusd"
                   "ec=0 "
                   "resolve"
                   "@2160"
                   " " OPEN(2) " statedec=0 statusinc=3"},
    {.name = "a burst from a spool is dated by the source: no flapping",
     .text = "@0/90000 2 @1000/90000 0 @2000/90000 2 @3000/90000 0 "
             "@4000/90000 2 @5000/90000 0 @6000/90000 2 @7000/90000 0 "
             "@8000/90000 2 @9000/90000 0",
     .want = NINE_STEPS " statedec=0 statusdec=0"},
    {.name = "a clock that jumps back does not make it flap",
     .text = "@50000/0 2 @1000/1000 0 @900/2000 2 @800/3000 0 @700/4000 2 "
             "@600/5000 0 @500/6000 2 @400/7000 0 @300/8000 2 @200/9000 0",
     .want = NINE_STEPS " statedec=0 statusdec=0"},
    {.name = "an operator's change of state is no change of the source",
     .text = "@0 3 state:1 @1 state:2 @2 state:1 @3 state:2 @4 state:1 "
             "@5 state:2 @6 state:1 @7 state:2 @8 state:1 @9 state:2",
     .want = OPEN(3) " changestate=1 changestate=2 changestate=1 "
                     "changestate=2 changestate=1 changestate=2 "
                     "changestate=1 changestate=2 changestate=1 "
                     "changestate=2"},
    {.name = "other numbers",
     .text = "@0 2 @1 0 @2 2",
     .want = OPEN(2) " statedec=0 statusdec=0 stateinc=2 statusinc=3",
     .other = {.flapping_changes = 3, .flapping_end = 2}},
};

#define QUICK .other = {.stealthy_time = 300 * SECOND}
static const struct rule_case stealthies[] = {
    {.name = "0 is off",
     .text = "@0 2 @1 0",
     .want = OPEN(2) " statedec=0 statusdec=0"},
    {.name = "0 is off, also after a state that an operator set late",
     .text = "@0/0 2 @1/1 0 @2/100 state:2 @3/101 0",
     .want = OPEN(2) " statedec=0 statusdec=0 changestate=2 statusinc=1 "
                     "statedec=0 statusdec=0"},
    {.name = "non-OK then OK within stealthy_time",
     .text = "@0 2 @299 0",
     .want = OPEN(2) " statedec=0 statusinc=2",
     QUICK},
    {.name = "later it is over",
     .text = "@0 2 @300 0",
     .want = OPEN(2) " statedec=0 statusdec=0",
     QUICK},
    {.name = "until it ends, by a timer",
     .text = "@0 2 @100 0 ~299 ~300",
     .want = OPEN(2) " statedec=0 statusinc=2 statusdec=0@300",
     QUICK},
    {.name = "then resolves",
     .text = "@0 2 @100 0 ~360",
     .want = OPEN(2) " statedec=0 statusinc=2 statusdec=0@300 resolve@360",
     QUICK},
    {.name = "a stealthy alarm does not resolve",
     .text = "@0 2 @100 0 ~299",
     .want = OPEN(2) " statedec=0 statusinc=2",
     QUICK},
    {.name = "ends by an OK check too",
     .text = "@0 2 @100 0 @300 0",
     .want = OPEN(2) " statedec=0 statusinc=2 statusdec=0",
     QUICK},
    {.name = "a new problem is ongoing",
     .text = "@0 2 @100 0 @200 1",
     .want = OPEN(2) " statedec=0 statusinc=2 stateinc=1 statusdec=1",
     QUICK},
    {.name = "the time counts from when the state left OK",
     .text = "@0 1 @200 3 @299 0 @300 0",
     .want = OPEN(1) " stateinc=3 statedec=0 statusinc=2 statusdec=0",
     QUICK},
    {.name = "the end waits anew after a gap",
     .text = "@0 2 @100 0 gap:1000 ~1199 ~1200",
     .want = OPEN(2) " statedec=0 statusinc=2 statusdec=0@1200",
     QUICK},
};

static const struct rule_case cancels[] = {
    {.name = "cancel: status 4",
     .text = "2 cancel",
     .want = OPEN(2) " cancel statusinc=4"},
    {.name = "an OK check does not undo a cancel",
     .text = "2 cancel 0 2",
     .want = OPEN(2) " cancel statusinc=4 statedec=0 stateinc=2"},
    {.name = "a worse state reopens it",
     .text = "2 cancel 3",
     .want = OPEN(2) " cancel statusinc=4 stateinc=3 uncancel statusdec=1"},
    {.name = "worse than the state it was cancelled in",
     .text = "2 cancel 1 2",
     .want = OPEN(2) " cancel statusinc=4 statedec=1 "
                     "stateinc=2"},
    {.name = "unless uncancel_on_worse is off",
     .text = "2 cancel 3",
     .want = OPEN(2) " cancel statusinc=4 stateinc=3",
     .off = true},
    {.name = "uncancel",
     .text = "2 cancel uncancel",
     .want = OPEN(2) " cancel statusinc=4 uncancel statusdec=1"},
    {.name = "uncancel of an alarm that became OK",
     .text = "2 cancel 0 uncancel",
     .want = OPEN(2) " cancel statusinc=4 statedec=0 uncancel statusdec=0"},
    {.name = "resolves cancel_autosolve after the cancel when no checks come",
     .text = "@0 2 @10 cancel ~3609 ~3610",
     .want = OPEN(2) " cancel statusinc=4 resolve@3610"},
    {.name = "counts while the state is 0",
     .text = "@0 2 @10 cancel @20 0 @3000 0 ~3609 ~3610",
     .want = OPEN(2) " cancel statusinc=4 statedec=0 resolve@3610"},
    {.name = "counts not while checks say otherwise",
     .text = "@0 2 @10 cancel @3000 2 ~6599 ~6600",
     .want = OPEN(2) " cancel statusinc=4 resolve@6600"},
    {.name = "counts not while even soft checks say otherwise",
     .text = "@0 2 @10 cancel @3000 1s @3001 0 ~6599 ~6600",
     .want = OPEN(2) " cancel statusinc=4 statedec=1 statedec=0 "
                     "resolve@6600"},
    {.name = "a snooze does not hold a cancelled alarm",
     .text = "@0 2 snooze:99999 cancel ~3600",
     .want = OPEN(2) " snooze cancel statusinc=4 resolve@3600"},
    {.name = "a cancelled alarm does not resolve by resolve_after",
     .text = "@0 2 cancel @1 0 ~3599",
     .want = OPEN(2) " cancel statusinc=4 statedec=0"},
    {.name = "the wait starts anew after a gap",
     .text = "@0 2 cancel gap:1000 ~4599 ~4600",
     .want = OPEN(2) " cancel statusinc=4 resolve@4600"},
    {.name = "twice is refused",
     .text = "2 cancel cancel",
     .want = OPEN(2) " cancel statusinc=4 refused(already cancelled by "
                     "\"bob\")"},
    {.name = "again for a worse state is not",
     .text = "2 cancel 3 cancel",
     .want = OPEN(2) " cancel statusinc=4 stateinc=3 cancel",
     .off = true},
    {.name = "uncancel of what is not cancelled is refused",
     .text = "2 uncancel",
     .want = OPEN(2) " refused(it is not cancelled)"},
};

static const struct rule_case actions[] = {
    {.name = "ack", .text = "2 ack", .want = OPEN(2) " ack"},
    {.name = "ack with a ticket",
     .text = "2 acktick:7",
     .want = OPEN(2) " ack assocticket"},
    {.name = "ack twice is refused",
     .text = "2 ack ack",
     .want = OPEN(2) " ack refused(already acknowledged by \"bob\")"},
    {.name = "ack stays through OK and back",
     .text = "2 ack 0 2 ack",
     .want = OPEN(2) " ack statedec=0 statusdec=0 " OPEN(
         2) " refused(already acknowledged by \"bob\")"},
    {.name = "a worse state than the ack saw can be acknowledged",
     .text = "2 ack 3 ack",
     .want = OPEN(2) " ack stateinc=3 ack"},
    {.name = "a better one not",
     .text = "2 ack 1 ack",
     .want = OPEN(2) " ack statedec=1 refused(already acknowledged by "
                     "\"bob\")"},
    {.name = "ackremove",
     .text = "2 ack ackremove ack",
     .want = OPEN(2) " ack ackremove ack"},
    {.name = "ackremove of what is not acknowledged is refused",
     .text = "2 ackremove",
     .want = OPEN(2) " refused(it is not "
                     "acknowledged)"},
    {.name = "comment",
     .text = "2 comment:x comment:y",
     .want = OPEN(2) " comment comment"},
    {.name = "a comment without text is refused",
     .text = "2 comment:",
     .want = OPEN(2) " refused(a comment needs its text)"},
    {.name = "assocticket",
     .text = "2 ticket:42",
     .want = OPEN(2) " assocticket"},
    {.name = "assocticket without a number is refused",
     .text = "2 ticket:",
     .want = OPEN(2) " refused(the number of the ticket is missing)"},
    {.name = "declareticket is refused with the reason",
     .text = "2 declareticket",
     .want = OPEN(2) " refused(no ticket job is configured: associate the "
                     "ticket by its number (assocticket))"},
    {.name = "downtime is refused with the reason",
     .text = "2 downtime",
     .want = OPEN(2) " refused(no engine keeps maintenance windows here, so "
                     "a downtime would have no effect)"},
    {.name = "what is no action is refused",
     .text = "2 trap",
     .want = OPEN(2) " refused(\"trap\" is no action on an alarm)"},
    {.name = "snooze with duration, ends on the wall clock",
     .text = "@0 2 snooze:100 ~99 ~100",
     .want = OPEN(2) " snooze unsnooze@100"},
    {.name = "snooze without duration takes snooze_default",
     .text = "@0 2 snooze ~299 ~300",
     .want = OPEN(2) " snooze unsnooze@300"},
    {.name = "a snooze may be renewed",
     .text = "@0 2 snooze:100 @50 snooze:100 ~149 ~150",
     .want = OPEN(2) " snooze snooze unsnooze@150"},
    {.name = "a snooze of less than nothing is refused",
     .text = "2 snooze:-5",
     .want = OPEN(2) " refused(expected seconds, above 0 and at most ten "
                     "years)"},
    {.name = "the longest snooze",
     .text = "2 snooze:315360000",
     .want = OPEN(2) " snooze"},
    {.name = "a longer one is refused",
     .text = "2 snooze:315360001",
     .want = OPEN(2) " refused(expected seconds, above 0 and at most ten "
                     "years)"},
    {.name = "unsnooze",
     .text = "@0 2 snooze:100 unsnooze ~200",
     .want = OPEN(2) " snooze unsnooze"},
    {.name = "unsnooze of what is not snoozed is refused",
     .text = "2 unsnooze",
     .want = OPEN(2) " refused(it is not snoozed)"},
    {.name = "a gap does not move the end of a snooze",
     .text = "@0 2 snooze:100 gap:99 ~100",
     .want = OPEN(2) " snooze unsnooze@100"},
};

static const struct rule_case states[] = {
    {.name = "changestate",
     .text = "3 state:1",
     .want = OPEN(3) " changestate=1"},
    {.name = "held against the same source state",
     .text = "2 state:1 2 2",
     .want = OPEN(2) " changestate=1"},
    {.name = "held until the next OK",
     .text = "2 state:1 2 0 2",
     .want = OPEN(2) " changestate=1 statedec=0 statusdec=0 " OPEN(2)},
    {.name = "until the source reports worse than both",
     .text = "2 state:1 3",
     .want = OPEN(2) " changestate=1 stateinc=3"},
    {.name = "worse than the set state alone does not do",
     .text = "3 state:1 2",
     .want = OPEN(3) " changestate=1"},
    {.name = "worse than the source's state alone does not do",
     .text = "1 state:3 2",
     .want = OPEN(1) " changestate=3"},
    {.name = "as bad as the set state is not worse",
     .text = "2 state:3 3 2",
     .want = OPEN(2) " changestate=3"},
    {.name = "a better source does not end it",
     .text = "2 state:3 1",
     .want = OPEN(2) " changestate=3"},
    {.name = "the source's state at that moment counts, not a later one",
     .text = "2 state:1 1 2",
     .want = OPEN(2) " changestate=1"},
    {.name = "keep_state false lets the next check decide",
     .text = "2 state:1! 2",
     .want = OPEN(2) " changestate=1 stateinc=2"},
    {.name = "keep_state false is not held against a better one",
     .text = "2 state:3! 1",
     .want = OPEN(2) " changestate=3 statedec=1"},
    {.name = "once released, the source decides",
     .text = "2 state:1 3 2",
     .want = OPEN(2) " changestate=1 stateinc=3 statedec=2"},
    {.name = "the same state may be set, to hold it",
     .text = "2 state:2 1",
     .want = OPEN(2) " changestate=2"},
    {.name = "setting what is held already is refused",
     .text = "2 state:1 state:1",
     .want = OPEN(2) " changestate=1 refused(it is minor already)"},
    {.name = "setting the state it has, without holding, is refused",
     .text = "2 state:2!",
     .want = OPEN(2) " refused(it is major already)"},
    {.name = "a state that does not exist is refused",
     .text = "2 state:4",
     .want = OPEN(2) " refused(expected 0, 1, 2 or 3)"},
    {.name = "set to OK it resolves when the source is silent",
     .text = "@0 2 state:0! ~60",
     .want = OPEN(2) " changestate=0 statusdec=0 resolve@60"},
    {.name = "held OK over a source that goes on: as a cancel",
     .text = "@0 2 state:0 @1000 2 ~4599 ~4600",
     .want = OPEN(2) " changestate=0 statusdec=0 resolve@4600"},
    {.name = "held OK and the source agrees: as any OK",
     .text = "@0 2 state:0 @10 0 ~60",
     .want = OPEN(2) " changestate=0 statusdec=0 resolve@60"},
    {.name = "a soft problem does not end it while hard_only",
     .text = "2 state:1 3s",
     .want = OPEN(2) " changestate=1"},
    {.name = "a state set worse reopens a cancelled alarm",
     .text = "2 cancel state:3",
     .want = OPEN(2) " cancel statusinc=4 changestate=3 uncancel "
                     "statusdec=1"},
};

static const struct rule_case ttls[] = {
    {.name = "no ttl: silence means nothing",
     .text = "@0 0 ~999999",
     .want = ""},
    {.name = "opens with no_events_state and status 5",
     .text = "@0 0+90 ~89 ~90",
     .want = "stateinc=2@90 statusinc=5@90"},
    {.name = "each check starts it anew",
     .text = "@0 0+90 @60 0+90 ~149 ~150",
     .want = "stateinc=2@150 statusinc=5@150"},
    {.name = "a soft check is life too",
     .text = "@0 0+90 @60 2s+90 ~149",
     .want = ""},
    {.name = "the last check's ttl counts",
     .text = "@0 0+90 @60 0 ~999",
     .want = ""},
    {.name = "an open alarm goes to status 5",
     .text = "@0 1+90 ~90",
     .want = OPEN(1) " stateinc=2@90 statusinc=5@90"},
    {.name = "and never gets better by silence",
     .text = "@0 3+90 ~90",
     .want = OPEN(3) " statusinc=5@90"},
    {.name = "life brings it back",
     .text = "@0 0+90 ~90 @100 0+90 ~160",
     .want = "stateinc=2@90 statusinc=5@90 statedec=0 statusdec=0 "
             "resolve@160"},
    {.name = "life with a problem brings it back",
     .text = "@0 0+90 ~90 @100 2+90",
     .want = "stateinc=2@90 statusinc=5@90 statusdec=1"},
    {.name = "it runs out once, not again and again",
     .text = "@0 0+90 ~99999",
     .want = "stateinc=2@90 statusinc=5@90"},
    {.name = "a cancelled one does not come back each hour",
     .text = "@0 0+90 ~90 @100 cancel ~99999",
     .want = "stateinc=2@90 statusinc=5@90 cancel statusdec=4 resolve@3700"},
    {.name = "the wait starts anew after a gap",
     .text = "@0 0+90 gap:1000 ~1089 ~1090",
     .want = "stateinc=2@1090 statusinc=5@1090"},
    {.name = "another no_events_state",
     .text = "@0 0+90 ~90",
     .want = "stateinc=3@90 statusinc=5@90",
     .other = {.no_events_state = 3}},
    {.name = "worse than a held state and its source: no longer held",
     .text = "@0 1+90 state:1 ~90",
     .want = OPEN(1) " changestate=1 stateinc=2@90 statusinc=5@90"},
};

static const struct rule_case orders[] = {
    {.name = "a clock that jumps back still changes the state",
     .text = "@1000/0 2 @5/10 0 ~70",
     .want = OPEN(2) " statedec=0 statusdec=0 resolve@1000"},
    {.name = "late_after off: order of arrival decides",
     .text = "@1000 2 @0/1001 0",
     .want = OPEN(2) " statedec=0 statusdec=0"},
    {.name = "late by more than late_after: state unchanged",
     .text = "@1000 2 @899/1001 0",
     .want = OPEN(2) " late",
     .other = {.late_after = 100 * SECOND}},
    {.name = "late by exactly late_after is in time",
     .text = "@1000 2 @900/1001 0",
     .want = OPEN(2) " statedec=0 statusdec=0",
     .other = {.late_after = 100 * SECOND}},
    {.name = "late after an OK opens nothing",
     .text = "@1000 0 @0/1001 3",
     .want = "late",
     .other = {.late_after = 100 * SECOND}},
    {.name = "a late check does not make the next one look early",
     .text = "@1000 2 @0/1001 0 @950/1002 0",
     .want = OPEN(2) " late statedec=0 statusdec=0",
     .other = {.late_after = 100 * SECOND}},
    {.name = "a late check is life",
     .text = "@1000 0+90 @0/1050 0+90 ~1139",
     .want = "late",
     .other = {.late_after = 100 * SECOND}},
    {.name = "maintenance: the alarm enters a window",
     .text = "2 win 2 2",
     .want = OPEN(2) " pbhenter"},
    {.name = "opened inside one", .text = "win 2", .want = OPEN(2) " pbhenter"},
    {.name = "leaving it is told",
     .text = "win 2 -win 2 2",
     .want = OPEN(2) " pbhenter pbhleave"},
    {.name = "leaving tells what is still broken, after the state",
     .text = "win 2 -win 3",
     .want = OPEN(2) " pbhenter stateinc=3 pbhleave"},
};

static const int64_t *number(const struct alarm_rules *rules, size_t i)
{
    return &((const int64_t *)rules)[i];
}

static struct alarm_rules merged(const struct rule_case *row)
{
    struct alarm_rules rules = defaults;
    size_t n =
        offsetof(struct alarm_rules, uncancel_on_worse) / sizeof(int64_t);

    for (size_t i = 0; i < n; i++) {
        if (*number(&row->other, i) != 0) {
            memcpy((char *)&rules + i * sizeof(int64_t), number(&row->other, i),
                   sizeof(int64_t));
        }
    }
    rules.uncancel_on_worse = !row->off;
    rules.hard_only = !row->off;
    return rules;
}

static void check_rule(void **state)
{
    const struct rule_case *row = *state;
    struct script script;

    script_begin(&script);
    script.rules = merged(row);
    script_run(&script, row->text);
    assert_string_equal(buf_str(&script.out), row->want);
    script_end(&script);
}

/* Fields, where steps do not tell. */

static void an_update_changes_output_and_counters(void **state)
{
    struct script script;

    (void)state;
    script_begin(&script);
    script_run(&script, "@0 2 @10 2 @20 2");
    assert_int_equal(script.entity->alarm->events_count, 3);
    assert_int_equal(script.entity->seen_t_ms, EPOCH_MS + 20 * SECOND);
    assert_int_equal(script.entity->alarm->opened_ms, EPOCH_MS);
    assert_int_equal(script.entity->alarm->changed_ms, EPOCH_MS);
    assert_string_equal(script.entity->alarm->output, "out");
    assert_false(script.result.changed);
    script_end(&script);
}

static void steps_are_never_earlier_than_the_step_before(void **state)
{
    struct script script;

    (void)state;
    script_begin(&script);
    script_run(&script, "@1000/0 2 @5/10 3");
    assert_int_equal(script.result.steps[0].t_ms, EPOCH_MS + 1000 * SECOND);
    assert_int_equal(script.result.steps[0].number, 3);
    script_run(&script, "@6/10 ack");
    assert_int_equal(script.result.steps[0].t_ms, EPOCH_MS + 1000 * SECOND);
    script_run(&script, "@2000/20 0");
    assert_int_equal(script.result.steps[0].t_ms, EPOCH_MS + 2000 * SECOND);
    script_end(&script);
}

static void marks_remember_the_state_they_saw(void **state)
{
    struct script script;
    const struct alarm *alarm;

    (void)state;
    script_begin(&script);
    script_run(&script, "@5 2 ack snooze:60 cancel @6 1");
    alarm = script.entity->alarm;
    assert_int_equal(alarm->ack->seen, 2);
    assert_int_equal(alarm->snooze->seen, 2);
    assert_int_equal(alarm->cancel->seen, 2);
    assert_string_equal(alarm->ack->author, "bob");
    assert_string_equal(alarm->ack->message, "text");
    assert_int_equal(alarm->ack->at_ms, EPOCH_MS + 5 * SECOND);
    assert_int_equal(alarm->snooze->until_ms, EPOCH_MS + 65 * SECOND);
    script_end(&script);
}

static void steps_tell_what_was_before(void **state)
{
    struct script script;

    (void)state;
    script_begin(&script);
    script_run(&script, "1 3 0");
    assert_int_equal(script.result.n, 2);
    assert_int_equal(script.result.steps[0].previous_state, 3);
    assert_int_equal(script.result.steps[0].state, 0);
    assert_int_equal(script.result.steps[0].previous_status, 1);
    assert_int_equal(script.result.steps[1].previous_status, 1);
    assert_int_equal(script.result.steps[1].status, 0);
    assert_int_equal(script.result.steps[1].previous_state, 0);
    script_end(&script);
}

static void the_same_input_gives_the_same_id(void **state)
{
    struct script one;
    struct script two;

    (void)state;
    script_begin(&one);
    script_begin(&two);
    script_run(&one, "@5 2");
    script_run(&two, "@5 2");
    assert_string_equal(one.entity->alarm->id, two.entity->alarm->id);
    assert_int_equal(strlen(one.entity->alarm->id), 29);
    assert_int_equal(one.entity->alarm->id[12], '-');
    assert_int_equal(strtoll(one.entity->alarm->id, NULL, 16),
                     EPOCH_MS + 5 * SECOND);
    script_end(&two);
    script_begin(&two);
    script_run(&two, "@5 win 2");
    assert_string_not_equal(one.entity->alarm->id, two.entity->alarm->id);
    script_end(&two);
    script_end(&one);
}

static void beyond_the_cap_changes_collapse(void **state)
{
    struct script script;
    const struct alarm_collapsed *collapsed;

    (void)state;
    script_begin(&script);
    script.rules.steps_max = 10;
    for (int i = 0; i < 5; i++) {
        script_run(&script, "1 3");
    }
    assert_int_equal(script.entity->alarm->steps_count, 12);
    assert_true(script.result.steps[0].collapsed);
    script_run(&script, "2 ack");
    assert_false(script.result.steps[0].collapsed);
    collapsed = script.entity->alarm->collapsed;
    assert_int_equal(collapsed->number, 11);
    assert_int_equal(collapsed->changes[ALARM_STATEINC], 1);
    assert_int_equal(collapsed->changes[ALARM_STATEDEC], 1);
    assert_int_equal(collapsed->changes[ALARM_STATUSINC], 1);
    assert_int_equal(collapsed->states[3], 1);
    assert_int_equal(collapsed->states[2], 1);
    assert_int_equal(script.entity->alarm->state, 2);
    assert_int_equal(script.entity->alarm->steps_count, 14);
    script_run(&script, "@9999 0");
    assert_int_equal(collapsed->changes[ALARM_STATUSDEC], 1);
    assert_int_equal(collapsed->states[0], 1);
    script_end(&script);
}

static void an_entity_is_forgotten_when_its_ring_is_empty(void **state)
{
    struct script script;
    struct alarm_result result;

    (void)state;
    script_begin(&script);
    assert_int_equal(alarm_silence_due(script.entity, &script.rules, 0), 0);
    script_run(&script, "@0 2 @10 0 ~70");
    assert_null(script.entity->alarm);
    assert_int_equal(alarm_silence_due(script.entity, &script.rules, 0),
                     EPOCH_MS + 3610 * SECOND + 1);
    assert_false(alarm_silence(script.entity, &script.rules, 0, &result));
    script_end(&script);
}

static void silence_can_be_good_news(void **state)
{
    struct script script;

    (void)state;
    script_begin(&script);
    script.entity->silence_is_ok = true;
    script_run(&script, "@0 1+90 @30 1+90 ~119 ~120 ~999");
    assert_string_equal(buf_str(&script.out),
                        OPEN(1) " statedec=0@120 statusdec=0@120 resolve@180");
    script_end(&script);
}

static void a_window_is_named_in_its_step(void **state)
{
    struct script script;

    (void)state;
    script_begin(&script);
    script_run(&script, "2 win 2");
    assert_string_equal(script.result.steps[0].message, "works");
    assert_string_equal(script.result.steps[0].author, "hypervise");
    script_run(&script, "-win 2");
    assert_string_equal(script.result.steps[0].message, "");
    script_end(&script);
}

static void a_soft_check_of_the_same_state_brings_its_output(void **state)
{
    struct script script;
    char id[WORD_MAX];
    struct event event;
    struct alarm_input input = {.event = &event};

    (void)state;
    script_begin(&script);
    script_run(&script, "2");
    event = base_event(&script, id);
    event.hard = false;
    event.state = 3;
    event.output = "worse";
    alarm_check(script.entity, &script.rules, &input, &script.result);
    assert_string_equal(script.entity->alarm->output, "out");
    event.state = 2;
    event.output = "same";
    alarm_check(script.entity, &script.rules, &input, &script.result);
    assert_string_equal(script.entity->alarm->output, "same");
    assert_true(script.entity->output_lags);
    script_end(&script);
}

static void facts_change_the_row_at_once(void **state)
{
    static const uint8_t facts[] = {11, 0, 0, 0, 8, 'a', 0, 1, 0, 0, 0};
    struct script script;
    char id[WORD_MAX];
    struct event event;
    struct alarm_input input = {.event = &event, .facts = {facts, 11}};

    (void)state;
    script_begin(&script);
    script_run(&script, "2");
    event = base_event(&script, id);
    event.state = 2;
    alarm_check(script.entity, &script.rules, &input, &script.result);
    assert_true(script.result.changed);
    alarm_check(script.entity, &script.rules, &input, &script.result);
    assert_false(script.result.changed);
    script_end(&script);
}

/* Whatever comes in whatever order: steps alternate, times grow, timers end. */
static void random_lives(void **state)
{
    static const char *const words[] = {
        "0",         "1",       "2",        "3",         "0",
        "2s",        "3s",      "0+60",     "2+60",      "ack",
        "ackremove", "cancel",  "uncancel", "snooze:50", "unsnooze",
        "state:0",   "state:1", "state:3",  "state:2!",  "comment:x",
        "ticket:1",  "win",     "-win",     "0",         "2"};
    unsigned seed = 4711;

    (void)state;
    for (int life = 0; life < 300; life++) {
        struct script script;
        int64_t now = 0;

        script_begin(&script);
        script.rules.stealthy_time = life % 2 == 0 ? 0 : 120 * SECOND;
        script.rules.steps_max = 50;
        for (int i = 0; i < 200; i++) {
            char word[WORD_MAX];
            int64_t last = script.entity->alarm == NULL
                               ? 0
                               : script.entity->alarm->step_ms;

            now += rand_r(&seed) % 100;
            (void)snprintf(word, sizeof word, "~%" PRId64, now);
            do_word(&script, word);
            (void)snprintf(word, sizeof word, "@%" PRId64 "/%" PRId64,
                           now - rand_r(&seed) % 50, now);
            do_word(&script, word);
            do_word(&script, words[(size_t)rand_r(&seed) %
                                   (sizeof words / sizeof words[0])]);
            if (script.entity->alarm != NULL) {
                const struct alarm *alarm = script.entity->alarm;

                assert_true(alarm->step_ms >= last ||
                            alarm->opened_ms >= last ||
                            alarm->steps_count <= 3);
                assert_true(alarm->status <= ALARM_NO_EVENTS);
                assert_int_equal(alarm->status == ALARM_CANCELLED,
                                 alarm->cancel != NULL);
                assert_false(alarm->state != 0 && alarm->status == ALARM_OFF);
            }
            buf_clear(&script.out);
        }
        script_end(&script);
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(checks, check_rule),
        ROWS(resolves, check_rule),
        ROWS(flappings, check_rule),
        ROWS(stealthies, check_rule),
        ROWS(cancels, check_rule),
        ROWS(actions, check_rule),
        ROWS(states, check_rule),
        ROWS(ttls, check_rule),
        ROWS(orders, check_rule),
        ROW_SINGLE(an_update_changes_output_and_counters),
        ROW_SINGLE(steps_are_never_earlier_than_the_step_before),
        ROW_SINGLE(marks_remember_the_state_they_saw),
        ROW_SINGLE(steps_tell_what_was_before),
        ROW_SINGLE(the_same_input_gives_the_same_id),
        ROW_SINGLE(beyond_the_cap_changes_collapse),
        ROW_SINGLE(an_entity_is_forgotten_when_its_ring_is_empty),
        ROW_SINGLE(silence_can_be_good_news),
        ROW_SINGLE(a_window_is_named_in_its_step),
        ROW_SINGLE(a_soft_check_of_the_same_state_brings_its_output),
        ROW_SINGLE(facts_change_the_row_at_once),
        ROW_SINGLE(random_lives),
    };

    return rows_run("alarm_state", tables, sizeof tables / sizeof tables[0]);
}
