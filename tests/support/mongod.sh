#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mongod for tests, on loopback, everything in DIR: a replica set of one.
#
#   mongod.sh start DIR PORT [--standalone]   writable when it returns
#   mongod.sh start DIR PORT --member         of a set of several, which
#                                             mongo_ctl makes: answering
#   mongod.sh stop DIR                        in order, by pid
#   mongod.sh kill DIR                        kill -9; `start` brings it back
#   mongod.sh uri DIR [DATABASE]              connection string
#   mongod.sh pid DIR                         process id
#
# The program comes from get-mongod.sh; mongo_ctl from $HYP_BUILDDIR (build/).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/process.sh
. "$here/process.sh"
mongo_ctl=${HYP_BUILDDIR:-$here/../../build}/tests/support/mongo_ctl

die() {
    printf 'mongod.sh: %s\n' "$*" >&2
    exit 1
}

start() {
    local dir=$1 port=$2 mode=${3:-} mongod
    local options=(--bind_ip 127.0.0.1 --wiredTigerCacheSizeGB 0.5)
    process_alive "$dir/mongod.pid" && die "$dir: already running"
    mongod=$("$here/get-mongod.sh")
    [ -x "$mongo_ctl" ] || die "$mongo_ctl: not built (make check builds it)"
    mkdir -p "$dir/db"
    [ "$mode" = --standalone ] || options+=(--replSet rs0)
    printf '%s %s\n' "$port" "$mode" >"$dir/mongod.conf"
    setsid "$mongod" --dbpath "$dir/db" --port "$port" "${options[@]}" \
        --unixSocketPrefix "$dir" >>"$dir/mongod.log" 2>&1 </dev/null &
    echo $! >"$dir/mongod.pid"
    if ! process_wait_port "$port" "$dir/mongod.pid"; then
        tail -n 20 "$dir/mongod.log" >&2
        process_end "$dir/mongod.pid" TERM
        die "mongod on port $port did not come up"
    fi
    [ "$mode" = --member ] && return
    [ "$mode" = --standalone ] || "$mongo_ctl" initiate "127.0.0.1:$port"
    "$mongo_ctl" wait-primary "127.0.0.1:$port"
}

uri() {
    local port mode
    read -r port mode <"$1/mongod.conf"
    if [ "$mode" = --standalone ]; then
        printf 'mongodb://127.0.0.1:%s/%s\n' "$port" "${2:-hypervise}"
    else
        printf 'mongodb://127.0.0.1:%s/%s?replicaSet=rs0\n' "$port" \
            "${2:-hypervise}"
    fi
}

main() {
    [ $# -ge 2 ] || die 'usage: mongod.sh start|stop|kill|uri|pid DIR ...'
    local command=$1 dir
    mkdir -p "$2"
    dir=$(cd "$2" && pwd)
    shift 2
    case $command in
    start) start "$dir" "${1:?port}" "${2:-}" ;;
    stop) process_end "$dir/mongod.pid" TERM ;;
    kill) process_end "$dir/mongod.pid" KILL ;;
    uri) uri "$dir" "${1:-}" ;;
    pid) cat "$dir/mongod.pid" ;;
    *) die "unknown command $command" ;;
    esac
}

main "$@"
