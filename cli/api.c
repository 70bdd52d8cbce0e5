/* SPDX-License-Identifier: Apache-2.0 */
/** The REST API by libcurl. */
#include "cli/api.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/str.h"
#include "common/conf/ini.h"

enum {
    ANSWER_MAX = 128 * 1024 * 1024,
    KEY_MAX = 4096,
    CONNECT_S = 5,
    CALL_S = 60,
    IDEMPOTENCY_BYTES = 16
};

/* What webserver.conf says of the three things needed here. */
struct found {
    char *listen, *port, *key_file;
};

static enum err on_item(void *ctx, const struct ini_item *item,
                        struct errbuf *why)
{
    struct found *found = ctx;
    char **to = NULL;

    (void)why;
    if (item->key == NULL || strcmp(item->section, "webserver") != 0) {
        return ERR_OK;
    }
    if (strcmp(item->key, "listen") == 0) {
        to = &found->listen;
    } else if (strcmp(item->key, "port") == 0) {
        to = &found->port;
    } else if (strcmp(item->key, "key_file") == 0) {
        to = &found->key_file;
    }
    if (to != NULL) {
        free(*to);
        *to = xstrdup(item->value);
    }
    return ERR_OK;
}

static enum err read_conf(const char *folder, struct found *found,
                          struct errbuf *why)
{
    char *path = xasprintf("%s/webserver.conf", folder);
    struct buf text;
    enum err err;

    buf_init(&text, INI_BYTES_MAX);
    err = file_read(path, &text, why);
    if (err == ERR_OK) {
        err = ini_parse(path, &text, on_item, found, why);
    } else if (err == ERR_NOT_FOUND || err == ERR_UNAVAILABLE) {
        err = ERR_OK; /* the defaults then */
    }
    buf_fini(&text);
    free(path);
    return err;
}

/* An address that means "every one" is reached on this machine. */
static const char *reachable(const char *listen)
{
    if (listen == NULL || strcmp(listen, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(listen, "::") == 0 ? "::1" : listen;
}

static char *make_url(const struct found *found, const char *server)
{
    const char *host = reachable(found->listen);
    const char *port = found->port != NULL ? found->port : "8082";
    size_t len;

    if (server == NULL) {
        return strchr(host, ':') != NULL
                   ? xasprintf("http://[%s]:%s", host, port)
                   : xasprintf("http://%s:%s", host, port);
    }
    len = strlen(server);
    while (len > 0 && server[len - 1] == '/') {
        len--;
    }
    return strstr(server, "://") != NULL
               ? xstrndup(server, len)
               : xasprintf("http://%.*s", (int)len, server);
}

static char *make_key_path(const struct found *found, const char *folder,
                           const char *key_file)
{
    if (key_file != NULL) {
        return xstrdup(key_file);
    }
    key_file = found->key_file != NULL ? found->key_file : "secrets/api.key";
    return key_file[0] == '/' ? xstrdup(key_file)
                              : xasprintf("%s/%s", folder, key_file);
}

/* The first line. NULL when it cannot be read: the server will say so. */
static char *read_key(const char *path)
{
    struct buf text;
    char *key = NULL;

    buf_init(&text, KEY_MAX);
    if (file_read(path, &text, NULL) == ERR_OK) {
        key = xstrndup(buf_str(&text), strcspn(buf_str(&text), "\r\n"));
    }
    buf_fini(&text);
    return key;
}

enum err api_open(struct api *api, const struct api_place *place,
                  struct errbuf *why)
{
    const char *folder =
        place->config_dir != NULL ? place->config_dir : HYP_SYSCONFDIR;
    struct found found = {0};
    enum err err = read_conf(folder, &found, why);

    *api = (struct api){0};
    if (err == ERR_OK) {
        api->url = make_url(&found, place->server);
        api->key_file = make_key_path(&found, folder, place->key_file);
        api->key = read_key(api->key_file);
        api->curl = curl_easy_init();
        if (api->curl == NULL) {
            errbuf_set(why, "the HTTP client does not start");
            err = ERR_UNAVAILABLE;
        }
    }
    free(found.listen);
    free(found.port);
    free(found.key_file);
    return err;
}

void api_close(struct api *api)
{
    if (api->curl != NULL) {
        curl_easy_cleanup(api->curl);
    }
    if (api->key != NULL) {
        explicit_bzero(api->key, strlen(api->key));
    }
    free(api->key);
    free(api->key_file);
    free(api->url);
}

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
    struct buf *text = ctx;

    buf_add(text, data, size * n);
    return text->overflow ? 0 : size * n;
}

static struct curl_slist *make_headers(const struct api *api, bool post)
{
    struct curl_slist *headers = NULL;
    char id[2 * IDEMPOTENCY_BYTES + 1];
    char *line;

    if (api->key != NULL) {
        line = xasprintf("Authorization: Bearer %s", api->key);
        headers = curl_slist_append(headers, line);
        explicit_bzero(line, strlen(line));
        free(line);
    }
    if (post) {
        random_hex(id, IDEMPOTENCY_BYTES);
        line = xasprintf("Idempotency-Key: %s", id);
        headers = curl_slist_append(headers, line);
        free(line);
        headers = curl_slist_append(headers, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Expect:");
    }
    return headers;
}

static void set_up(CURL *curl, const char *url, struct curl_slist *headers,
                   struct api_answer *answer)
{
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CALL_S);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->text);
}

static enum err perform(CURL *curl, const struct api *api,
                        struct api_answer *answer, struct errbuf *why)
{
    CURLcode code = curl_easy_perform(curl);

    if (code != CURLE_OK) {
        errbuf_set(why, "%s: %s", api->url, curl_easy_strerror(code));
        return ERR_UNAVAILABLE;
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (doc_from_json(buf_str(&answer->text), answer->text.len, answer->docs,
                      &answer->doc, why) != ERR_OK) {
        answer->doc = (struct doc){NULL, 0};
    }
    return ERR_OK;
}

enum err api_call(struct api *api, const struct api_request *request,
                  struct api_answer *answer, struct errbuf *why)
{
    char *url = xasprintf("%s%s", api->url, request->path);
    struct curl_slist *headers = make_headers(api, request->body != NULL);
    enum err err;

    *answer = (struct api_answer){.docs = doc_out_new()};
    buf_init(&answer->text, ANSWER_MAX);
    set_up(api->curl, url, headers, answer);
    if (request->body != NULL) {
        (void)curl_easy_setopt(api->curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(api->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->len);
        (void)curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, request->body);
    }
    if (request->method != NULL) {
        (void)curl_easy_setopt(api->curl, CURLOPT_CUSTOMREQUEST,
                               request->method);
    }
    err = perform(api->curl, api, answer, why);
    curl_slist_free_all(headers);
    free(url);
    return err;
}

void api_answer_fini(struct api_answer *answer)
{
    buf_fini(&answer->text);
    doc_out_free(answer->docs);
}

void api_add_param(struct buf *path, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    buf_addf(path, "%c%s=", strchr(buf_str(path), '?') != NULL ? '&' : '?',
             name);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._~", c) != NULL) {
            buf_add_char(path, (char)c);
        } else {
            buf_addf(path, "%%%02X", c);
        }
    }
}
