#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run tests one after the other, each with its output in NAME.log and its
# result in NAME.trs under $HYP_BUILDDIR, as `make check` leaves them.
# A NAME is a program under $HYP_BUILDDIR or a script under $HYP_SRCDIR.
set -uo pipefail
: "${HYP_BUILDDIR:?}" "${HYP_SRCDIR:?}"
n_failed=0

for name in "$@"; do
    program=$HYP_BUILDDIR/$name
    [ -x "$program" ] || program=$HYP_SRCDIR/$name
    log=$HYP_BUILDDIR/$name.log
    mkdir -p "$(dirname "$log")"
    begun=$SECONDS
    "$program" >"$log" 2>&1 </dev/null
    case $? in
    0) result=PASS ;;
    77) result=SKIP ;;
    *)
        result=FAIL
        n_failed=$((n_failed + 1))
        ;;
    esac
    printf ':global-test-result: %s\n' "$result" >"$HYP_BUILDDIR/$name.trs"
    printf '%s: %s (%s s)\n' "$result" "$name" "$((SECONDS - begun))"
    [ "$result" = PASS ] || tail -n 40 "$log"
done
printf '# TOTAL: %s, FAIL: %s\n' "$#" "$n_failed"
[ "$n_failed" = 0 ]
