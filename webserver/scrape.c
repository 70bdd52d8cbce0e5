/* SPDX-License-Identifier: Apache-2.0 */
/** /metrics: what all processes of this machine tell, for Prometheus. */
#include "config.h"

#include <stdio.h>

#include "common/base/file.h"
#include "common/metrics/status_file.h"
#include "webserver/exposition.h"
#include "webserver/list.h"
#include "webserver/routes.h"

enum {
    PATH_BYTES = 4096,
    OWN_BYTES = 64 * 1024
};

static void add_gauge(struct buf *out, const char *name, const char *help,
                      double value)
{
    metrics_add_head(out, name, "gauge", help);
    buf_add_str(out, name);
    metrics_add_labels(out, NULL, 0);
    metrics_add_value(out, value);
}

/* Which processes there are: what is expected and not there is down too. */
static void add_up(const struct health *health, struct buf *out)
{
    static const char name[] = "hypervise_up";

    metrics_add_head(out, name, "gauge",
                     "Whether the process runs and tells how it is: 1 yes, 0 "
                     "no");
    for (size_t i = 0; i < health->n; i++) {
        const struct health_process *p = &health->processes[i];
        const struct metric_label label = {EXPORT_LABEL, p->name};

        buf_add_str(out, name);
        metrics_add_labels(out, &label, 1);
        metrics_add_value(out, p->live ? 1 : 0);
    }
}

static void add_disk(const struct server *server, struct buf *out)
{
    double free_bytes, bytes;

    if (server_disk(server, &free_bytes, &bytes)) {
        add_gauge(out, "hypervise_disk_free_bytes",
                  "Room left on the disk of the installation", free_bytes);
        add_gauge(out, "hypervise_disk_size_bytes",
                  "Size of the disk of the installation", bytes);
    }
}

/* What no process tells of itself. */
static void write_own(const struct server *server, struct buf *out)
{
    const struct metric_label version = {"version", PACKAGE_VERSION};

    metrics_add_head(out, "hypervise_build_info", "gauge",
                     "1, with the version of the suite as a label");
    buf_add_str(out, "hypervise_build_info");
    metrics_add_labels(out, &version, 1);
    metrics_add_value(out, 1);
    add_up(&server->health, out);
    add_gauge(out, "hypervise_store_up",
              "Whether the store answers the webserver: 1 yes, 0 no",
              server_store_good(server, NULL) ? 1 : 0);
    add_gauge(out, "hypervise_broker_up",
              "Whether the broker answers the webserver: 1 yes, 0 no",
              server_bus_good(server, NULL) ? 1 : 0);
    add_disk(server, out);
}

/* What a process that is gone or hangs told last is true no more. */
static void add_process(const struct server *server,
                        const struct health_process *p, struct exposition *all)
{
    char path[PATH_BYTES];
    struct buf text;

    (void)snprintf(path, sizeof path, "%s/%s" EXPORT_SUFFIX,
                   server->conf->run_folder, p->name);
    buf_init(&text, STATUS_BYTES_MAX);
    if (p->live && file_read(path, &text, NULL) == ERR_OK) {
        exposition_add(all, buf_str(&text), text.len);
    }
    buf_fini(&text);
}

void system_metrics(struct server *server, struct request *request)
{
    struct exposition *all = exposition_new();
    struct buf own;

    health_look(&server->health, server->conf->run_folder,
                &server->conf->expect);
    buf_init(&own, OWN_BYTES);
    write_own(server, &own);
    exposition_add(all, buf_str(&own), own.len);
    for (size_t i = 0; i < server->health.n; i++) {
        add_process(server, &server->health.processes[i], all);
    }
    exposition_write(all, request_out(request));
    exposition_free(all);
    buf_fini(&own);
    request->reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    request_reply(request, HTTP_OK);
}
