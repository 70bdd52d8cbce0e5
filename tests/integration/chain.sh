#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole chain of real processes on real servers while they are killed,
# the short form; `make faults` runs the long one.
set -euo pipefail
PYTHONDONTWRITEBYTECODE=1 exec python3 -u \
    "$HYP_SRCDIR/tests/faults/chain.py" "$@"
