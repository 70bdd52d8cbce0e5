/* SPDX-License-Identifier: Apache-2.0 */
/** engine-cleaner. */
#include "engines/cleaner/cleaner.h"

int main(int argc, char **argv)
{
    return engine_main(&cleaner_engine, argc, argv);
}
