/* SPDX-License-Identifier: Apache-2.0 */
/** engine-perfdata. */
#include "engines/perfdata/perfdata.h"

int main(int argc, char **argv)
{
    return engine_main(&perfdata_engine, argc, argv);
}
