#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each connector against the real sender of the distribution, whole chain.
set -euo pipefail
PYTHONDONTWRITEBYTECODE=1 exec python3 -u \
    "$HYP_SRCDIR/tests/integration/connectors.py" "$@"
