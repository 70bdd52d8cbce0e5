/* SPDX-License-Identifier: Apache-2.0 */
/** connector-alertmanager. */
#include "connectors/alertmanager/alertmanager.h"

int main(int argc, char **argv)
{
    return connector_main(&alertmanager_connector, argc, argv);
}
