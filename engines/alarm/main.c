/* SPDX-License-Identifier: Apache-2.0 */
/** engine-alarm: the alarm engine as a process of its own. */
#include "engines/alarm/alarm.h"

int main(int argc, char **argv)
{
    return engine_main(&alarm_engine, argc, argv);
}
