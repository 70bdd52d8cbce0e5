/* SPDX-License-Identifier: Apache-2.0 */
/** engine-event-filter. */
#include "engines/event-filter/event_filter.h"

int main(int argc, char **argv)
{
    return engine_main(&event_filter_engine, argc, argv);
}
