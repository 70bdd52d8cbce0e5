#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Only what hyp says reaches the terminal: nothing of the libraries it uses.
set -euo pipefail
hyp=${HYP_BUILDDIR:-.}/cli/hyp
dir=$(mktemp -d /tmp/hyp-terminal.XXXXXX)
trap 'rm -rf "$dir"; [ ! -s "$dir.pid" ] || rm -f "/dev/shm/mongoc-$(cat "$dir.pid")"; rm -f "$dir.pid"' EXIT

if [ ! -w /dev/shm ]; then
    echo 'skipped: /dev/shm cannot be written'
    exit 77
fi

# As if a killed program of the same pid had left its counters there.
(
    echo "$BASHPID" >"$dir.pid"
    : >"/dev/shm/mongoc-$BASHPID"
    exec "$hyp" --version >"$dir/out" 2>"$dir/err"
)
if [ -s "$dir/err" ] || ! grep -q '[0-9]\.[0-9]' "$dir/out"; then
    echo 'FAILED: a stale /dev/shm/mongoc-PID is told to the user:'
    cat "$dir/out" "$dir/err"
    exit 1
fi
echo '1 passed'
