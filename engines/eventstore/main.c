/* SPDX-License-Identifier: Apache-2.0 */
/** engine-eventstore. */
#include "engines/eventstore/eventstore.h"

int main(int argc, char **argv)
{
    return engine_main(&eventstore_engine, argc, argv);
}
