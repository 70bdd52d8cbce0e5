/* SPDX-License-Identifier: Apache-2.0 */
/** What the alarm engine holds in memory: entities, their open alarm, marks. */
#include "engines/alarm/alarm_model.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"

enum {
    RING_FIRST = 2,
    N_NAMES = 5
};

/* One piece of memory for the entity and its names: there are many. */
struct alarm_entity *alarm_entity_new(const struct event *event)
{
    const char *names[N_NAMES] = {event->entity_id, event->connector,
                                  event->connector_name, event->component,
                                  event->resource};
    size_t lens[N_NAMES];
    size_t total = 0;
    struct alarm_entity *entity;
    char *text;

    for (size_t i = 0; i < N_NAMES; i++) {
        lens[i] = strlen(names[i]) + 1;
        total += lens[i];
    }
    entity = xmalloc(sizeof *entity + total);
    *entity = (struct alarm_entity){0};
    text = (char *)(entity + 1);
    for (size_t i = 0; i < N_NAMES; i++) {
        memcpy(text, names[i], lens[i]);
        names[i] = text;
        text += lens[i];
    }
    entity->id = names[0];
    entity->connector = names[1];
    entity->connector_name = names[2];
    entity->component = names[3];
    entity->resource = names[4];
    entity->source_type = (uint8_t)event->source_type;
    return entity;
}

void alarm_entity_free(struct alarm_entity *entity)
{
    if (entity != NULL) {
        alarm_free(entity);
        free(entity->changes);
        free(entity->home);
        free(entity);
    }
}

struct alarm *alarm_new(struct alarm_entity *entity)
{
    BUG_IF(entity->alarm != NULL);
    entity->alarm = xcalloc(1, sizeof *entity->alarm);
    entity->alarm->output = xstrdup("");
    return entity->alarm;
}

void alarm_free(struct alarm_entity *entity)
{
    struct alarm *alarm = entity->alarm;

    if (alarm == NULL) {
        return;
    }
    entity->alarm = NULL;
    alarm_mark_drop(&alarm->ack);
    alarm_mark_drop(&alarm->cancel);
    alarm_mark_drop(&alarm->snooze);
    alarm_mark_drop(&alarm->ticket);
    alarm_mark_drop(&alarm->comment);
    free(alarm->output);
    free(alarm->collapsed);
    free(alarm->facts);
    free(alarm);
}

struct alarm_mark *alarm_mark_new(const char *author, const char *message)
{
    struct alarm_mark *mark = xcalloc(1, sizeof *mark);

    mark->author = xstrdup(author == NULL ? "" : author);
    mark->message = xstrdup(message == NULL ? "" : message);
    return mark;
}

void alarm_mark_drop(struct alarm_mark **mark)
{
    if (*mark != NULL) {
        free((*mark)->author);
        free((*mark)->message);
        free((*mark)->number);
        free((*mark)->url);
        free(*mark);
        *mark = NULL;
    }
}

bool alarm_text_set(char **text, const char *to)
{
    if (strcmp(*text, to) == 0) {
        return false;
    }
    free(*text);
    *text = xstrdup(to);
    return true;
}

bool alarm_facts_are(const struct alarm *alarm, struct doc facts)
{
    return alarm->facts_len == facts.len &&
           (facts.len == 0 || memcmp(alarm->facts, facts.data, facts.len) == 0);
}

bool alarm_facts_set(struct alarm *alarm, struct doc facts)
{
    if (alarm_facts_are(alarm, facts)) {
        return false;
    }
    free(alarm->facts);
    alarm->facts = facts.len == 0 ? NULL : xmemdup(facts.data, facts.len);
    alarm->facts_len = facts.len;
    return true;
}

/* Grow the ring to the next size that is enough, in order from its oldest. */
static void grow(struct alarm_entity *entity, size_t most)
{
    size_t n = entity->changes_n;
    size_t room = n == 0 ? RING_FIRST : n * 2;
    int64_t *changes;

    room = room > most ? most : room;
    changes = xrealloc_array(NULL, room, sizeof *changes);
    for (size_t i = 0; i < n; i++) {
        (void)alarm_ring_get(entity, n - i, &changes[i]);
    }
    free(entity->changes);
    entity->changes = changes;
    entity->changes_room = (uint16_t)room;
    entity->changes_next = (uint16_t)n;
}

void alarm_ring_add(struct alarm_entity *entity, int64_t t_ms, size_t most)
{
    BUG_IF(most == 0 || most > UINT16_MAX);
    if (entity->changes_n == entity->changes_room &&
        entity->changes_room < most) {
        grow(entity, most);
    }
    entity->changes_next =
        (uint16_t)(entity->changes_next % entity->changes_room);
    entity->changes[entity->changes_next++] = t_ms;
    if (entity->changes_n < entity->changes_room) {
        entity->changes_n++;
    }
}

bool alarm_ring_get(const struct alarm_entity *entity, size_t nth,
                    int64_t *t_ms)
{
    size_t room = entity->changes_room;

    if (nth == 0 || nth > entity->changes_n) {
        return false;
    }
    *t_ms = entity->changes[(entity->changes_next + room - nth) % room];
    return true;
}

const char *alarm_step_name(enum alarm_step_type type)
{
    static const char *const names[ALARM_N_STEP_TYPES] = {
        [ALARM_STATEINC] = "stateinc",
        [ALARM_STATEDEC] = "statedec",
        [ALARM_STATUSINC] = "statusinc",
        [ALARM_STATUSDEC] = "statusdec",
        [ALARM_ACK] = "ack",
        [ALARM_ACKREMOVE] = "ackremove",
        [ALARM_CANCEL] = "cancel",
        [ALARM_UNCANCEL] = "uncancel",
        [ALARM_COMMENT] = "comment",
        [ALARM_ASSOCTICKET] = "assocticket",
        [ALARM_SNOOZE] = "snooze",
        [ALARM_UNSNOOZE] = "unsnooze",
        [ALARM_CHANGESTATE] = "changestate",
        [ALARM_PBHENTER] = "pbhenter",
        [ALARM_PBHLEAVE] = "pbhleave",
        [ALARM_RESOLVE] = "resolve",
    };

    return names[type];
}
