/* SPDX-License-Identifier: Apache-2.0 */
/** connector-nsca. */
#include "connectors/nsca/nsca.h"

int main(int argc, char **argv)
{
    return connector_main(&nsca_connector, argc, argv);
}
