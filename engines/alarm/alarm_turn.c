/* SPDX-License-Identifier: Apache-2.0 */
/** Steps, states and statuses: what checks, actions and silence share. */
#include "engines/alarm/alarm_turn.h"

#include "common/base/mem.h"

int64_t alarm_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t alarm_ring_after(const struct alarm_entity *entity, int64_t elapsed_ms)
{
    int64_t newest = 0;

    (void)alarm_ring_get(entity, 1, &newest);
    return newest + alarm_later(elapsed_ms, 0);
}

/* Beyond the cap changes of state and status share one counter step, so that
 * an entity that flaps for months stays bounded and loses no update. */
static bool collapse(struct alarm *alarm, const struct alarm_step *step,
                     int64_t steps_max)
{
    if (step->number <= steps_max || step->type > ALARM_STATUSDEC) {
        return false;
    }
    if (alarm->collapsed == NULL) {
        alarm->collapsed = xcalloc(1, sizeof *alarm->collapsed);
        alarm->collapsed->number = step->number;
    }
    alarm->collapsed->changes[step->type]++;
    if (step->type <= ALARM_STATEDEC) {
        alarm->collapsed->states[step->value]++;
    }
    return true;
}

struct alarm_step *alarm_step_add(struct alarm_turn *turn,
                                  enum alarm_step_type type, int64_t value)
{
    struct alarm *alarm = turn->entity->alarm;
    struct alarm_result *result = turn->result;
    struct alarm_step *step = &result->steps[result->n];

    BUG_IF(result->n == ALARM_STEPS_A_TURN);
    result->n++;
    result->changed = true;
    alarm->step_ms = alarm_later(alarm->step_ms, turn->t_ms);
    *step = (struct alarm_step){
        .type = type,
        .number = ++alarm->steps_count,
        .t_ms = alarm->step_ms,
        .value = value,
        .author = turn->author,
        .message = turn->message,
        .state = alarm->state,
        .status = alarm->status,
        .previous_state = alarm->state,
        .previous_status = alarm->status,
    };
    step->collapsed = collapse(alarm, step, turn->rules->steps_max);
    return step;
}

static void changed(struct alarm_turn *turn)
{
    struct alarm *alarm = turn->entity->alarm;

    alarm->changed_ms = alarm->step_ms;
    alarm->changed_rx_ms = turn->rx_ms;
}

void alarm_state_set(struct alarm_turn *turn, int state,
                     enum alarm_step_type type)
{
    struct alarm *alarm = turn->entity->alarm;
    uint8_t before = alarm->state;

    if (before == STATE_OK && state != STATE_OK) {
        alarm->onset_ms = turn->ring_ms;
    }
    alarm->state = (uint8_t)state;
    alarm_step_add(turn, type, state)->previous_state = before;
    changed(turn);
    if (alarm->cancel != NULL && state > alarm->cancel->seen &&
        turn->rules->uncancel_on_worse) {
        alarm_mark_drop(&alarm->cancel);
        alarm_step_add(turn, ALARM_UNCANCEL, state);
    }
}

/* Flapping begins with as many changes as flapping_changes within the window
 * and ends when fewer than flapping_end are left in it. */
static bool is_flapping(const struct alarm_turn *turn)
{
    const struct alarm_rules *rules = turn->rules;
    bool already = turn->entity->alarm->status == ALARM_FLAPPING;
    int64_t nth = already ? rules->flapping_end : rules->flapping_changes;
    int64_t at;

    return alarm_ring_get(turn->entity, (size_t)nth, &at) &&
           turn->ring_ms - at <= rules->flapping_window;
}

/* A problem that an operator set began when he was heard, which the source's
 * own clock may never reach: it lasted no time. */
static bool is_stealthy(const struct alarm_turn *turn)
{
    const struct alarm *alarm = turn->entity->alarm;
    int64_t lasted = alarm_later(turn->ring_ms - alarm->onset_ms, 0);

    return alarm->source_state == STATE_OK &&
           lasted < turn->rules->stealthy_time;
}

static enum alarm_status status_now(const struct alarm_turn *turn)
{
    const struct alarm *alarm = turn->entity->alarm;

    if (alarm->cancel != NULL) {
        return ALARM_CANCELLED;
    }
    if (turn->entity->silent && !turn->entity->silence_is_ok) {
        return ALARM_NO_EVENTS;
    }
    if (is_flapping(turn)) {
        return ALARM_FLAPPING;
    }
    if (alarm->state != STATE_OK) {
        return ALARM_ONGOING;
    }
    return is_stealthy(turn) ? ALARM_STEALTHY : ALARM_OFF;
}

void alarm_status_refresh(struct alarm_turn *turn)
{
    struct alarm *alarm = turn->entity->alarm;
    enum alarm_status status = status_now(turn);
    uint8_t before = alarm->status;

    if (status == (enum alarm_status)before) {
        return;
    }
    alarm->status = (uint8_t)status;
    alarm_step_add(turn,
                   status > (enum alarm_status)before ? ALARM_STATUSINC
                                                      : ALARM_STATUSDEC,
                   status)
        ->previous_status = before;
    changed(turn);
}
