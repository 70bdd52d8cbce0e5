#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The store on a real mongod: the conformance suite, kill -9 of the server in
# the middle of commits, and the refusal of a server that stands alone.
set -euo pipefail
top=${HYP_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${HYP_BUILDDIR:-$top/build}
support=$top/tests/support
dir=$(mktemp -d /tmp/hyp-store-mongodb.XXXXXX)
commits=$build/tests/integration/store_commits
n_commits=1500
writer=

clean_up() {
    local status=$?
    [ -z "$writer" ] || kill "$writer" 2>/dev/null || true
    [ "$status" = 0 ] || tail -n 5 "$dir"/*.log || true
    "$support/mongod.sh" stop "$dir/set" || true
    "$support/mongod.sh" stop "$dir/alone" || true
    rm -rf "$dir"
    exit "$status"
}

# Wait until the writer has told $1 lines more.
wait_lines() {
    local want=$(($(wc -l <"$dir/out") + $1))
    until [ "$(wc -l <"$dir/out")" -ge "$want" ]; do
        kill -0 "$writer" 2>/dev/null || return 0
        sleep 0.05
    done
}

conformance() {
    HYP_TEST_MONGODB=$("$support/mongod.sh" uri "$dir/set" conformance) \
        "$build/tests/conformance/store_mongodb_test"
}

kills() {
    local uri
    uri=$("$support/mongod.sh" uri "$dir/set" kills)
    : >"$dir/out"
    "$commits" "$uri" "$n_commits" >"$dir/out" 2>"$dir/err.log" &
    writer=$!
    for _ in 1 2 3 4; do
        wait_lines 5
        "$support/mongod.sh" kill "$dir/set"
        "$support/mongod.sh" start "$dir/set" "$port"
    done
    wait "$writer" || { cat "$dir/out" "$dir/err.log"; return 1; }
    writer=
    tail -n 1 "$dir/out"
}

alone() {
    local status=0
    "$support/mongod.sh" start "$dir/alone" "$alone_port" --standalone
    "$commits" "$("$support/mongod.sh" uri "$dir/alone")" 1 \
        >"$dir/alone.log" 2>&1 || status=$?
    cat "$dir/alone.log"
    [ "$status" = 3 ] && grep -q 'rs.initiate()' "$dir/alone.log"
}

if ! "$support/get-mongod.sh" >/dev/null; then
    rmdir "$dir"
    exit 77
fi
trap clean_up EXIT
{ read -r port; read -r alone_port; } < <("$support/freeport" 2)
"$support/mongod.sh" start "$dir/set" "$port"
conformance
kills
alone
