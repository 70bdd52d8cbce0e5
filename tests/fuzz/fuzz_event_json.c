/* SPDX-License-Identifier: Apache-2.0 */
/** Any message: each item answered once, in order; what is accepted can be
 *  written, checked, read and written again. */
#include <string.h>

#include "common/event/event_json.h"
#include "tests/fuzz/fuzz.h"

struct answers {
    const char *text;
    size_t len;
    uint32_t n;
    struct doc_out *out;
    struct doc_out *back;
};

static void check_documents(struct answers *answers, const struct event *event)
{
    struct event again;
    struct errbuf why;
    struct doc one;
    struct doc two;

    event_to_doc(event, answers->out);
    one = doc_out_done(answers->out);
    BUG_IF(!doc_check(one));
    BUG_IF(event_from_doc(one, &again, &why) != ERR_OK);
    event_to_doc(&again, answers->back);
    two = doc_out_done(answers->back);
    BUG_IF(one.len != two.len || memcmp(one.data, two.data, one.len) != 0);
}

static void on_event(void *ctx, uint32_t index, const struct event *event)
{
    struct answers *answers = ctx;

    BUG_IF(index != answers->n++);
    BUG_IF(event->connector[0] == '\0' || event->connector_name[0] == '\0');
    BUG_IF(event->state < STATE_OK || event->state > STATE_CRITICAL);
    BUG_IF(event->rk[0] == '\0' || strlen(event->rk) > EVENT_ROUTING_KEY_MAX);
    BUG_IF(event->entity_id[0] != '/');
    check_documents(answers, event);
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct answers *answers = ctx;

    BUG_IF(index != answers->n++);
    BUG_IF(text < answers->text);
    BUG_IF(text + len > answers->text + answers->len);
    BUG_IF(why->text[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_limits limits = event_limits_default;
    struct answers answers = {.text = (const char *)data, .len = size};
    struct event_sink sink = {&answers, on_event, on_refused};
    struct event_parser *parser;

    limits.output_bytes = 60; /* small enough to be passed */
    limits.extra_bytes = 500;
    limits.perf_items = 3;
    limits.events = 10;
    answers.out = doc_out_new();
    answers.back = doc_out_new();
    parser = event_parser_new(&limits);
    (void)event_parse(parser, answers.text, size, INT64_C(1700000000500),
                      &sink);
    event_parser_free(parser);
    doc_out_free(answers.out);
    doc_out_free(answers.back);
    return 0;
}
