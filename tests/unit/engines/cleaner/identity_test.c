/* SPDX-License-Identifier: Apache-2.0 */
/** Names that become one, and settings that cannot be meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/cleaner/identity.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    ITEMS = 4,
    ID_ROOM = 512
};

static void make_list(const char *const *items, struct conf_list *list)
{
    *list = (struct conf_list){xcalloc(ITEMS, sizeof(char *)), 0};
    while (list->n < ITEMS && items[list->n] != NULL) {
        list->items[list->n] = xstrdup(items[list->n]);
        list->n++;
    }
}

static void free_list(struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

static const struct apply_row {
    const char *name;
    const char *aliases[ITEMS];
    const char *domains[ITEMS];
    bool lower_case;
    const char *connector, *connector_name, *component; /* as they come */
    const char *want;                                   /* the entity's id */
} applies[] = {
    {"nothing fits",
     {"a:b"},
     {"example.net"},
     true,
     "nagios",
     "one",
     "web1",
     "/resource/nagios/one/web1/r"},
    {"a connector",
     {"nagios3:nagios"},
     {NULL},
     false,
     "nagios3",
     "one",
     "web1",
     "/resource/nagios/one/web1/r"},
    {"a pair",
     {"nagios/one:nagios/both", "nagios/two:nagios/both"},
     {NULL},
     false,
     "nagios",
     "two",
     "web1",
     "/resource/nagios/both/web1/r"},
    {"a pair goes before its connector",
     {"n:m", "n/one:m/first"},
     {NULL},
     false,
     "n",
     "one",
     "web1",
     "/resource/m/first/web1/r"},
    {"another name of that connector",
     {"n/one:m/first"},
     {NULL},
     false,
     "n",
     "two",
     "web1",
     "/resource/n/two/web1/r"},
    {"a pair to a connector",
     {"n/one:m"},
     {NULL},
     false,
     "n",
     "one",
     "web1",
     "/resource/m/one/web1/r"},
    {"lower case",
     {NULL},
     {NULL},
     true,
     "N",
     "One",
     "WEB1.Example.NET",
     "/resource/N/One/web1.example.net/r"},
    {"not of other letters",
     {NULL},
     {NULL},
     true,
     "n",
     "o",
     "WÄB",
     "/resource/n/o/wÄb/r"},
    {"a domain",
     {NULL},
     {"example.net"},
     false,
     "n",
     "o",
     "Web1.example.NET",
     "/resource/n/o/Web1/r"},
    {"only at the end",
     {NULL},
     {"example.net"},
     false,
     "n",
     "o",
     "web1.example.net.org",
     "/resource/n/o/web1.example.net.org/r"},
    {"only behind a dot",
     {NULL},
     {"example.net"},
     false,
     "n",
     "o",
     "web1-example.net",
     "/resource/n/o/web1-example.net/r"},
    {"the domain alone",
     {NULL},
     {"example.net"},
     false,
     "n",
     "o",
     "example.net",
     "/resource/n/o/example.net/r"},
    {"no name before it",
     {NULL},
     {"example.net"},
     false,
     "n",
     "o",
     ".example.net",
     "/resource/n/o/.example.net/r"},
    {"the longest",
     {NULL},
     {"net", "lab.example.net", "example.net"},
     false,
     "n",
     "o",
     "web1.lab.example.net",
     "/resource/n/o/web1/r"},
    {"every domain",
     {NULL},
     {"*"},
     true,
     "n",
     "o",
     "WEB1.a.b",
     "/resource/n/o/web1/r"},
    {"not an address",
     {NULL},
     {"*"},
     true,
     "n",
     "o",
     "192.0.2.1",
     "/resource/n/o/192.0.2.1/r"},
    {"nor one of IPv6",
     {NULL},
     {"*"},
     false,
     "n",
     "o",
     "::ffff:192.0.2.1",
     "/resource/n/o/::ffff:192.0.2.1/r"},
    {"a dot in front",
     {NULL},
     {"*"},
     false,
     "n",
     "o",
     ".web",
     "/resource/n/o/.web/r"},
};

static void init_event(const struct apply_row *row, struct event *event,
                       struct buf *id)
{
    event_init(event, EVENT_CHECK);
    event->source_type = EVENT_SOURCE_RESOURCE;
    event->connector = row->connector;
    event->connector_name = row->connector_name;
    event->component = row->component;
    event->resource = "r";
    event_entity_id(event, id);
    event->entity_id = buf_str(id);
    event->rk = "";
}

/* A second pass finds nothing to do. */
static void check_again(struct identity *identity, const struct event *event)
{
    struct event again = *event;
    char *names = xasprintf("%s|%s|%s", event->connector, event->connector_name,
                            event->component);

    again.component = strrchr(names, '|') + 1;
    assert_false(identity_apply(identity, &again));
    free(names);
}

static void check_apply(void **state)
{
    const struct apply_row *row = *state;
    struct identity_conf conf = {.lower_case = row->lower_case};
    struct identity *identity;
    struct errbuf why = {0};
    struct event event;
    struct buf id;
    char before[ID_ROOM];
    bool changed;

    make_list(row->aliases, &conf.aliases);
    make_list(row->domains, &conf.domains);
    assert_int_equal(identity_new(&conf, &identity, &why), ERR_OK);
    assert_non_null(identity);
    buf_init(&id, ID_ROOM);
    init_event(row, &event, &id);
    (void)snprintf(before, sizeof before, "%s", event.entity_id);
    changed = identity_apply(identity, &event);
    assert_string_equal(event.entity_id, row->want);
    assert_int_equal(changed, strcmp(before, row->want) != 0);
    if (changed) {
        assert_non_null(strstr(event.rk, event.component));
    }
    check_again(identity, &event);
    identity_free(identity);
    buf_fini(&id);
    free_list(&conf.aliases);
    free_list(&conf.domains);
}

static const struct refused_row {
    const char *name;
    const char *aliases[ITEMS];
    const char *domains[ITEMS];
    const char *want; /* in why */
} refuseds[] = {
    {"no colon", {"nagios"}, {NULL}, "identity.aliases: \"nagios\"; expected"},
    {"nothing left", {":nagios"}, {NULL}, "identity.aliases: \":nagios\""},
    {"nothing right", {"nagios:"}, {NULL}, "identity.aliases: \"nagios:\""},
    {"an empty name", {"a/:b"}, {NULL}, "identity.aliases: \"a/:b\""},
    {"three parts", {"a:b/c/d"}, {NULL}, "identity.aliases: \"a:b/c/d\""},
    {"twice", {"a:b", "a:c"}, {NULL}, "identity.aliases: \"a:c\""},
    {"a chain", {"a:b", "b:c"}, {NULL}, "what stands left of none"},
    {"a circle", {"a:a"}, {NULL}, "what stands left of none"},
    {"a chain by the pair",
     {"a:b/x", "b/x:c"},
     {NULL},
     "what stands left of none"},
    {"a dot in front", {NULL}, {".net"}, "identity.domains: \".net\""},
    {"a star inside", {NULL}, {"*.net"}, "identity.domains: \"*.net\""},
};

static void check_refused(void **state)
{
    const struct refused_row *row = *state;
    struct identity_conf conf = {0};
    struct identity *identity;
    struct errbuf why = {0};

    make_list(row->aliases, &conf.aliases);
    make_list(row->domains, &conf.domains);
    assert_int_equal(identity_new(&conf, &identity, &why), ERR_INVALID);
    if (strstr(why.text, row->want) == NULL) {
        fail_msg("%s: %s", row->name, why.text);
    }
    free_list(&conf.aliases);
    free_list(&conf.domains);
}

static void nothing_configured(void **state)
{
    const struct identity_conf conf = {0};
    struct errbuf why = {0};
    struct identity *identity;

    (void)state;
    assert_int_equal(identity_new(&conf, &identity, &why), ERR_OK);
    assert_null(identity);
    identity_free(identity);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(applies, check_apply),
        ROWS(refuseds, check_refused),
        ROW_SINGLE(nothing_configured),
    };

    return rows_run("identity", tables, N_ROWS(tables));
}
