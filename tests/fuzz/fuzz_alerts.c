/* SPDX-License-Identifier: Apache-2.0 */
/** Any body posted as alerts: what is taken is a sound check, what is refused
 *  has a reason. */
#include <string.h>

#include "common/base/str.h"
#include "connectors/alertmanager/alerts.h"
#include "tests/fuzz/fuzz.h"

static enum err on_event(void *ctx, const struct event *event)
{
    struct doc_out *out = ctx;
    struct event whole = *event; /* as the runtime completes it */
    struct event again;
    struct errbuf why;

    whole.connector = whole.connector_name = "fuzz";
    whole.rk = whole.entity_id = "x";
    whole.timestamp_ms = whole.received_ms = 1;
    BUG_IF(event->component[0] == '\0');
    BUG_IF((event->source_type == EVENT_SOURCE_RESOURCE) !=
           (event->resource[0] != '\0'));
    BUG_IF(strlen(event->component) > EVENT_COMPONENT_MAX);
    BUG_IF(strlen(event->resource) > EVENT_RESOURCE_MAX);
    BUG_IF(!utf8_valid(event->resource, strlen(event->resource)));
    BUG_IF(event->state < 0 || event->state > 3 || event->ttl_ms < 0);
    BUG_IF(strpbrk(event->output, "\r\n") != NULL);
    event_to_doc(&whole, out);
    BUG_IF(!doc_check(doc_out_done(out)));
    BUG_IF(event_from_doc(doc_out_done(out), &again, &why) != ERR_OK);
    return ERR_OK;
}

static void on_refused(void *ctx, const struct errbuf *why)
{
    (void)ctx;
    BUG_IF(why->text[0] == '\0' || why->field[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"host", "instance"};
    static const struct alerts_severity severities[] = {{"critical", 3}};
    const struct alerts_conf conf = {
        labels, 2, labels, 1, "severity", severities, 1, 2, "prometheus", 1000};
    struct doc_out *out = doc_out_new();
    const struct alerts_sink sink = {out, on_event, on_refused};
    struct errbuf why = {0};
    size_t refused;

    if (alerts_read(&conf, (const char *)data, size, INT64_C(1700000000000),
                    &sink, &refused, &why) != ERR_OK) {
        BUG_IF(why.text[0] == '\0');
    }
    doc_out_free(out);
    return 0;
}
