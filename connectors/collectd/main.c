/* SPDX-License-Identifier: Apache-2.0 */
/** connector-collectd. */
#include "connectors/collectd/collectd.h"

int main(int argc, char **argv)
{
    return connector_main(&collectd_connector, argc, argv);
}
