/* SPDX-License-Identifier: Apache-2.0 */
/** connector-syslog. */
#include "connectors/syslog/syslog.h"

int main(int argc, char **argv)
{
    return connector_main(&syslog_connector, argc, argv);
}
