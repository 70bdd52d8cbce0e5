/* SPDX-License-Identifier: Apache-2.0 */
/** engine-collectdgw. */
#include "engines/collectdgw/collectdgw.h"

int main(int argc, char **argv)
{
    return engine_main(&collectdgw_engine, argc, argv);
}
