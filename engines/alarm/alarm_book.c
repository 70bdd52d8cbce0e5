/* SPDX-License-Identifier: Apache-2.0 */
/** All entities that the engine remembers. */
#include "engines/alarm/alarm_book.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/hash.h"

void alarm_book_clear(struct alarm_book *book)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&book->entities, &at, &slot)) {
        alarm_entity_free(slot.value);
    }
    map_fini(&book->entities);
    map_fini(&book->alarms);
    map_fini(&book->keys);
    alarm_timers_fini(&book->wall);
    alarm_timers_fini(&book->chain);
    *book = (struct alarm_book){0};
}

void alarm_book_add(struct alarm_book *book, struct alarm_entity *entity)
{
    void *old =
        map_put(&book->entities, entity->id, strlen(entity->id), entity);

    BUG_IF(old != NULL);
    (void)map_put(&book->keys, (const char *)&entity->rk_hash,
                  sizeof entity->rk_hash, entity);
    if (entity->alarm != NULL) {
        alarm_book_opened(book, entity);
    }
}

void alarm_book_remove(struct alarm_book *book, struct alarm_entity *entity)
{
    const char *key = (const char *)&entity->rk_hash;

    if (entity->alarm != NULL) {
        alarm_book_close(book, entity);
    }
    alarm_book_settle(book, entity);
    alarm_timers_set(&book->wall, &entity->wall, ALARM_NEVER);
    alarm_timers_set(&book->chain, &entity->chain, ALARM_NEVER);
    if (map_get(&book->keys, key, sizeof entity->rk_hash) == entity) {
        (void)map_remove(&book->keys, key, sizeof entity->rk_hash);
    }
    (void)map_remove(&book->entities, entity->id, strlen(entity->id));
    alarm_entity_free(entity);
}

void alarm_book_opened(struct alarm_book *book, struct alarm_entity *entity)
{
    (void)map_put(&book->alarms, entity->alarm->id, strlen(entity->alarm->id),
                  entity);
}

void alarm_book_close(struct alarm_book *book, struct alarm_entity *entity)
{
    (void)map_remove(&book->alarms, entity->alarm->id,
                     strlen(entity->alarm->id));
    alarm_free(entity);
}

struct alarm_entity *alarm_book_find(const struct alarm_book *book,
                                     const char *entity_id)
{
    return map_get(&book->entities, entity_id, strlen(entity_id));
}

struct alarm_entity *alarm_book_find_alarm(const struct alarm_book *book,
                                           const char *alarm_id)
{
    return map_get(&book->alarms, alarm_id, strlen(alarm_id));
}

struct alarm_entity *alarm_book_find_key(const struct alarm_book *book,
                                         const char *routing_key)
{
    uint64_t hash = alarm_book_key(routing_key);

    return map_get(&book->keys, (const char *)&hash, sizeof hash);
}

uint64_t alarm_book_key(const char *routing_key)
{
    return hash_fixed(routing_key, strlen(routing_key));
}

void alarm_book_arm(struct alarm_book *book, struct alarm_entity *entity,
                    const struct alarm_rules *site)
{
    int64_t snooze = alarm_snooze_due(entity);
    int64_t silence =
        alarm_silence_due(entity, alarm_rules_of(entity, site), 0);

    if (snooze != alarm_timers_due(&book->wall, &entity->wall)) {
        alarm_timers_set(&book->wall, &entity->wall, snooze);
    }
    /* Nearly every check moves it later: that waits until it is due. */
    if (silence < alarm_timers_due(&book->chain, &entity->chain)) {
        alarm_timers_set(&book->chain, &entity->chain, silence);
    }
}

void alarm_book_arm_all(struct alarm_book *book, const struct alarm_rules *site)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&book->entities, &at, &slot)) {
        alarm_book_arm(book, slot.value, site);
    }
}

struct alarm_entity *alarm_book_of_wall(struct alarm_timer *timer)
{
    return (struct alarm_entity *)(void *)((char *)timer -
                                           offsetof(struct alarm_entity, wall));
}

struct alarm_entity *alarm_book_of_chain(struct alarm_timer *timer)
{
    return (
        struct alarm_entity *)(void *)((char *)timer -
                                       offsetof(struct alarm_entity, chain));
}

static void unlink_lag(struct alarm_book *book, struct alarm_entity *entity)
{
    if (entity->lag_prev != NULL) {
        entity->lag_prev->lag_next = entity->lag_next;
    } else {
        book->lag_first = entity->lag_next;
    }
    if (entity->lag_next != NULL) {
        entity->lag_next->lag_prev = entity->lag_prev;
    } else {
        book->lag_last = entity->lag_prev;
    }
    entity->lag_prev = NULL;
    entity->lag_next = NULL;
}

static void push_lag(struct alarm_book *book, struct alarm_entity *entity)
{
    entity->lag_next = book->lag_first;
    if (book->lag_first != NULL) {
        book->lag_first->lag_prev = entity;
    } else {
        book->lag_last = entity;
    }
    book->lag_first = entity;
}

void alarm_book_touch(struct alarm_book *book, struct alarm_entity *entity)
{
    if (entity->touched) {
        return;
    }
    if (entity->lagging) {
        unlink_lag(book, entity);
    }
    push_lag(book, entity);
    entity->touched = true;
    entity->lagging = true;
}

void alarm_book_settle(struct alarm_book *book, struct alarm_entity *entity)
{
    if (entity->lagging) {
        unlink_lag(book, entity);
    }
    entity->touched = false;
    entity->lagging = false;
    entity->output_lags = false;
}

/* Short names: there is one such document per touched entity and batch. */
static void add_delta(struct doc_out *out, struct alarm_entity *entity)
{
    const struct alarm *alarm = entity->alarm;

    doc_begin_doc(out, NULL);
    doc_add_str(out, alarm != NULL ? "a" : "e",
                alarm != NULL ? alarm->id : entity->id);
    doc_add_i64(out, "v", entity->version);
    doc_add_i64(out, "t", entity->seen_t_ms);
    doc_add_i64(out, "r", entity->seen_rx_ms);
    if (entity->ttl_ms != 0) {
        doc_add_i64(out, "l", entity->ttl_ms);
    }
    if (alarm != NULL) {
        doc_add_i64(out, "n", alarm->events_count);
        doc_add_i64(out, "k", alarm->nonok_rx_ms);
        doc_add_i64(out, "s", alarm->source_state);
        if (entity->output_lags) {
            doc_add_str(out, "o", alarm->output);
        }
    }
    doc_end(out);
}

bool alarm_book_delta(struct alarm_book *book, struct doc_out *out)
{
    struct alarm_entity *entity = book->lag_first;

    if (entity == NULL || !entity->touched) {
        return false;
    }
    doc_begin_array(out, "u");
    for (; entity != NULL && entity->touched; entity = entity->lag_next) {
        add_delta(out, entity);
        entity->touched = false;
        entity->output_lags = false;
    }
    doc_end(out);
    return true;
}

static struct alarm_entity *find_delta(const struct alarm_book *book,
                                       struct doc one)
{
    const char *alarm_id = doc_str(one, "a", "");

    return alarm_id[0] != '\0' ? alarm_book_find_alarm(book, alarm_id)
                               : alarm_book_find(book, doc_str(one, "e", ""));
}

/* What is older than the row was folded already: deltas outlive a fold that
 * was cut short. */
static bool apply_one(struct alarm_entity *entity, struct doc one)
{
    struct alarm *alarm = entity->alarm;
    int64_t version = doc_i64(one, "v", 0);

    if (version <= entity->version) {
        return false;
    }
    entity->version = version;
    entity->seen_t_ms = doc_i64(one, "t", 0);
    entity->seen_rx_ms = doc_i64(one, "r", 0);
    entity->ttl_ms = doc_i64(one, "l", 0);
    entity->silent = false;
    if (alarm != NULL) {
        alarm->events_count = doc_i64(one, "n", 0);
        alarm->nonok_rx_ms = doc_i64(one, "k", 0);
        alarm->source_state = (uint8_t)doc_i64(one, "s", 0);
        (void)alarm_text_set(&alarm->output, doc_str(one, "o", alarm->output));
    }
    return true;
}

void alarm_book_apply(struct alarm_book *book, struct doc delta,
                      const struct alarm_rules *site)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc_sub(delta, "u"));
    while (doc_next(&it, &key, &value)) {
        struct alarm_entity *entity = find_delta(book, value.u.doc);

        if (entity != NULL && apply_one(entity, value.u.doc)) {
            alarm_book_touch(book, entity);
            entity->touched = false; /* it is in a delta already */
            alarm_book_arm(book, entity, site);
        }
    }
}
