#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run tests, HYP_TEST_JOBS (default 2) at a time: they wait more than they
# work. Each has its output in NAME.log and its result in NAME.trs under
# $HYP_BUILDDIR, as `make check` leaves them. A NAME is a program under
# $HYP_BUILDDIR or a script under $HYP_SRCDIR; those that take longest come
# first, so that no long one runs alone at the end.
set -uo pipefail
: "${HYP_BUILDDIR:?}" "${HYP_SRCDIR:?}"
# Killed processes would leave counters of MongoDB's client library behind.
export MONGOC_DISABLE_SHM=1
jobs=${HYP_TEST_JOBS:-2}
begun=$SECONDS
failed=()
declare -A running=()

# Become the test: it is ended by the signal that ends this.
run_test() {
    local program=$HYP_BUILDDIR/$1
    [ -x "$program" ] || program=$HYP_SRCDIR/$1
    exec "$program" >"$HYP_BUILDDIR/$1.log" 2>&1 </dev/null
}

start_test() {
    mkdir -p "$(dirname "$HYP_BUILDDIR/$1.log")"
    run_test "$1" &
    running[$!]="$1 $SECONDS"
}

# The whole output of what failed, in one piece; of what was skipped, why.
show_test() {
    case $2 in
    FAIL)
        printf -- '---- output of %s\n' "$1"
        cat "$HYP_BUILDDIR/$1.log"
        printf -- '---- end of %s\n' "$1"
        ;;
    SKIP) tail -n 5 "$HYP_BUILDDIR/$1.log" ;;
    esac
}

end_test() {
    local name=$1 since=$2 status=$3 result
    case $status in
    0) result=PASS ;;
    77) result=SKIP ;;
    *)
        result=FAIL
        failed+=("$name")
        ;;
    esac
    printf ':global-test-result: %s\n' "$result" >"$HYP_BUILDDIR/$name.trs"
    printf '%s: %s (%s s)\n' "$result" "$name" "$((SECONDS - since))"
    show_test "$name" "$result"
}

wait_test() {
    local pid='' status=0 one
    wait -n -p pid "${!running[@]}" || status=$?
    one=${running[$pid]}
    unset "running[$pid]"
    end_test "${one% *}" "${one##* }" "$status"
}

# Whoever ends this run ends its tests, which end their servers.
end_all() {
    [ ${#running[@]} -eq 0 ] || kill -s TERM "${!running[@]}" 2>/dev/null
    wait
    exit 143
}

trap end_all INT TERM HUP
for name in "$@"; do
    [ ${#running[@]} -lt "$jobs" ] || wait_test
    start_test "$name"
done
while [ ${#running[@]} -gt 0 ]; do
    wait_test
done
printf '# TOTAL: %s, FAIL: %s (%s s)\n' "$#" "${#failed[@]}" \
    "$((SECONDS - begun))"
[ ${#failed[@]} -eq 0 ] || printf '# FIRST FAILURE: %s\n' "${failed[0]}"
[ ${#failed[@]} -eq 0 ]
