/* SPDX-License-Identifier: Apache-2.0 */
/** What operators do to an open alarm, and what they are refused. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "engines/alarm/alarm_turn.h"

/* A mark made by this action: it speaks for the state it saw. */
static struct alarm_mark *mark(const struct alarm_turn *turn)
{
    struct alarm_mark *made = alarm_mark_new(turn->author, turn->message);

    made->at_ms = alarm_later(turn->t_ms, turn->entity->alarm->step_ms);
    made->rx_ms = turn->rx_ms;
    made->seen = turn->entity->alarm->state;
    return made;
}

static void put_mark(struct alarm_mark **place, struct alarm_mark *made)
{
    alarm_mark_drop(place);
    *place = made;
}

/* Whether a mark still speaks for the state; a worse one is news. */
static bool speaks(const struct alarm *alarm, const struct alarm_mark *made)
{
    return made != NULL && alarm->state <= made->seen;
}

static void put_ticket(struct alarm_turn *turn, const struct event *event)
{
    struct alarm_mark *made = mark(turn);

    made->number = xstrdup(event->ticket);
    made->url = xstrdup(event->ticket_url);
    put_mark(&turn->entity->alarm->ticket, made);
    alarm_step_add(turn, ALARM_ASSOCTICKET, 0)->text = made->number;
}

static enum err do_ack(struct alarm_turn *turn, const struct event *event,
                       struct errbuf *why)
{
    struct alarm *alarm = turn->entity->alarm;

    if (speaks(alarm, alarm->ack)) {
        errbuf_set(why, "already acknowledged by \"%s\"", alarm->ack->author);
        return ERR_INVALID;
    }
    put_mark(&alarm->ack, mark(turn));
    (void)alarm_step_add(turn, ALARM_ACK, 0);
    if (event->ticket[0] != '\0') {
        put_ticket(turn, event);
    }
    return ERR_OK;
}

static enum err do_ackremove(struct alarm_turn *turn, const struct event *event,
                             struct errbuf *why)
{
    struct alarm *alarm = turn->entity->alarm;

    (void)event;
    if (alarm->ack == NULL) {
        errbuf_set(why, "it is not acknowledged");
        return ERR_INVALID;
    }
    alarm_mark_drop(&alarm->ack);
    (void)alarm_step_add(turn, ALARM_ACKREMOVE, 0);
    return ERR_OK;
}

static enum err do_cancel(struct alarm_turn *turn, const struct event *event,
                          struct errbuf *why)
{
    struct alarm *alarm = turn->entity->alarm;

    (void)event;
    if (speaks(alarm, alarm->cancel)) {
        errbuf_set(why, "already cancelled by \"%s\"", alarm->cancel->author);
        return ERR_INVALID;
    }
    put_mark(&alarm->cancel, mark(turn));
    (void)alarm_step_add(turn, ALARM_CANCEL, 0);
    alarm_status_refresh(turn);
    return ERR_OK;
}

static enum err do_uncancel(struct alarm_turn *turn, const struct event *event,
                            struct errbuf *why)
{
    struct alarm *alarm = turn->entity->alarm;

    (void)event;
    if (alarm->cancel == NULL) {
        errbuf_set(why, "it is not cancelled");
        return ERR_INVALID;
    }
    alarm_mark_drop(&alarm->cancel);
    (void)alarm_step_add(turn, ALARM_UNCANCEL, 0);
    alarm_status_refresh(turn);
    return ERR_OK;
}

static enum err do_comment(struct alarm_turn *turn, const struct event *event,
                           struct errbuf *why)
{
    if (event->output[0] == '\0') {
        errbuf_set_field(why, "output", "a comment needs its text");
        return ERR_INVALID;
    }
    put_mark(&turn->entity->alarm->comment, mark(turn));
    (void)alarm_step_add(turn, ALARM_COMMENT, 0);
    return ERR_OK;
}

static enum err do_assocticket(struct alarm_turn *turn,
                               const struct event *event, struct errbuf *why)
{
    if (event->ticket[0] == '\0') {
        errbuf_set_field(why, "ticket", "the number of the ticket is missing");
        return ERR_INVALID;
    }
    put_ticket(turn, event);
    return ERR_OK;
}

static enum err do_snooze(struct alarm_turn *turn, const struct event *event,
                          struct errbuf *why)
{
    struct alarm_mark *made;
    int64_t duration_ms = event->duration_ms == 0 ? turn->rules->snooze_default
                                                  : event->duration_ms;

    if (duration_ms < 0 || duration_ms > ALARM_DURATION_MAX_MS) {
        errbuf_set_field(why, "duration",
                         "expected seconds, above 0 and at most ten years");
        return ERR_INVALID;
    }
    made = mark(turn);
    made->until_ms = turn->rx_ms + duration_ms;
    put_mark(&turn->entity->alarm->snooze, made);
    (void)alarm_step_add(turn, ALARM_SNOOZE, made->until_ms);
    return ERR_OK;
}

static enum err do_unsnooze(struct alarm_turn *turn, const struct event *event,
                            struct errbuf *why)
{
    struct alarm *alarm = turn->entity->alarm;

    (void)event;
    if (alarm->snooze == NULL) {
        errbuf_set(why, "it is not snoozed");
        return ERR_INVALID;
    }
    alarm_mark_drop(&alarm->snooze);
    (void)alarm_step_add(turn, ALARM_UNSNOOZE, 0);
    return ERR_OK;
}

static enum err do_changestate(struct alarm_turn *turn,
                               const struct event *event, struct errbuf *why)
{
    struct alarm *alarm = turn->entity->alarm;

    if (event->state < STATE_OK || event->state > STATE_CRITICAL) {
        errbuf_set_field(why, "state", "expected 0, 1, 2 or 3");
        return ERR_INVALID;
    }
    if (alarm->state == event->state && alarm->held == event->keep_state) {
        errbuf_set_field(why, "state", "it is %s already",
                         event_state_name(event->state));
        return ERR_INVALID;
    }
    alarm->held = event->keep_state;
    alarm->held_over = alarm->source_state;
    alarm_state_set(turn, event->state, ALARM_CHANGESTATE);
    alarm_status_refresh(turn);
    return ERR_OK;
}

enum err alarm_action_possible(enum event_type type, struct errbuf *why)
{
    if (type == EVENT_DECLARETICKET) {
        errbuf_set(why, "no ticket job is configured: associate the ticket "
                        "by its number (assocticket)");
        return ERR_INVALID;
    }
    if (type == EVENT_DOWNTIME) {
        errbuf_set(why, "no engine keeps maintenance windows here, so a "
                        "downtime would have no effect");
        return ERR_INVALID;
    }
    return ERR_OK;
}

typedef enum err action_fn(struct alarm_turn *turn, const struct event *event,
                           struct errbuf *why);

static action_fn *const actions[EVENT_N_TYPES] = {
    [EVENT_ACK] = do_ack,
    [EVENT_ACKREMOVE] = do_ackremove,
    [EVENT_CANCEL] = do_cancel,
    [EVENT_UNCANCEL] = do_uncancel,
    [EVENT_COMMENT] = do_comment,
    [EVENT_SNOOZE] = do_snooze,
    [EVENT_UNSNOOZE] = do_unsnooze,
    [EVENT_ASSOCTICKET] = do_assocticket,
    [EVENT_CHANGESTATE] = do_changestate,
};

enum err alarm_action(struct alarm_entity *entity,
                      const struct alarm_rules *rules,
                      const struct alarm_input *input,
                      struct alarm_result *result, struct errbuf *why)
{
    const struct event *event = input->event;
    struct alarm_turn turn = {
        .entity = entity,
        .rules = rules,
        .result = result,
        .t_ms = event->timestamp_ms,
        .rx_ms = event->received_ms,
        /* an operator's clock says nothing about the source's */
        .ring_ms =
            alarm_ring_after(entity, event->received_ms - entity->change_rx_ms),
        .author = event->author,
        .message = event->output,
    };

    *result = (struct alarm_result){0};
    BUG_IF(entity->alarm == NULL);
    if (alarm_action_possible(event->type, why) != ERR_OK) {
        return ERR_INVALID;
    }
    if (actions[event->type] == NULL) {
        errbuf_set_field(why, "event_type", "\"%s\" is no action on an alarm",
                         event->type_name);
        return ERR_INVALID;
    }
    return actions[event->type](&turn, event, why);
}
