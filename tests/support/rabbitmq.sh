#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A RabbitMQ node for tests, on loopback, everything in DIR.
#
#   rabbitmq.sh start DIR PORT   up and answering when it returns
#   rabbitmq.sh stop DIR         in order, by pid, its port mapper too
#   rabbitmq.sh kill DIR         kill -9 of the node; `start` brings it back
#   rabbitmq.sh ctl DIR ARGS...  rabbitmqctl
#   rabbitmq.sh pid DIR          process id of the node
#
# It has the vhost canopsis and the users hypervise (password: content of
# DIR/hypervise.password) and connector (DIR/connector.password), with the
# permissions of an installation.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/process.sh
. "$here/process.sh"
node=$here/../../control/rabbitmq-node
users=$here/../../control/rabbitmq-definitions

die() {
    printf 'rabbitmq.sh: %s\n' "$*" >&2
    exit 1
}

make_dir() {
    local dir=$1 port=$2 ports
    [ -f "$dir/node.conf" ] && return
    mapfile -t ports < <("$here/freeport" 2)
    local user
    for user in hypervise connector; do
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' \
            >"$dir/$user.password")
    done
    "$users" "$dir/hypervise.password" "$dir/connector.password" \
        >"$dir/definitions.json"
    "$node" make "$dir" name="test$port" port="$port" \
        dist_port="${ports[0]}" epmd_port="${ports[1]}" \
        definitions="$dir/definitions.json"
}

start() {
    local dir=$1 port=$2
    process_alive "$dir/beam.pid" && die "$dir: already running"
    make_dir "$dir" "$port"
    if ! process_alive "$dir/epmd.pid"; then
        setsid "$node" epmd "$dir" >>"$dir/log/epmd.log" 2>&1 </dev/null &
        echo $! >"$dir/epmd.pid"
    fi
    setsid "$node" server "$dir" >>"$dir/log/node.log" 2>&1 </dev/null &
    echo $! >"$dir/beam.pid"
    if process_wait_port "$port" "$dir/beam.pid"; then
        return
    fi
    tail -n 30 "$dir/log/node.log" >&2
    stop "$dir"
    die "the node on port $port did not come up"
}

stop() {
    process_end "$1/beam.pid" TERM
    process_end "$1/epmd.pid" TERM
}

main() {
    [ $# -ge 2 ] || die 'usage: rabbitmq.sh start|stop|kill|ctl|pid DIR ...'
    local command=$1 dir
    mkdir -p "$2"
    dir=$(cd "$2" && pwd)
    shift 2
    case $command in
    start) start "$dir" "${1:?port}" ;;
    stop) stop "$dir" ;;
    kill) process_end "$dir/beam.pid" KILL ;;
    ctl) "$node" ctl "$dir" "$@" ;;
    pid) cat "$dir/beam.pid" ;;
    *) die "unknown command $command" ;;
    esac
}

main "$@"
