/* SPDX-License-Identifier: Apache-2.0 */
/** One name for what sources call by several. */
#include "engines/cleaner/identity.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/map.h"
#include "common/base/mem.h"

struct alias {
    char *connector; /* "from" as its key, then cut in two */
    char *name;      /* NULL: it keeps its own */
};

struct identity {
    const struct identity_conf *conf;
    struct map aliases; /* "connector" or "connector/name" */
    char **keys;
    size_t n_keys;
    struct buf key;
    char component[EVENT_COMPONENT_MAX + 1];
    struct buf rk;
    struct buf entity_id;
};

static enum err refuse(const char *key, const char *item, const char *expected,
                       struct errbuf *why)
{
    errbuf_set_field(why, key, "identity.%s: \"%.100s\"; expected %s", key,
                     item, expected);
    return ERR_INVALID;
}

/* "a" or "a/b", neither empty. */
static bool is_place(const char *text)
{
    const char *slash = strchr(text, '/');

    return *text != '\0' && *text != '/' &&
           strlen(text) <= EVENT_CONNECTOR_MAX &&
           (slash == NULL ||
            (slash[1] != '\0' && strchr(slash + 1, '/') == NULL));
}

static struct alias *alias_new(const char *to)
{
    struct alias *alias = xcalloc(1, sizeof *alias);
    char *slash;

    alias->connector = xstrdup(to);
    slash = strchr(alias->connector, '/');
    if (slash != NULL) {
        *slash = '\0';
        alias->name = slash + 1;
    }
    return alias;
}

static void alias_free(struct alias *alias)
{
    if (alias != NULL) {
        free(alias->connector);
        free(alias);
    }
}

static enum err add_alias(struct identity *identity, const char *item,
                          struct errbuf *why)
{
    static const char expected[] =
        "CONNECTOR[/NAME]:CONNECTOR[/NAME], what stands left once only";
    char *from = xstrdup(item);
    char *to = strchr(from, ':');
    struct alias *alias;

    identity->keys[identity->n_keys++] = from;
    if (to == NULL) {
        return refuse("aliases", item, expected, why);
    }
    *to++ = '\0';
    if (!is_place(from) || !is_place(to) ||
        map_get(&identity->aliases, from, strlen(from)) != NULL) {
        return refuse("aliases", item, expected, why);
    }
    alias = alias_new(to);
    (void)map_put(&identity->aliases, from, strlen(from), alias);
    return ERR_OK;
}

/* The alias of a pair, else of its connector. */
static const struct alias *find_alias(struct identity *identity,
                                      const char *connector, const char *name)
{
    const struct alias *alias;

    buf_clear(&identity->key);
    buf_addf(&identity->key, "%s/%s", connector, name);
    alias = map_get(&identity->aliases, identity->key.data, identity->key.len);
    return alias != NULL
               ? alias
               : map_get(&identity->aliases, connector, strlen(connector));
}

/* A name that is put in place of others and has others in its own place would
 * not be the same after a second pass. */
static enum err check_chains(struct identity *identity, struct errbuf *why)
{
    for (size_t i = 0; i < identity->n_keys; i++) {
        const char *from = identity->keys[i];
        const struct alias *alias =
            map_get(&identity->aliases, from, strlen(from));

        if (find_alias(identity, alias->connector,
                       alias->name != NULL ? alias->name : "") != NULL) {
            return refuse("aliases", identity->conf->aliases.items[i],
                          "right of the colon what stands left of none", why);
        }
    }
    return ERR_OK;
}

static enum err check_domains(const struct identity_conf *conf,
                              struct errbuf *why)
{
    for (size_t i = 0; i < conf->domains.n; i++) {
        const char *domain = conf->domains.items[i];

        if (strcmp(domain, "*") != 0 && (*domain == '.' || *domain == '\0' ||
                                         strchr(domain, '*') != NULL)) {
            return refuse("domains", domain,
                          "a domain such as example.net, or * alone", why);
        }
    }
    return ERR_OK;
}

static enum err read_aliases(struct identity *identity, struct errbuf *why)
{
    const struct conf_list *list = &identity->conf->aliases;

    identity->keys = xcalloc(list->n + 1, sizeof *identity->keys);
    for (size_t i = 0; i < list->n; i++) {
        enum err err = add_alias(identity, list->items[i], why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return check_chains(identity, why);
}

enum err identity_new(const struct identity_conf *conf, struct identity **out,
                      struct errbuf *why)
{
    struct identity *identity;
    enum err err;

    if (conf->aliases.n == 0 && conf->domains.n == 0 && !conf->lower_case) {
        *out = NULL;
        return ERR_OK;
    }
    identity = xcalloc(1, sizeof *identity);
    identity->conf = conf;
    buf_init(&identity->key, 2 * EVENT_CONNECTOR_MAX + 2);
    buf_init(&identity->rk, EVENT_ROUTING_KEY_MAX);
    buf_init(&identity->entity_id, EVENT_ENTITY_ID_MAX);
    err = check_domains(conf, why);
    if (err == ERR_OK) {
        err = read_aliases(identity, why);
    }
    if (err != ERR_OK) {
        identity_free(identity);
        return err;
    }
    *out = identity;
    return ERR_OK;
}

void identity_free(struct identity *identity)
{
    struct map_slot slot;
    size_t at = 0;

    if (identity == NULL) {
        return;
    }
    while (map_next(&identity->aliases, &at, &slot)) {
        alias_free(slot.value);
    }
    map_fini(&identity->aliases);
    for (size_t i = 0; i < identity->n_keys; i++) {
        free(identity->keys[i]);
    }
    free(identity->keys);
    buf_fini(&identity->key);
    buf_fini(&identity->rk);
    buf_fini(&identity->entity_id);
    free(identity);
}

static bool rename_connector(struct identity *identity, struct event *event)
{
    const struct alias *alias =
        find_alias(identity, event->connector, event->connector_name);

    if (alias == NULL) {
        return false;
    }
    event->connector = alias->connector;
    if (alias->name != NULL) {
        event->connector_name = alias->name;
    }
    return true;
}

static bool is_address(const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* How much of the name is left without the domain; all of it when it ends
 * otherwise, or would be empty. */
static size_t strip_domain(const char *name, size_t len, const char *domain)
{
    size_t domain_len = strlen(domain);
    const char *dot;

    if (strcmp(domain, "*") == 0) {
        dot = memchr(name, '.', len);
    } else {
        dot = len > domain_len + 1 ? name + len - domain_len - 1 : NULL;
        if (dot != NULL &&
            (*dot != '.' || strncasecmp(dot + 1, domain, domain_len) != 0)) {
            dot = NULL;
        }
    }
    return dot != NULL && dot > name ? (size_t)(dot - name) : len;
}

/* The longest domain that fits, so that their order does not matter. */
static size_t strip_domains(const struct identity_conf *conf, const char *name)
{
    size_t len = strlen(name);
    size_t least = len;

    for (size_t i = 0; i < conf->domains.n && !is_address(name); i++) {
        size_t left = strip_domain(name, len, conf->domains.items[i]);

        least = left < least ? left : least;
    }
    return least;
}

/* ASCII: host names have no other letters that differ in case only. */
static char lower(char c)
{
    if (c < 'A' || c > 'Z') {
        return c;
    }
    return (char)(c - 'A' + 'a');
}

static bool rename_component(struct identity *identity, struct event *event)
{
    const char *from = event->component;
    char *to = identity->component;
    size_t len = strip_domains(identity->conf, from);

    for (size_t i = 0; i < len; i++) {
        to[i] = from[i];
        if (identity->conf->lower_case) {
            to[i] = lower(from[i]);
        }
    }
    to[len] = '\0';
    if (strcmp(to, from) == 0) {
        return false;
    }
    event->component = to;
    return true;
}

bool identity_apply(struct identity *identity, struct event *event)
{
    bool renamed = rename_connector(identity, event);

    if (!rename_component(identity, event) && !renamed) {
        return false;
    }
    buf_clear(&identity->rk);
    buf_clear(&identity->entity_id);
    event_routing_key(event, &identity->rk);
    event_entity_id(event, &identity->entity_id);
    event->rk = buf_str(&identity->rk);
    event->entity_id = buf_str(&identity->entity_id);
    return true;
}
