/* SPDX-License-Identifier: Apache-2.0 */
/** The rules that the suite's events pass, act by act. */
#include "tests/sim/suite_rules.h"

#include <string.h>

#include "common/base/err.h"

enum {
    TOUCHED = 0, /* row that rules_touch rewrites */
    ACTS = 2
};

#define FAILS_OFTEN                                                            \
    "{\"filter\":\"event_type=check\",\"actions\":[{\"type\":\"copy\","        \
    "\"from\":\"infos.site\",\"to\":\"infos.copy\"}]}"

/* Only what no later engine's answer depends on the moment of: a rule that
 * makes a log another host's sends it to another partition of context. */
static const struct {
    const char *name;
    const char *specs[ACTS]; /* NULL: there is no such rule */
} rules[] = {
    {"fails-often", {FAILS_OFTEN, FAILS_OFTEN}},
    {"drop-some",
     {"{\"filter\":{\"event_type\":\"log\",\"output\":{\"$regex\":\"[05]$\"}},"
      "\"actions\":[{\"type\":\"drop\"}]}",
      "{\"filter\":{\"event_type\":\"log\",\"output\":{\"$regex\":\"[37]$\"}},"
      "\"actions\":[{\"type\":\"drop\"}]}"}},
    {"elsewhere",
     {"{\"filter\":\"event_type=log and component=h1\",\"actions\":["
      "{\"type\":\"set\",\"field\":\"component\",\"value\":\"h0\"},"
      "{\"type\":\"set\",\"field\":\"author\",\"value\":\"rules\"}]}",
      "{\"filter\":\"event_type=log and component=h1\",\"actions\":["
      "{\"type\":\"set\",\"field\":\"component\",\"value\":\"h3\"}]}"}},
    {"no-perf",
     {"{\"filter\":\"event_type=perf and resource=cpu\",\"actions\":["
      "{\"type\":\"drop\"}]}",
      NULL}},
    {"tagged",
     {"{\"filter\":\"component=h0 and event_type=check\",\"break\":true,"
      "\"actions\":[{\"type\":\"add_tag\",\"tag\":\"t\"}]}",
      "{\"filter\":\"component=h0 and event_type=check\",\"actions\":["
      "{\"type\":\"remove_tag\",\"tag\":\"a\"}]}"}},
};

static void put(struct world *world, size_t i, const char *text)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc spec;

    BUG_IF(doc_from_json(text, strlen(text), out, &spec, &why) != ERR_OK);
    world_change_object(world, "eventfilter", rules[i].name, spec);
    doc_out_free(out);
}

void rules_set(struct world *world, size_t act)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].specs[act] != NULL) {
            put(world, i, rules[i].specs[act]);
        } else {
            world_change_object(world, "eventfilter", rules[i].name,
                                (struct doc){NULL, 0});
        }
    }
}

void rules_touch(struct world *world)
{
    put(world, TOUCHED, rules[TOUCHED].specs[0]);
}
