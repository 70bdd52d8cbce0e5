/* SPDX-License-Identifier: Apache-2.0 */
/** engine-chain. */
#include "engines/engines.h"

int main(int argc, char **argv)
{
    return engine_chain_main(all_engines, argc, argv);
}
