/* SPDX-License-Identifier: Apache-2.0 */
/** Where the API, the bus and the store answer, from their configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/bus_amqp.h"
#include "common/conf/ini.h"
#include "common/doc/doc.h"
#include "common/store/store_conf.h"
#include "control/report.h"

enum {
    VALUE_MAX = 1024
};

/* One key sought in a file whose other keys are somebody else's. */
struct sought {
    const char *section;
    const char *key;
    char value[VALUE_MAX]; /* holds the default until it is found */
};

struct urls {
    struct sought listen;
    struct sought port;
    char *store;
    char *amqp;
    char *connector;
    char *key_file;
};

static enum err take_item(void *ctx, const struct ini_item *item,
                          struct errbuf *why)
{
    struct sought *sought = ctx;
    (void)why;
    if (item->key != NULL && strcmp(item->section, sought->section) == 0 &&
        strcmp(item->key, sought->key) == 0) {
        (void)snprintf(sought->value, sizeof(sought->value), "%s", item->value);
    }
    return ERR_OK;
}

/* A file that is not there leaves the default. */
static enum err seek(const struct suite *suite, const char *name,
                     struct sought *sought, struct errbuf *why)
{
    struct buf text;
    char *path = suite_etc_path(suite, name);
    buf_init(&text, INI_BYTES_MAX);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK) {
        err = ini_parse(path, &text, take_item, sought, why);
    }
    buf_fini(&text);
    free(path);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* "amqp[s]://user[:password]@host:port/vhost", percent-encoded. */
static char *format_amqp(const struct bus_amqp_conf *conf, bool secrets)
{
    struct buf url;
    buf_init(&url, REPORT_MAX);
    buf_add_str(&url, conf->tls ? "amqps://" : "amqp://");
    str_to_percent(&url, conf->user);
    if (secrets) {
        buf_add_char(&url, ':');
        str_to_percent(&url, conf->password);
    }
    buf_addf(&url, "@%s:%d/", conf->host, (int)conf->port);
    str_to_percent(&url, conf->vhost);
    char *text = xstrdup(buf_str(&url));
    buf_fini(&url);
    return text;
}

static enum err read_amqp(const struct suite *suite, const char *name,
                          bool secrets, char **url, struct errbuf *why)
{
    struct bus_amqp_conf values = {0};
    const struct conf_part part = {bus_amqp_options, &values};
    struct conf *conf = conf_new(&part, 1);
    char *path = suite_etc_path(suite, name);
    enum err err = conf_read_file(conf, path, why);
    if (err == ERR_OK) {
        err = conf_check(conf, why);
    }
    if (err == ERR_OK) {
        *url = format_amqp(&values, secrets);
    }
    free(path);
    conf_free(conf);
    return err;
}

static enum err read_store(const struct suite *suite, bool secrets, char **uri,
                           struct errbuf *why)
{
    struct store_conf values = {0};
    const struct conf_part part = {store_conf_options, &values};
    struct conf *conf = conf_new(&part, 1);
    char *path = suite_etc_path(suite, "storage.conf");
    enum err err = conf_read_file(conf, path, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        if (secrets) {
            store_conf_complete(&values);
        }
        *uri = xstrdup(values.uri);
        err = ERR_OK;
    }
    free(path);
    conf_free(conf);
    return err;
}

static enum err read_urls(const struct suite *suite, bool secrets,
                          struct urls *urls, struct errbuf *why)
{
    enum err err = seek(suite, "webserver.conf", &urls->listen, why);
    if (err == ERR_OK) {
        err = seek(suite, "webserver.conf", &urls->port, why);
    }
    if (err == ERR_OK) {
        err = read_store(suite, secrets, &urls->store, why);
    }
    if (err == ERR_OK) {
        err = read_amqp(suite, "amqp.conf", secrets, &urls->amqp, why);
    }
    if (err == ERR_OK) {
        err = read_amqp(suite, "amqp_connector.conf", secrets, &urls->connector,
                        why);
    }
    return err;
}

/* A password in the store's own address is a secret too. */
static void hide_password(char *uri)
{
    static const char after_scheme[] = "://";
    char *at = strrchr(uri, '@');
    char *scheme = strstr(uri, after_scheme);
    char *colon =
        scheme == NULL ? NULL : strchr(scheme + strlen(after_scheme), ':');
    if (at != NULL && colon != NULL && colon < at) {
        memmove(colon, at, strlen(at) + 1);
    }
}

/* Whom nobody can connect to by that name is met on this machine. */
static const char *reachable(const char *listen)
{
    bool any = strcmp(listen, "0.0.0.0") == 0 || strcmp(listen, "::") == 0 ||
               strcmp(listen, "") == 0;
    return any ? "127.0.0.1" : listen;
}

static void build_doc(const struct urls *urls, struct doc_out *doc)
{
    char *api = xasprintf("http://%s:%s", reachable(urls->listen.value),
                          urls->port.value);
    doc_add_str(doc, "api", api);
    doc_add_str(doc, "amqp", urls->amqp);
    doc_add_str(doc, "amqp_connector", urls->connector);
    doc_add_str(doc, "store", urls->store);
    doc_add_str(doc, "key_file", urls->key_file);
    free(api);
}

static void add_lines(struct doc doc, struct buf *out)
{
    struct doc_iter it;
    const char *key;
    struct doc_value value;
    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        buf_addf(out, "%-14s  %s\n", key, value.u.s.text);
    }
}

static void add_urls(struct urls *urls, bool secrets, enum report_form form,
                     struct buf *out)
{
    struct doc_out *doc = doc_out_new();
    if (!secrets) {
        hide_password(urls->store);
    }
    build_doc(urls, doc);
    if (form == REPORT_JSON) {
        doc_to_json(doc_out_done(doc), out);
        buf_add_char(out, '\n');
    } else {
        add_lines(doc_out_done(doc), out);
    }
    doc_out_free(doc);
}

enum err report_urls(const struct suite *suite, bool secrets,
                     enum report_form form, struct buf *out, struct errbuf *why)
{
    struct urls urls = {.listen = {"webserver", "listen", "127.0.0.1"},
                        .port = {"webserver", "port", "8082"},
                        .key_file = suite_etc_path(suite, "secrets/api.key")};
    enum err err = read_urls(suite, secrets, &urls, why);
    if (err == ERR_OK) {
        add_urls(&urls, secrets, form, out);
    }
    free(urls.store);
    free(urls.amqp);
    free(urls.connector);
    free(urls.key_file);
    return err;
}
