/* SPDX-License-Identifier: Apache-2.0 */
/** The suite on SQLite files in a folder of their own. */
#include "tests/conformance/points_suite.h"
#include "tests/conformance/sqlite_place.h"
#include "tests/conformance/store_suite.h"

int main(void)
{
    struct sqlite_place place;
    struct store_suite suite = {"store conformance: sqlite", &place,
                                sqlite_place_begin, sqlite_place_end,
                                sqlite_place_open};

    return store_suite_run(&suite) + points_suite_run(&suite);
}
