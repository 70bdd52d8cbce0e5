/* SPDX-License-Identifier: Apache-2.0 */
/** Any message of collectd, as text or as JSON: what is taken is a sound
 *  event with values, what is refused has a reason. */
#include <string.h>

#include "engines/collectdgw/collectd_json.h"
#include "engines/collectdgw/putval.h"
#include "tests/fuzz/fuzz.h"

static const char types[] = "cpu value:DERIVE:0:U\n"
                            "percent value:GAUGE:0:100.1\n"
                            "load shortterm:GAUGE:0:5000, midterm:GAUGE:0:5000,"
                            " longterm:GAUGE:0:5000\n"
                            "if_octets rx:DERIVE:0:U, tx:DERIVE:0:U\n"
                            "total value:ABSOLUTE:U:U\n"
                            "hits value:COUNTER:0:U\n";

struct answers {
    const char *text;
    size_t len;
    uint32_t next; /* least index that may come */
    struct doc_out *out;
};

static void on_event(void *ctx, uint32_t index, const struct event *event)
{
    struct answers *answers = ctx;
    struct event again;
    struct errbuf why;

    BUG_IF(index < answers->next);
    answers->next = index + 1;
    BUG_IF(event->type != EVENT_PERF || event->component[0] == '\0');
    BUG_IF(event->rk[0] == '\0' || event->entity_id[0] != '/');
    BUG_IF(doc_count(event->perf) == 0);
    event_to_doc(event, answers->out);
    BUG_IF(!doc_check(doc_out_done(answers->out)));
    BUG_IF(event_from_doc(doc_out_done(answers->out), &again, &why) != ERR_OK);
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct answers *answers = ctx;

    BUG_IF(index < answers->next);
    answers->next = index + 1;
    BUG_IF(why->text[0] == '\0');
    (void)memchr(text, 0, len); /* a sanitizer sees whether all is there */
}

static void run(struct values_maker *maker, struct answers *answers)
{
    static const int64_t received_ms = INT64_C(1700000000500);
    struct values_sink sink = {answers, on_event, on_refused};

    putval_parse(maker, answers->text, answers->len, received_ms, &sink);
    answers->next = 0;
    collectd_json_parse(maker, answers->text, answers->len, received_ms, &sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct typesdb *db = typesdb_new();
    struct values_conf conf = {"collectd", "fuzz", db, 60000};
    struct answers answers = {.text = (const char *)data, .len = size};
    struct values_maker *maker = values_maker_new(&conf);
    struct errbuf why;

    BUG_IF(typesdb_parse(db, types, NULL, &why) != ERR_OK);
    answers.out = doc_out_new();
    run(maker, &answers);
    doc_out_free(answers.out);
    values_maker_free(maker);
    typesdb_free(db);
    return 0;
}
