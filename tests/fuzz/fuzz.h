/* SPDX-License-Identifier: Apache-2.0 */
/** What a fuzz target is: one function that any bytes must not break. */
#ifndef HYP_TESTS_FUZZ_FUZZ_H
#define HYP_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Named by libFuzzer. Ends the process when the code under test is wrong;
 *  always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
