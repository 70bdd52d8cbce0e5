/* SPDX-License-Identifier: Apache-2.0 */
/** Any datagram of collectd's network protocol: every text ends within its
 *  bound, no value lies outside, nothing below the level is given. The first
 *  byte chooses the level. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "connectors/collectd/network.h"
#include "tests/fuzz/fuzz.h"

struct seen {
    const uint8_t *data;
    size_t n;
    enum network_level *got;
    enum network_level need;
};

static void check_name(const struct network_name *name)
{
    BUG_IF(strlen(name->host) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->plugin) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->plugin_instance) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->type) > NETWORK_NAME_MAX);
    BUG_IF(strlen(name->type_instance) > NETWORK_NAME_MAX);
    BUG_IF(name->time_ms < 0 || name->interval_ms < 0);
}

static void on_values(void *ctx, const struct network_values *values)
{
    const struct seen *seen = ctx;

    check_name(values->name);
    BUG_IF(values->n == 0 || *seen->got < seen->need);
    for (size_t i = 0; i < values->n; i++) {
        double value = network_value(values, i);

        BUG_IF(values->types[i] != NETWORK_GAUGE && !isfinite(value));
    }
}

static void on_notice(void *ctx, const struct network_notice *notice)
{
    const struct seen *seen = ctx;

    check_name(notice->name);
    BUG_IF(*seen->got < seen->need);
    BUG_IF(strlen(notice->message) > NETWORK_MESSAGE_MAX);
}

static const char *on_password(void *ctx, const char *user)
{
    (void)ctx;
    return user[0] == 'a' ? "open sesame" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum network_level got;
    struct seen seen = {.data = data, .n = size, .got = &got};
    const struct network_sink sink = {&seen, on_values, on_notice, on_password};
    struct errbuf why = {0};
    enum err err;

    if (size == 0) {
        return 0;
    }
    seen.need = (enum network_level)(data[0] % (NETWORK_ENCRYPTED + 1));
    err = network_read(&sink, data + 1, size - 1, seen.need, &got, &why);
    BUG_IF(err != ERR_OK && why.text[0] == '\0');
    return 0;
}
