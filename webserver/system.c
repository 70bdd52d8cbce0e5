/* SPDX-License-Identifier: Apache-2.0 */
/** Health, readiness and version of the suite. */
#include "config.h"

#include <string.h>
#include <sys/statvfs.h>

#include "common/base/clock.h"
#include "webserver/json_text.h"
#include "webserver/list.h"
#include "webserver/routes.h"

bool server_store_good(const struct server *server, struct errbuf *why)
{
    if (server->store == NULL) {
        errbuf_set(why, "%s", server->store_reason);
        return false;
    }
    return store_ping(server->store, why) == ERR_OK;
}

bool server_bus_good(const struct server *server, struct errbuf *why)
{
    if (!publisher_ready(&server->publisher, why)) {
        return false;
    }
    if (!server->alerts_up) {
        errbuf_set(why, "the changes of alarms are not received yet");
        return false;
    }
    return true;
}

static void add_part(struct buf *out, const char *name, bool good,
                     const struct errbuf *why)
{
    buf_addf(out, ",\"%s\":{\"ready\":%s", name, good ? "true" : "false");
    json_add_member(out, "why_not", good ? "" : why->text);
    buf_add_char(out, '}');
}

bool server_disk(const struct server *server, double *free_bytes, double *bytes)
{
    struct statvfs disk;

    if (statvfs(server->conf->run_folder, &disk) != 0) {
        return false;
    }
    *free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    *bytes = (double)disk.f_blocks * (double)disk.f_frsize;
    return true;
}

static void add_disk(const struct server *server, struct buf *out)
{
    double free_bytes, bytes;

    if (server_disk(server, &free_bytes, &bytes)) {
        buf_addf(out, ",\"disk\":{\"free_bytes\":%.0f,\"bytes\":%.0f}",
                 free_bytes, bytes);
    } else {
        buf_add_str(out, ",\"disk\":null");
    }
}

/* Most recent dead letters tell more than all that there ever were. */
static void add_dead(const struct server *server, struct buf *out)
{
    int64_t n = 0;

    if (server->store == NULL ||
        store_count(server->store, STORE_DEAD, NULL, LIST_TOTAL_MAX + 1, &n) !=
            ERR_OK) {
        buf_add_str(out, ",\"dead\":null");
        return;
    }
    buf_addf(out, ",\"dead\":%lld", (long long)n);
}

void system_health(struct server *server, struct request *request)
{
    struct errbuf store_why = {0}, bus_why = {0}, engines_why = {0};
    struct buf *out = request_out(request);
    bool store = server_store_good(server, &store_why);
    bool bus = server_bus_good(server, &bus_why);
    bool engines;

    health_look(&server->health, server->conf->run_folder,
                &server->conf->expect);
    engines = health_good(&server->health, &engines_why);
    buf_addf(out, "{\"status\":\"%s\",\"why_not\":",
             store && bus && engines ? "ok"
             : store && bus          ? "degraded"
                                     : "down");
    json_add_text(out, !store ? store_why.text
                       : !bus ? bus_why.text
                              : engines_why.text);
    add_part(out, "store", store, &store_why);
    add_part(out, "bus", bus, &bus_why);
    add_dead(server, out);
    add_disk(server, out);
    buf_add_str(out, ",\"time\":");
    json_add_ms(out, clock_now_ms());
    buf_add_str(out, ",\"engines\":");
    health_write(&server->health, out);
    buf_add_char(out, '}');
    request_reply(request, HTTP_OK);
}

bool server_is_ready(const struct server *server, struct errbuf *why)
{
    return server_bus_good(server, why) && server_store_good(server, why);
}

void system_ready(struct server *server, struct request *request)
{
    struct errbuf why = {0};

    if (server_is_ready(server, &why)) {
        buf_add_str(request_out(request), "{\"ready\":true}");
        request_reply(request, HTTP_OK);
    } else {
        request_problem(request, HTTP_UNAVAILABLE, NULL, "not ready: %s",
                        why.text);
    }
}

void system_version(struct server *server, struct request *request)
{
    (void)server;
    buf_add_str(request_out(request), "{\"name\":\"hypervise\",\"version\":"
                                      "\"" PACKAGE_VERSION "\","
                                      "\"api\":\"v1\"}");
    request_reply(request, HTTP_OK);
}
