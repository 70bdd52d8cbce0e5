#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The stories of tests/cases on a real RabbitMQ, SQLite and mongod.
set -euo pipefail
PYTHONDONTWRITEBYTECODE=1 exec python3 -u \
    "$HYP_SRCDIR/tests/faults/cases.py" "$@"
