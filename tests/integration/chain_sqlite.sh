#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What chain.sh tells on SQLite; it and chain_mongodb.sh run side by side.
set -euo pipefail
exec "$HYP_SRCDIR/tests/integration/chain.sh" --store sqlite "$@"
