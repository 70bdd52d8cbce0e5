#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-install.sh from the sources to a running suite and back to nothing:
# secrets, ports, edited files, a second run, an alarm's life, restarts; and
# on the way every command that stands in the documents.
set -euo pipefail
top=${HYP_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
dir=$(mktemp -d /tmp/hyp-install.XXXXXX)
prefix=$dir/suite
bin=$prefix/bin
ports_from=
n_passed=0
chmod 755 "$dir"

run_install() {
    "$top/build-install.sh" --prefix "$prefix" --no-deps "$@" </dev/null
}

clean_up() {
    local status=$?
    if [ "$status" != 0 ]; then
        "$bin/hypcontrol" status || true
        tail -n 5 "$prefix"/var/log/engine-*.log "$prefix"/var/log/web*.log ||
            true
    fi
    [ ! -e "$prefix" ] || run_install --uninstall --purge || true
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

# Eight free ports in a row: the suite's own, and what is tried on it.
find_ports() {
    local port i wanted
    for ((i = 0; i < 100; i++)); do
        port=$((20000 + RANDOM % 10000))
        # shellcheck disable=SC2046 # a word for each port
        wanted=$(printf '|%04X' $(seq "$port" $((port + 7))))
        if ! awk '$4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6 |
            grep -qiE ":(${wanted#|})$"; then
            ports_from=$port
            return
        fi
    done
    return 1
}

eventually() {
    local i
    for ((i = 0; i < 100; i++)); do
        if "$@"; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

refuses_taken_port() {
    local out status=0
    python3 -c 'import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("up", flush=True)
sys.stdin.read()' "$((ports_from + 1))" <"$dir/fifo" >"$dir/taken" &
    exec 9>"$dir/fifo"
    eventually test -s "$dir/taken" || return 1
    out=$(run_install --start --ports-from "$ports_from" 2>&1) || status=$?
    exec 9>&-
    wait
    [ "$status" = 1 ] && [[ $out == *"port $((ports_from + 1)) (the AMQP port) is taken"* ]] &&
        [ ! -e "$prefix" ]
}

secrets_are_private() {
    [ -z "$(find "$prefix/etc/secrets" -type f ! -perm 600)" ] &&
        [ "$(stat -c %a "$prefix/etc/secrets")" = 700 ]
}

# No secret stands in a command line, environment, log or readable file.
secrets_are_nowhere_else() {
    local file found
    for file in "$prefix"/etc/secrets/*; do
        case $file in *.conf) continue ;; esac
        found=$(grep -lFs -f "$file" /proc/[0-9]*/cmdline \
            /proc/[0-9]*/environ "$prefix"/var/log/* || true)
        found+=$(find "$prefix" -type f -perm /044 -exec grep -lFs -f \
            "$file" {} + || true)
        if [ -n "$found" ]; then
            printf '%s is also in %s\n' "$file" "$found"
            return 1
        fi
    done
}

only_loopback() {
    local hex i
    for ((i = 0; i < 5; i++)); do
        hex=$(printf '%04X' $((ports_from + i)))
        if awk -v port=":$hex" '$4 == "0A" && index($2, port) &&
            $2 !~ /^0100007F/ { bad = 1 } END { exit !bad }' /proc/net/tcp
        then
            printf 'port %s listens beyond loopback\n' $((ports_from + i))
            return 1
        fi
    done
}

urls_are_right() {
    [[ $("$bin/hypcontrol" urls --json) == *"\"api\":\"http://127.0.0.1:$ports_from\""* ]] &&
        [[ $("$bin/hypcontrol" urls) != *"$(cat "$prefix/etc/secrets/amqp_password")"* ]] &&
        [[ $("$bin/hypcontrol" urls --secrets) == *"$(cat "$prefix/etc/secrets/amqp_password")"* ]]
}

send_check() {
    "$bin/hyp" send connector=test connector_name=install component=host1 \
        resource=disk "$@"
}

alarm_is() {
    [[ $("$bin/hyp" alarm list -o json) == *"\"state\":$1,"* ]]
}

# The best of three: other tests have the processors too.
restart_is_quick() {
    local begun now i
    for i in 1 2 3; do
        begun=$(date +%s%3N)
        "$bin/service" "$1" restart || return 1
        now=$(date +%s%3N)
        [ $((now - begun)) -ge 2000 ] || return 0
        printf 'restart %s of %s: %s ms\n' "$i" "$1" $((now - begun))
    done
    return 1
}

# As docs/scaling.md has it.
in_one_process() {
    local services='engine-collectdgw, engine-chain, engine-perfdata, engine-eventstore'
    "$bin/hypcontrol" stop || return 1
    cp -p "$prefix/etc/hypcontrol.conf" "$dir/hypcontrol.conf"
    sed -i "s/^services = engine-.*/services = $services/" \
        "$prefix/etc/hypcontrol.conf"
    "$bin/hypcontrol" start &&
        [[ $("$bin/service" engine-chain status) == *running*yes* ]] &&
        ! "$bin/service" engine-alarm status
}

in_one_each() {
    "$bin/hypcontrol" stop || return 1
    cp -p "$dir/hypcontrol.conf" "$prefix/etc/hypcontrol.conf"
    "$bin/hypcontrol" start &&
        [[ $("$bin/service" engine-alarm status) == *running*yes* ]]
}

# One connector, for a machine without the rest of the suite.
connector_stands_alone() {
    local alone=$dir/alone
    make -s -C "$top/build/release" install-connector NAME=nsca \
        DESTDIR="$alone" || return 1
    (umask 077 && echo secret >"$alone$prefix/etc/secrets/amqp_password")
    [ "$(ls "$alone$prefix/sbin")" = connector-nsca ] &&
        [ -s "$alone$prefix/share/man/man8/connector-nsca.8" ] &&
        "$alone$prefix/sbin/connector-nsca" --check-config \
            --config-dir "$alone$prefix/etc" \
            --set "amqp.password_file=$alone$prefix/etc/secrets/amqp_password"
}

# It names what is there, and systemd itself finds no fault in it.
unit_is_good() {
    local file=$dir/hypervise.service program
    run_install --print-unit >"$file" || return 1
    while IFS= read -r program; do
        [ -x "$program" ] || return 1
    done < <(sed -n 's/^Exec[A-Za-z]*=-\{0,1\}\([^ ]*\).*/\1/p' "$file")
    grep -qxF "User=$(stat -c %U "$prefix/var")" "$file" || return 1
    if ! command -v systemd-analyze >/dev/null; then
        return 0
    fi
    ! systemd-analyze verify --man=no "$file" 2>&1 |
        grep -F hypervise.service &&
        systemd-analyze security --offline=yes --threshold=25 "$file" \
            >/dev/null
}

# Each program reads what is installed for it, and has its manual page.
programs_are_described() {
    local program name
    for program in "$prefix"/sbin/* "$bin"/*; do
        name=${program##*/}
        "$program" --check-config >/dev/null || return 1
        if [ ! -s "$prefix/share/man/man8/$name.8" ] &&
            [ ! -s "$prefix/share/man/man1/$name.1" ]; then
            printf '%s has no manual page\n' "$name"
            return 1
        fi
    done
}

# The configuration as installed is the samples with a few values put in.
samples_are_installed() {
    local file
    while IFS= read -r file; do
        if [ ! -s "$prefix/etc/$file" ]; then
            printf 'etc/%s is not installed\n' "$file"
            return 1
        fi
    done < <(cd "$prefix/share/doc/hypervise/examples" && find . -name '*.conf')
    [ "$(grep -c '^[a-z]' "$prefix/etc/engines/context.conf")" = 2 ]
}

start_connector() {
    sed -i "s/^#port = 5667/port = $((ports_from + 5))/" \
        "$prefix/etc/connectors/nsca.conf"
    sed -i '/^services = webserver/s/$/, connector-nsca/' \
        "$prefix/etc/hypcontrol.conf"
    "$bin/hypcontrol" start && "$bin/hypcontrol" status
}

connector_takes_a_check() {
    printf 'encryption_method=0\n' >"$dir/send_nsca.cfg"
    printf 'mail1\tnsca\t2\tdown\n' | send_nsca -H 127.0.0.1 \
        -p $((ports_from + 5)) -c "$dir/send_nsca.cfg" &&
        eventually has_entity /resource/nsca/
}

has_entity() {
    [[ $("$bin/hyp" entity list -o name) == *"$1"* ]]
}

# While all runs; and nothing is put in the place of a store in use.
backup_is_made() {
    local out
    "$bin/hyp" backup "$dir/backup" &&
        "$bin/hyp" backup --verify "$dir/backup" >/dev/null || return 1
    ! out=$("$bin/hyp" restore "$dir/backup" --replace --yes 2>&1) &&
        [[ $out == *'is in use'* ]]
}

# As if the version before had written another file than this one does.
update_keeps_what_was_edited() {
    local before after out
    printf '\n# edited\n' >>"$prefix/etc/hypcontrol.conf"
    sed -i 's/^# started first.*/# of an old version/' \
        "$prefix/var/lib/written/hypcontrol.conf"
    before=$(sha256sum "$prefix"/etc/secrets/* "$prefix/etc/hypcontrol.conf" |
        grep -v collectd_amqp)
    out=$(run_install --update) || {
        printf '%s\n' "$out"
        return 1
    }
    after=$(sha256sum "$prefix"/etc/secrets/* "$prefix/etc/hypcontrol.conf" |
        grep -v collectd_amqp)
    [ "$before" = "$after" ] &&
        [[ $out == *"kept: $prefix/etc/hypcontrol.conf was edited"* ]] &&
        [[ $out == *"-# of an old version"*"+# started first"* ]] &&
        [ ! -e "$prefix/etc/engines/alarm.conf.new" ] &&
        [ ! -e "$prefix/var/previous" ] && "$bin/hypcontrol" status
}

# The connector moves to another port, the alarm engine takes another time; a
# port of the webserver needs a restart; what is wrong changes nothing.
reload_takes_what_it_can() {
    local out status=0
    sed -i "s/^port = $((ports_from + 5))/port = $((ports_from + 7))/" \
        "$prefix/etc/connectors/nsca.conf"
    sed -i 's/^#resolve_after =.*/resolve_after = 61s/' \
        "$prefix/etc/engines/alarm.conf"
    out=$("$bin/hypcontrol" reload) || return 1
    [[ $out == *'engine-alarm '*'took alarm.resolve_after'* ]] &&
        [[ $out == *'connector-nsca '*'took nsca.port'* ]] || return 1
    printf 'mail1\tnsca2\t2\tdown\n' | send_nsca -H 127.0.0.1 \
        -p $((ports_from + 7)) -c "$dir/send_nsca.cfg" || return 1
    sed -i "s/^port = $ports_from/port = 1/" "$prefix/etc/webserver.conf"
    sed -i 's/^resolve_after =.*/resolve_after = soon/' \
        "$prefix/etc/engines/alarm.conf"
    out=$("$bin/hypcontrol" reload) || status=$?
    sed -i "s/^port = 1/port = $ports_from/" "$prefix/etc/webserver.conf"
    sed -i 's/^resolve_after =.*/resolve_after = 60s/' \
        "$prefix/etc/engines/alarm.conf"
    [ "$status" = 1 ] &&
        [[ $out == *'needs a restart for webserver.port'* ]] &&
        [[ $out == *'refused, goes on as before: '*resolve_after* ]] &&
        "$bin/hypcontrol" reload && eventually has_entity mail1/nsca2
}

update_refuses_a_bad_configuration() {
    local out status=0 pid
    pid=$(cat "$prefix/var/run/supervisord.pid")
    printf 'nonsense = 1\n' >>"$prefix/etc/engines/alarm.conf"
    out=$(run_install --update --no-build 2>&1) || status=$?
    sed -i '$d' "$prefix/etc/engines/alarm.conf"
    [ "$status" = 1 ] && [[ $out == *'nothing was changed'*nonsense* ]] &&
        [ "$(cat "$prefix/var/run/supervisord.pid")" = "$pid" ] &&
        "$bin/hypcontrol" status
}

# A program that knows its options but does not run; before it ends it makes
# of the store what the old version cannot read ($1: how).
update_goes_back() {
    local program=$top/build/release/engine-alarm out status=0
    sed -i 's/^schema=.*/schema=1/' "$prefix/.hypervise"
    mv "$program" "$dir/engine-alarm"
    printf '#!/bin/bash\ncase $* in *--*) exec %s "$@" ;; esac\n%s\n%s\n' \
        "$dir/engine-alarm" "$1" 'echo broken; exit 1' >"$program"
    chmod 755 "$program"
    out=$(run_install --update --no-build 2>&1) || status=$?
    mv "$dir/engine-alarm" "$program"
    printf '%s\n' "$out"
    [ "$status" = 1 ] && [[ $out == *'engine-alarm: ended: broken'* ]] &&
        [[ $out == *'copying the store'*'the store is as it was'* ]] &&
        [[ $out == *'the old version runs again'* ]] &&
        [ ! -e "$prefix/var/previous" ] && "$bin/hypcontrol" status
}

# The version of the alarms' file, as of a later program.
later_sqlite() {
    printf '%q ' python3 -c "import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute('UPDATE meta SET value = 99 WHERE name = \'schema\'')
store.commit()" "$prefix/var/lib/store/alarm.db"
}

# Of the suite's processes, only collectd and the broker have the clear port.
speaks_tls() {
    local urls clear
    urls=$("$bin/hypcontrol" urls)
    clear=$(printf ':%04X' $((ports_from + 1)))
    [[ $urls == *"amqps://connector@127.0.0.1:$((ports_from + 6))/"* ]] &&
        [ "$(awk -v port="$clear" '$4 == "01" && index($3, port)' \
            /proc/net/tcp | wc -l)" -le 1 ]
}

# The store becomes a mongod of the suite's own, in the same prefix.
with_mongod() {
    local mongod
    mongod=$("$top/tests/support/get-mongod.sh") || return 1
    sed -i 's/^#services = epmd, rabbitmq$/services = epmd, rabbitmq, mongod/' \
        "$prefix/etc/hypcontrol.conf"
    "$bin/hypcontrol" stop || return 1
    run_install --start --no-build --with-mongod "$mongod" \
        --ports-from "$ports_from" &&
        [[ $("$bin/service" mongod status) == *running*yes* ]] &&
        [[ $("$bin/hypcontrol" urls) == *"store  "*"mongodb://hypervise@127.0.0.1:$((ports_from + 4))/"* ]] &&
        [ "$(stat -c %a "$prefix/var/lib/mongod")" = 700 ]
}

# It stands behind a user and a password, for hypcontrol too.
repartition_finds_the_store() {
    [[ $("$bin/hypcontrol" repartition --dry-run alarm=2) == *'would start everything'* ]]
}

nothing_left() {
    local entry
    [ ! -e "$prefix" ] || return 1
    for entry in /proc/[0-9]*; do
        case $(readlink "$entry/cwd" 2>/dev/null) in "$prefix"*) return 1 ;; esac
    done
}

trap clean_up EXIT
mkfifo "$dir/fifo"
find_ports
had_user=$(getent passwd hypervise || true)

check 'a taken port is told and nothing is installed' refuses_taken_port
check 'build, install, start' run_install --start --ports-from "$ports_from"
check 'all is ready' "$bin/hypcontrol" status
check 'secrets are files of their owner only' secrets_are_private
check 'secrets stand nowhere else' secrets_are_nowhere_else
check 'everything listens on loopback' only_loopback
check 'addresses' urls_are_right
check 'every program has its manual and takes its configuration' \
    programs_are_described
check 'the systemd unit is good' unit_is_good
check 'a connector can be installed alone' connector_stands_alone
check 'every sample is a file of the configuration' samples_are_installed
check 'all is well' "$bin/hyp" doctor
check 'hypcontrol starts a connector' start_connector
check 'which takes a check' connector_takes_a_check
check 'a reload takes what it can, and tells the rest' reload_takes_what_it_can
check 'a check is taken' send_check state=2 output=full
check 'it becomes an alarm' eventually alarm_is 2
check 'a restart of the suite' "$bin/hypcontrol" restart
check 'keeps the alarm' alarm_is 2
check 'the way of the checks in one process' in_one_process
check 'keeps the alarm' alarm_is 2
check 'and takes a worse check' send_check state=3 output=worse
check 'which is seen' eventually alarm_is 3
check 'all is well' "$bin/hyp" doctor
check 'in a process each again' in_one_each
check 'the alarm engine restarts in under 2 s' restart_is_quick engine-alarm
check 'a better check is taken' send_check state=1 output=better
check 'and seen' eventually alarm_is 1
check 'a backup, while all runs' backup_is_made
check 'an update keeps secrets and edited files, and tells what is new' \
    update_keeps_what_was_edited
check 'an update refuses what the new version cannot read' \
    update_refuses_a_bad_configuration
check 'an update that does not start goes back, with the store as it was' \
    update_goes_back "$(later_sqlite)"
check 'and data' alarm_is 1
check 'every command of the documents' "$top/tests/docs/run.py" "$prefix"
check 'uninstall keeps configuration and data' run_install --uninstall
check 'install again, with AMQPS' run_install --start --amqps-port \
    $((ports_from + 6))
check 'all is ready' "$bin/hypcontrol" status
check 'everybody uses it' speaks_tls
check 'events by it' send_check state=1 output=better --amqp
check 'secrets are files of their owner only' secrets_are_private
check 'secrets stand nowhere else' secrets_are_nowhere_else
check 'everything listens on loopback' only_loopback
check 'the alarm is there' alarm_is 1
check 'a mongod of its own becomes the store' with_mongod
check 'which takes a check' send_check state=3 output=worse
check 'and keeps its alarm' eventually alarm_is 3
check 'a change of partitions finds it' repartition_finds_the_store
check 'secrets stand nowhere else' secrets_are_nowhere_else
check 'uninstall and purge' run_install --uninstall --purge
check 'nothing is left' nothing_left
check 'the user is as before' [ "$(getent passwd hypervise)" = "$had_user" ]
printf '%s passed\n' "$n_passed"
