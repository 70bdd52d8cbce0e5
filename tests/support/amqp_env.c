/* SPDX-License-Identifier: Apache-2.0 */
/** The RabbitMQ that tests use, by environment. */
#include "tests/support/amqp_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    PASSWORD_MAX = 256
};

static char *text_of(const char *name, const char *fallback)
{
    const char *value = getenv(name);

    return xstrdup(value != NULL ? value : fallback);
}

static char *read_password(void)
{
    char line[PASSWORD_MAX];
    const char *path = getenv("HYP_TEST_AMQP_PASSWORD_FILE");
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    char *found;

    if (file == NULL) {
        return NULL;
    }
    found = fgets(line, sizeof line, file);
    (void)fclose(file);
    if (found == NULL) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return xstrdup(line);
}

static struct conf_list read_others(void)
{
    struct conf_list list = {0};
    char *text = text_of("HYP_TEST_AMQP_OTHERS", "");
    const char *at = text;

    while (*at != '\0') {
        size_t len = strcspn(at, ",");

        list.items = xrealloc_array(list.items, list.n + 1, sizeof(char *));
        list.items[list.n++] = xstrndup(at, len);
        at += len + (at[len] == ',');
    }
    free(text);
    return list;
}

bool amqp_env_next(struct bus_amqp_conf *conf)
{
    struct conf_list *list = &conf->other_hosts;
    const char *host;
    size_t len;
    char *first;

    if (list->n == 0) {
        return false;
    }
    first = list->items[0];
    memmove(list->items, list->items + 1, (list->n - 1) * sizeof(char *));
    list->items[list->n - 1] = xasprintf("%s:%d", conf->host, (int)conf->port);
    if (str_split_host(first, &host, &len, &conf->port) == ERR_OK) {
        free(conf->host);
        conf->host = xstrndup(host, len);
    }
    free(first);
    return true;
}

bool amqp_env_read(struct bus_amqp_conf *conf)
{
    const char *tls_dir = getenv("HYP_TEST_AMQP_TLS_DIR");
    char *port = text_of(
        tls_dir != NULL ? "HYP_TEST_AMQP_TLS_PORT" : "HYP_TEST_AMQP_PORT", "");

    *conf = (struct bus_amqp_conf){
        .host = text_of("HYP_TEST_AMQP_HOST", "127.0.0.1"),
        .vhost = text_of("HYP_TEST_AMQP_VHOST", "canopsis"),
        .user = text_of("HYP_TEST_AMQP_USER", "hypervise"),
        .password = read_password(),
        .exchange_name = xstrdup("canopsis"),
        .other_hosts = read_others(),
        .heartbeat_ms = 30000,
        .message_bytes = 1024 * 1024,
    };
    if (tls_dir != NULL) {
        conf->tls = true;
        conf->tls_ca = xasprintf("%s/ca.pem", tls_dir);
        conf->tls_certificate = xasprintf("%s/suite.pem", tls_dir);
        conf->tls_key = xasprintf("%s/suite.key", tls_dir);
    }
    if (str_to_i64(port, 1, UINT16_MAX, &conf->port) != ERR_OK ||
        conf->password == NULL) {
        (void)fprintf(stderr, "HYP_TEST_AMQP_PORT and "
                              "HYP_TEST_AMQP_PASSWORD_FILE must name a "
                              "RabbitMQ\n");
        amqp_env_fini(conf);
        conf->host = NULL;
    }
    free(port);
    return conf->host != NULL;
}

void amqp_env_fini(struct bus_amqp_conf *conf)
{
    free(conf->host);
    free(conf->vhost);
    free(conf->user);
    free(conf->password);
    free(conf->exchange_name);
    free(conf->tls_ca);
    free(conf->tls_certificate);
    free(conf->tls_key);
    free(conf->tls_server_name);
    for (size_t i = 0; i < conf->other_hosts.n; i++) {
        free(conf->other_hosts.items[i]);
    }
    free(conf->other_hosts.items);
}
