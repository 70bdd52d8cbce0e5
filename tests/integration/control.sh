#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# hypcontrol and service over a real supervisord, with small services: order
# of sections, readiness, reasons, restarts, exit codes, nothing left behind.
set -euo pipefail
top=${HYP_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${HYP_BUILDDIR:-$top/build}
dir=$(mktemp -d /tmp/hyp-control.XXXXXX)
etc=$dir/etc
run=$dir/var/run
n_passed=0

control() { "$build/bin/hypcontrol" --prefix "$dir" "$@"; }
service() { "$build/bin/service" --prefix "$dir" "$@"; }

clean_up() {
    local status=$?
    control stop >/dev/null 2>&1 || true
    [ "$status" = 0 ] || tail -n 20 "$dir"/var/log/*.log || true
    rm -rf "$dir"
    exit "$status"
}

check() {
    local what=$1
    shift
    if ! "$@"; then
        printf 'FAILED: %s\n' "$what"
        exit 1
    fi
    n_passed=$((n_passed + 1))
    printf 'ok: %s\n' "$what"
}

# The command ends with status $1 and says $2.
says() {
    local want=$1 text=$2 status=0 out
    shift 2
    out=$("$@" 2>&1) || status=$?
    if [ "$status" != "$want" ] || [[ $out != *"$text"* ]]; then
        printf 'status %s, expected %s; output, expected "%s" in it:\n%s\n' \
            "$status" "$want" "$text" "$out"
        return 1
    fi
}

# A service that says that it is ready as long as file ready-NAME is there.
make_worker() {
    cat >"$dir/worker" <<'END'
#!/bin/bash
trap 'rm -f "$2/$1.status"; echo "$1 stop" >>"$2/order"; exit 0' TERM
reloads=0
trap 'reloads=$((reloads + 1))' HUP
[ "$1" != front ] || seq -f "line %.0f" 1 8000
[ ! -e "$2/refuse-$1" ] || { echo "$1: bad value"; exit 1; }
echo "$1 start" >>"$2/order"
while :; do
    ready=false
    [ ! -e "$2/ready-$1" ] || ready=true
    now=$(date +%s)
    told=
    [ ! -e "$2/told-$1" ] || told=$(cat "$2/told-$1")
    printf '{"name":"%s","pid":%s,"ready":%s,"why_not":"waits for the store","started_at":%s,"updated_at":%s,"reloads":%s,"reload":{%s}}' \
        "$1" $$ $ready "$now" "$now" $reloads "$told" >"$2/$1.new"
    mv "$2/$1.new" "$2/$1.status"
    sleep 0.1
done
END
    chmod 755 "$dir/worker"
}

make_program() {
    cat >"$etc/supervisord.d/$1.conf" <<END
[program:$1]
command=$2
autostart=false
startsecs=1
startretries=1000
redirect_stderr=true
stdout_logfile=$dir/var/log/$1.log
stdout_logfile_maxbytes=10KB
stdout_logfile_backups=20
END
}

make_suite() {
    mkdir -p "$etc/supervisord.d" "$run" "$dir/var/log"
    sed -e "s|@VARDIR@|$dir/var|g" -e "s|@ETCDIR@|$etc|g" \
        "$top/etc/supervisord.conf.in" >"$etc/supervisord.conf"
    printf '%s\n' '[hypcontrol]' 'wait = 10s' '[backends]' \
        'services = base' '[engines]' 'services = engine-a, engine-b' \
        '[frontends]' 'services = front' >"$etc/hypcontrol.conf"
    make_worker
    for name in base engine-a engine-b front; do
        make_program "$name" "$dir/worker $name $run"
        touch "$run/ready-$name"
    done
}

pid_of() {
    service "$1" status | awk 'NR == 2 { print $4 }'
}

wait_restarted() {
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(pid_of "$1")" = "$2" ] || ! control status >/dev/null || return 0
        sleep 0.1
    done
    return 1
}

socket_mode() {
    [ "$(stat -c %a "$run/supervisor.sock")" = 700 ]
}

sections_in_order() {
    [ "$(sed -n '1p;4p' "$run/order")" = $'base start\nfront start' ]
}

stopped_backwards() {
    [ "$(sed -n '5p;8p' "$run/order")" = $'front stop\nbase stop' ]
}

# All that a talkative service said, in order, across its rotated files.
no_line_is_lost() {
    local files i
    for ((i = 0; i < 100; i++)); do
        mapfile -t files < <(printf '%s\n' "$dir"/var/log/front.log* |
            sort -rV)
        [ "${#files[@]}" -lt 2 ] ||
            ! cmp -s <(seq -f 'line %.0f' 1 8000) <(cat "${files[@]}") ||
            return 0
        sleep 0.1
    done
    return 1
}

nothing_runs() {
    ! pgrep -f "$dir/worker" >/dev/null &&
        ! pgrep -f "$etc/supervisord.conf" >/dev/null
}

trap clean_up EXIT
make_suite

check 'status before the start' says 1 'supervisord does not run' control status
check 'stop of what does not run' says 0 '' control stop
check 'start' says 0 '' control start
check 'the socket is its owner'\''s only' socket_mode
check 'sections start in order' sections_in_order
check 'status' says 0 'engine-b' control status
check 'status as JSON' says 0 '"why_not":null' control status --json
check 'logs are rotated without the loss of a line' no_line_is_lost
check 'start again' says 0 '' control start
check 'status of one' says 0 'front' service front status
check 'log of one' says 0 $'line 7900\nline 7901\n' service front log
check 'unknown service' says 1 'not in hypcontrol.conf' service nope start
check 'stop' says 0 '' control stop
check 'sections stop backwards' stopped_backwards
check 'nothing runs after the stop' nothing_runs

check 'service starts supervisord' says 0 '' service base start
check 'others stay down' says 1 'stopped' control status
check 'restart of one' says 0 '' service base restart
check 'the rest starts' says 0 '' control start

pid=$(pid_of engine-a)
kill -9 "$pid"
check 'a killed service comes back' wait_restarted engine-a "$pid"
check 'and is counted' says 0 '"restarts":1' control status --json

check 'a reload with nothing new' says 0 'nothing new' control reload
echo '"taken":"a.b","kept":"c.d"' >"$run/told-engine-a"
check 'a reload tells what was taken and what needs a restart' says 1 \
    'took a.b; needs a restart for c.d' control reload
echo '"refused":"file:1: x: unknown key"' >"$run/told-engine-a"
check 'a reload tells what was refused' says 1 \
    'refused, goes on as before: file:1: x: unknown key' control reload
rm "$run/told-engine-a"

rm "$run/ready-engine-b"
sleep 0.3
check 'not ready, with the reason' says 1 'waits for the store' control status
check 'start waits for it and tells' says 1 'engine-b: waits for the store' \
    control start --wait 2s
touch "$run/ready-engine-b"
touch "$run/refuse-engine-b"
check 'a refused configuration ends the wait' says 1 'bad value' \
    service engine-b restart
rm "$run/refuse-engine-b"
check 'it recovers' says 0 '' control start

printf '[hypcontrol]\nwaits = 1\n' >"$etc/hypcontrol.conf"
check 'a wrong configuration names file and key' says 1 \
    'hypcontrol.conf:2: waits' control status
printf '[backends]\nservices = base, gone\n[engines]\nservices = engine-a, engine-b\n[frontends]\nservices = front\n' \
    >"$etc/hypcontrol.conf"
check 'a service without a program' says 1 'gone: no program' control start
check 'usage' says 2 'usage:' control nonsense
check 'a duration is needed' says 2 'expected a duration' \
    control start --wait x
check 'the end of the whole' says 0 '' control stop
printf '[backends]\nservices = base\n[engines]\nservices = engine-a, engine-b\n[frontends]\nservices = front\n' \
    >"$etc/hypcontrol.conf"
printf '[partitions]\nengines = b*2\n' >"$etc/partitions.conf"
for name in engine-b.0 engine-b.1; do
    make_program "$name" "$dir/worker $name $run"
    touch "$run/ready-$name"
done
check 'an engine in partitions starts' says 0 '' control start
check 'each of them is a service' says 0 'engine-b.1' control status
check 'also alone' says 0 'engine-b.0' service engine-b.0 status
check 'the bare name is none' says 1 'not in hypcontrol.conf' \
    service engine-b status
printf '[partitions]\nengines = b*2, b*3\n' >"$etc/partitions.conf"
check 'wrong partitions are told' says 1 'b stands there twice' control status
printf '[partitions]\nengines = b*2\n' >"$etc/partitions.conf"
check 'the end' says 0 '' control stop
check 'nothing runs at the end' nothing_runs
printf '%s passed\n' "$n_passed"
