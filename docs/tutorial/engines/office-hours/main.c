/* SPDX-License-Identifier: Apache-2.0 */
/** engine-office-hours. */
#include "engines/office-hours/office_hours.h"

int main(int argc, char **argv)
{
    return engine_main(&office_hours_engine, argc, argv);
}
