#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A RabbitMQ node for tests, on loopback, everything in DIR.
#
#   rabbitmq.sh start DIR PORT [TLS_PORT]   up and answering when it returns;
#                                with TLS_PORT also by AMQPS, to who has a
#                                certificate of DIR/tls
#   rabbitmq.sh join DIR PORT FIRST   the same, once: a further node of the
#                                cluster of the node in FIRST; `start` brings
#                                it back too. FIRST is stopped last
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
certificates=$here/../../control/tls-certificates

die() {
    printf 'rabbitmq.sh: %s\n' "$*" >&2
    exit 1
}

make_dir() {
    local dir=$1 port=$2 tls_port=$3 ports tls=()
    [ -f "$dir/node.conf" ] && return
    mapfile -t ports < <("$here/freeport" 2)
    local user
    for user in hypervise connector; do
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' \
            >"$dir/$user.password")
    done
    if [ -n "$tls_port" ]; then
        "$certificates" "$dir/tls" localhost,127.0.0.1
        tls=(tls_port="$tls_port" tls_dir="$dir/tls")
    fi
    "$users" "$dir/hypervise.password" "$dir/connector.password" \
        >"$dir/definitions.json"
    "$node" make "$dir" name="test$port" port="$port" \
        dist_port="${ports[0]}" epmd_port="${ports[1]}" \
        definitions="$dir/definitions.json" "${tls[@]}"
}

# The same users, cookie and port mapper.
make_joining() {
    local dir=$1 port=$2 first=$3 file epmd_port
    [ -f "$dir/node.conf" ] && return
    epmd_port=$(sed -n 's/^epmd_port=//p' "$first/node.conf")
    for file in hypervise.password connector.password definitions.json \
        .erlang.cookie; do
        cp -p "$first/$file" "$dir/$file"
    done
    "$node" make "$dir" name="test$port" port="$port" \
        dist_port="$("$here/freeport")" epmd_port="$epmd_port" \
        definitions="$dir/definitions.json"
    sed -n 's/^name=//p' "$first/node.conf" >"$dir/first"
}

join() {
    local dir=$1 port=$2
    make_joining "$dir" "$port" "$3"
    start "$dir" "$port" ''
    "$node" ctl "$dir" stop_app
    "$node" ctl "$dir" join_cluster "$(cat "$dir/first")@localhost"
    "$node" ctl "$dir" start_app
}

start() {
    local dir=$1 port=$2
    process_alive "$dir/beam.pid" && die "$dir: already running"
    make_dir "$dir" "$port" "$3"
    if [ ! -f "$dir/first" ] && ! process_alive "$dir/epmd.pid"; then
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
    [ $# -ge 2 ] || die 'usage: rabbitmq.sh start|join|stop|kill|ctl|pid DIR ...'
    local command=$1 dir
    mkdir -p "$2"
    dir=$(cd "$2" && pwd)
    shift 2
    case $command in
    start) start "$dir" "${1:?port}" "${2:-}" ;;
    join) join "$dir" "${1:?port}" "$(cd "${2:?folder of the first}" && pwd)" ;;
    stop) stop "$dir" ;;
    kill) process_end "$dir/beam.pid" KILL ;;
    ctl) "$node" ctl "$dir" "$@" ;;
    pid) cat "$dir/beam.pid" ;;
    *) die "unknown command $command" ;;
    esac
}

main "$@"
