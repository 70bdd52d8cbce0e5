# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For test scripts, sourced: processes kept by pid files, and ports.

# Whether the process named in pid file $1 runs.
process_alive() {
    [ -s "$1" ] && ! process_gone "$(cat "$1")"
}

# Whether process $1 is gone. A zombie is: its parent may be long in
# collecting it; but not while its other threads, which end after the first,
# still hold its ports.
process_gone() {
    local state tasks
    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) ||
        return 0
    [ -n "$state" ] || return 0
    tasks=("/proc/$1/task/"*)
    [ "$state" = Z ] && [ ${#tasks[@]} -le 1 ]
}

# Send signal $2 to the process in pid file $1, wait for its end (60 s), and
# remove the file. No file: nothing to do.
process_end() {
    local file=$1 signal=$2 pid i
    [ -s "$file" ] || return 0
    pid=$(cat "$file")
    kill -s "$signal" "$pid" 2>/dev/null || true
    for ((i = 0; i < 600; i++)); do
        if process_gone "$pid"; then
            rm -f "$file"
            return 0
        fi
        sleep 0.1
    done
    printf 'process %s (%s) does not end\n' "$pid" "$file" >&2
    return 1
}

# Wait until loopback port $1 answers, while the process in pid file $2 lives
# and for 300 s at most: a machine may have other work too.
process_wait_port() {
    local port=$1 file=$2 i
    for ((i = 0; i < 3000; i++)); do
        if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            return 0
        fi
        process_alive "$file" || return 1
        sleep 0.1
    done
    return 1
}
