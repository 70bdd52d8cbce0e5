/* SPDX-License-Identifier: Apache-2.0 */
/** How checks and silence change an entity's alarm. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "engines/alarm/alarm_turn.h"

enum {
    ID_KEY_MAX = EVENT_ENTITY_ID_MAX + EVENT_ID_MAX,
    MS_PER_S = 1000,
    TEXT_MAX = 160
};

/* Times of an id in 48 bits, so that ids sort by opening until year 10889. */
#define ID_TIME_MASK UINT64_C(0xffffffffffff)

/* Who speaks in steps that silence makes. */
static const char own_author[] = "hypervise";

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

/* The same input run again gives the same id: nothing random in it. */
static void make_id(const struct alarm_entity *entity, const char *cause)
{
    struct alarm *alarm = entity->alarm;
    char key[ID_KEY_MAX + 1];
    int len = snprintf(key, sizeof key, "%s %s", cause, entity->id);
    uint64_t hash =
        hash_fixed(key, (size_t)clamp(len, 0, (int64_t)sizeof key - 1));

    (void)snprintf(
        alarm->id, sizeof alarm->id, "%012llx-%016llx",
        (unsigned long long)((uint64_t)alarm->opened_ms & ID_TIME_MASK),
        (unsigned long long)hash);
}

static void open_alarm(struct alarm_turn *turn, const char *cause)
{
    struct alarm *alarm = alarm_new(turn->entity);

    alarm->opened_ms = turn->t_ms;
    alarm->step_ms = turn->t_ms;
    make_id(turn->entity, cause);
    turn->result->opened = true;
}

/* What the source says. A state that an operator set holds until the next OK,
 * or until it is worse than both that state and what the source said then. */
static void take_state(struct alarm_turn *turn, int state)
{
    struct alarm_entity *entity = turn->entity;
    struct alarm *alarm = entity->alarm;

    alarm->source_state = (uint8_t)state;
    if (alarm->held) {
        if (state != STATE_OK &&
            (state <= alarm->state || state <= alarm->held_over)) {
            return;
        }
        alarm->held = false;
        turn->result->changed = true;
    }
    if (state == alarm->state) {
        return;
    }
    alarm_ring_add(entity, turn->ring_ms,
                   (size_t)turn->rules->flapping_changes);
    entity->change_t_ms = turn->t_ms;
    entity->change_rx_ms = turn->rx_ms;
    alarm_state_set(turn, state,
                    state > alarm->state ? ALARM_STATEINC : ALARM_STATEDEC);
}

static void set_output(struct alarm_entity *entity, const char *output)
{
    if (alarm_text_set(&entity->alarm->output, output)) {
        entity->output_lags = true;
    }
}

static void take_maintenance(struct alarm_turn *turn, const char *window)
{
    struct alarm *alarm = turn->entity->alarm;
    struct alarm_step *step;

    if (alarm->maintained == (window != NULL)) {
        return;
    }
    alarm->maintained = window != NULL;
    step = alarm_step_add(
        turn, alarm->maintained ? ALARM_PBHENTER : ALARM_PBHLEAVE, 0);
    step->author = own_author;
    step->message = window == NULL ? "" : window;
}

/* Whether a check was overtaken: its entity's last one was newer by more than
 * the site takes. Off: order of arrival decides. */
static bool is_late(const struct alarm_entity *entity,
                    const struct alarm_rules *rules, const struct event *event)
{
    return rules->late_after > 0 && entity->seen_rx_ms != 0 &&
           event->timestamp_ms < entity->seen_t_ms - rules->late_after;
}

/* Every check tells that its source is alive, whatever else comes of it. */
static void note_seen(struct alarm_entity *entity, const struct event *event,
                      struct alarm_result *result)
{
    int64_t ttl_ms = clamp(event->ttl_ms, 0, ALARM_DURATION_MAX_MS);

    entity->seen_rx_ms = event->received_ms;
    entity->silent = false;
    entity->version = alarm_later(entity->version + 1, event->received_ms);
    if (!result->late) {
        entity->seen_t_ms = event->timestamp_ms;
        result->changed = entity->ttl_ms != ttl_ms;
        entity->ttl_ms = ttl_ms;
    }
    if (entity->alarm != NULL) {
        entity->alarm->events_count++;
        if (event->state != STATE_OK) {
            entity->alarm->nonok_rx_ms = event->received_ms;
        }
    }
}

/* A soft problem is not sure yet: it opens and worsens nothing. */
static bool is_unsure(const struct alarm_entity *entity,
                      const struct alarm_rules *rules,
                      const struct event *event)
{
    int state = entity->alarm == NULL ? STATE_OK : entity->alarm->state;

    return rules->hard_only && !event->hard && event->state > state;
}

/* In the time of the ring, moments lie apart as the source dated them; where
 * its clock went back, as they were received. */
static int64_t ring_time(const struct alarm_entity *entity,
                         const struct event *event)
{
    int64_t elapsed = event->timestamp_ms - entity->change_t_ms;

    if (entity->changes_n == 0) {
        return event->timestamp_ms;
    }
    return alarm_ring_after(entity, elapsed >= 0 ? elapsed
                                                 : event->received_ms -
                                                       entity->change_rx_ms);
}

static void take_check(struct alarm_turn *turn, const struct alarm_input *input)
{
    const struct event *event = input->event;
    struct alarm_entity *entity = turn->entity;
    bool unsure = is_unsure(entity, turn->rules, event);

    if (entity->alarm == NULL) {
        if (event->state == STATE_OK || unsure) {
            return;
        }
        open_alarm(turn, event->id == NULL ? "" : event->id);
        entity->alarm->events_count = 1;
        entity->alarm->nonok_rx_ms = event->received_ms;
    }
    if (!unsure) {
        set_output(entity, event->output);
        take_state(turn, event->state);
    }
    alarm_status_refresh(turn);
    take_maintenance(turn, input->maintenance);
    if (alarm_facts_set(entity->alarm, input->facts)) {
        turn->result->changed = true;
    }
}

void alarm_check(struct alarm_entity *entity, const struct alarm_rules *rules,
                 const struct alarm_input *input, struct alarm_result *result)
{
    const struct event *event = input->event;
    struct alarm_turn turn = {
        .entity = entity,
        .rules = rules,
        .result = result,
        .t_ms = event->timestamp_ms,
        .rx_ms = event->received_ms,
        .ring_ms = ring_time(entity, event),
        .message = event->output,
    };

    *result = (struct alarm_result){.late = is_late(entity, rules, event)};
    note_seen(entity, event, result);
    if (!result->late) {
        take_check(&turn, input);
    } else if (entity->alarm != NULL) {
        alarm_status_refresh(&turn); /* it may have been silent until now */
    }
}

void alarm_gone(struct alarm_entity *entity, const struct alarm_rules *rules,
                const struct event *event, struct alarm_result *result)
{
    struct alarm_turn turn = {
        .entity = entity,
        .rules = rules,
        .result = result,
        .t_ms = event->timestamp_ms,
        .rx_ms = event->received_ms,
        .author = event->author,
        .message = event->output[0] != '\0'      ? event->output
                   : event->type == EVENT_DELETE ? "the entity was deleted"
                                                 : "the entity was disabled",
    };

    *result = (struct alarm_result){.changed = entity->ttl_ms != 0};
    entity->ttl_ms = 0;
    if (entity->alarm != NULL) {
        (void)alarm_step_add(&turn, ALARM_RESOLVE, 0);
        result->resolved = true;
    }
}

/* What silence concludes, and when. */
enum conclusion {
    NOTHING,
    RESOLVE,
    REFRESH,
    RUN_OUT,
    FORGET
};

struct due {
    int64_t at_ms;
    enum conclusion what;
};

static struct due sooner(struct due a, struct due b)
{
    return b.at_ms < a.at_ms ? b : a;
}

/* When a moment of ring time comes, if the source stays as it is. */
static int64_t ring_due(const struct alarm_entity *entity, int64_t ring_ms,
                        int64_t gap_ms)
{
    int64_t newest = 0;

    (void)alarm_ring_get(entity, 1, &newest);
    return alarm_later(entity->change_rx_ms, gap_ms) +
           alarm_later(ring_ms - newest, 0);
}

static int64_t flapping_due(const struct alarm_entity *entity,
                            const struct alarm_rules *rules, int64_t gap_ms)
{
    int64_t at;

    if (!alarm_ring_get(entity, (size_t)rules->flapping_end, &at)) {
        return alarm_later(entity->change_rx_ms, gap_ms);
    }
    /* a change exactly as old as the window still counts */
    return ring_due(entity, at + rules->flapping_window + 1, gap_ms);
}

/* Both a cancel and an operator's OK over a source that says otherwise close
 * the alarm only once the source stopped saying so: it would come back. */
static int64_t closing_due(const struct alarm *alarm,
                           const struct alarm_rules *rules, int64_t gap_ms)
{
    int64_t from = alarm_later(alarm->changed_rx_ms, gap_ms);

    if (alarm->cancel != NULL) {
        from = alarm_later(alarm->cancel->rx_ms, gap_ms);
        return alarm_later(from, alarm->nonok_rx_ms) + rules->cancel_autosolve;
    }
    if (alarm->state != STATE_OK || alarm->status != ALARM_OFF ||
        alarm->snooze != NULL) {
        return ALARM_NEVER;
    }
    if (alarm->held && alarm->source_state != STATE_OK) {
        return alarm_later(from, alarm->nonok_rx_ms) + rules->cancel_autosolve;
    }
    return from + rules->resolve_after;
}

static struct due alarm_due(const struct alarm_entity *entity,
                            const struct alarm_rules *rules, int64_t gap_ms)
{
    const struct alarm *alarm = entity->alarm;
    struct due due = {closing_due(alarm, rules, gap_ms), RESOLVE};

    if (alarm->status == ALARM_FLAPPING) {
        due = sooner(
            due, (struct due){flapping_due(entity, rules, gap_ms), REFRESH});
    } else if (alarm->status == ALARM_STEALTHY) {
        int64_t end = alarm->onset_ms + rules->stealthy_time;

        due = sooner(due, (struct due){ring_due(entity, end, gap_ms), REFRESH});
    }
    return due;
}

/* Without an alarm: until the ring has run empty, and as long as a late check
 * could still be told from one in time. */
static int64_t forget_due(const struct alarm_entity *entity,
                          const struct alarm_rules *rules, int64_t gap_ms)
{
    int64_t at = 0;

    if (entity->changes_n > 0) {
        at = alarm_later(entity->change_rx_ms, gap_ms) +
             alarm_later(rules->flapping_window, rules->remember) + 1;
    }
    if (rules->late_after > 0) {
        at = alarm_later(at, alarm_later(entity->seen_rx_ms, gap_ms) +
                                 rules->late_clear);
    }
    return at;
}

static struct due next_due(const struct alarm_entity *entity,
                           const struct alarm_rules *rules, int64_t gap_ms)
{
    bool waits = entity->ttl_ms > 0 && !entity->silent;
    struct due due = {ALARM_NEVER, NOTHING};

    if (waits) {
        due.at_ms = alarm_later(entity->seen_rx_ms, gap_ms) + entity->ttl_ms;
        due.what = RUN_OUT;
    }
    if (entity->alarm != NULL) {
        return sooner(due, alarm_due(entity, rules, gap_ms));
    }
    if (!waits) {
        due = (struct due){forget_due(entity, rules, gap_ms), FORGET};
    }
    return due;
}

int64_t alarm_silence_due(const struct alarm_entity *entity,
                          const struct alarm_rules *rules, int64_t gap_ms)
{
    return next_due(entity, rules, gap_ms).at_ms;
}

static void resolve(struct alarm_turn *turn)
{
    turn->message = turn->entity->alarm->cancel == NULL ? "the state is OK"
                                                        : "it was cancelled";
    alarm_step_add(turn, ALARM_RESOLVE, 0);
    turn->result->resolved = true;
}

/* The time to live ran out: the alarm opens, or stops being what it was. It
 * never gets better by that. */
static void run_out(struct alarm_turn *turn)
{
    struct alarm_entity *entity = turn->entity;
    int state = (int)turn->rules->no_events_state;
    char text[TEXT_MAX];

    entity->silent = true;
    if (entity->silence_is_ok) {
        if (entity->alarm != NULL) {
            turn->message = "";
            take_state(turn, STATE_OK);
            alarm_status_refresh(turn);
        }
        return;
    }
    if (entity->alarm == NULL) {
        open_alarm(turn, "ttl");
    } else if (entity->alarm->source_state > state) {
        state = entity->alarm->source_state;
    }
    (void)snprintf(text, sizeof text, "no events for %lld s",
                   (long long)(entity->ttl_ms / MS_PER_S));
    set_output(entity, text);
    turn->message = entity->alarm->output;
    take_state(turn, state);
    alarm_status_refresh(turn);
}

bool alarm_silence(struct alarm_entity *entity, const struct alarm_rules *rules,
                   int64_t gap_ms, struct alarm_result *result)
{
    struct due due = next_due(entity, rules, gap_ms);
    int64_t since = alarm_later(entity->change_rx_ms, gap_ms);
    struct alarm_turn turn = {
        .entity = entity,
        .rules = rules,
        .result = result,
        .t_ms = due.at_ms,
        .rx_ms = due.at_ms,
        .ring_ms = entity->changes_n == 0
                       ? due.at_ms
                       : alarm_ring_after(entity, due.at_ms - since),
        .author = own_author,
        .message = "",
    };

    *result = (struct alarm_result){0};
    switch (due.what) {
    case RESOLVE:
        resolve(&turn);
        break;
    case REFRESH:
        alarm_status_refresh(&turn);
        break;
    case RUN_OUT:
        run_out(&turn);
        break;
    case FORGET:
        return false;
    case NOTHING:
        break;
    }
    return true;
}

int64_t alarm_snooze_due(const struct alarm_entity *entity)
{
    return entity->alarm == NULL || entity->alarm->snooze == NULL
               ? ALARM_NEVER
               : entity->alarm->snooze->until_ms;
}

void alarm_snooze_end(struct alarm_entity *entity,
                      const struct alarm_rules *rules,
                      struct alarm_result *result)
{
    struct alarm_turn turn = {
        .entity = entity,
        .rules = rules,
        .result = result,
        .t_ms = alarm_snooze_due(entity),
        .author = own_author,
        .message = "the snooze ended",
    };

    *result = (struct alarm_result){0};
    alarm_mark_drop(&entity->alarm->snooze);
    (void)alarm_step_add(&turn, ALARM_UNSNOOZE, 0);
}
