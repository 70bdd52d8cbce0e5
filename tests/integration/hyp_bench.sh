#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The load generator of the product on a real broker and the real engines.
set -euo pipefail
PYTHONDONTWRITEBYTECODE=1 exec python3 -u \
    "$HYP_SRCDIR/tests/bench/hyp_bench_test.py" "$@"
