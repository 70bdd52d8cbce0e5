/* SPDX-License-Identifier: Apache-2.0 */
/** engine-context. */
#include "engines/context/context.h"

int main(int argc, char **argv)
{
    return engine_main(&context_engine, argc, argv);
}
