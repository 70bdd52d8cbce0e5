#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds, installs, starts, tests and removes Hypervise on Debian 12.
set -euo pipefail
umask 022
top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$top"

build=$top/build
log=$build/install.log
marker=.hypervise

# Packages, in one place. What a fresh Debian lacks of them is installed.
packages_build=(
    autoconf autoconf-archive automake gcc libc6-dev libtool make pkg-config
    libbson-dev libcollectdclient-dev libcurl4-openssl-dev libexpat1-dev
    libjansson-dev liblz4-dev libmicrohttpd-dev libmongoc-dev libpcre2-dev
    libgnutls28-dev librabbitmq-dev libsodium-dev libsqlite3-dev libssl-dev
    libyajl-dev libyaml-dev nettle-dev
)
packages_run=(
    collectd-core libmnl0 librabbitmq4 libyajl2 libyaml-0-2 openssl
    procps
    rabbitmq-server supervisor tzdata
)
packages_test=(
    bsdutils ca-certificates curl gnutls-bin libcmocka-dev nsca-client
    prometheus prometheus-alertmanager python3 python3-pip rsyslog
    rsyslog-gnutls shellcheck unzip xz-utils
)
# What these packages would start at boot by themselves.
package_services=(
    rabbitmq-server:rabbitmq-server.service collectd-core:collectd.service
    supervisor:supervisor.service erlang-base:epmd.service
    erlang-base:epmd.socket rsyslog:rsyslog.service
    prometheus:prometheus.service
    prometheus-alertmanager:prometheus-alertmanager.service
)
space_build_mb=700
space_prefix_mb=300

action=
prefix=
ports_from=
listen=
amqps_port=
storage=
with_mongod=
jobs=$(nproc 2>/dev/null || echo 1)
deps=yes
do_build=yes
purge=no
dry_run=no
fresh_prefix=no
updating=no
policy_made=no

usage() {
    cat <<'END'
Builds, installs, starts, tests and removes Hypervise on Debian 12.

usage: ./build-install.sh [--start] [OPTION...]    build and install; start it
       ./build-install.sh --update [OPTION...]     build, replace what runs
       ./build-install.sh --test [OPTION...]       build and run every test
       ./build-install.sh --uninstall [--purge]    remove the programs; all

  --prefix DIR       where it goes (/opt/hypervise for root, else ~/hypervise)
  --ports-from N     use the ports N (API), N+1 (AMQP), N+2 and N+3 (the
                     broker's own), N+4 (mongod); default 8082, 5672,
                     25682, 24369, 27017
  --amqps-port N     talk to the broker by AMQPS, with certificates made here;
                     0: in the clear again
  --listen ADDRESS   where the API and the broker listen; default 127.0.0.1
  --storage URI      sqlite:<folder> (default, under the prefix), or
                     mongodb://host:port/database?replicaSet=name
  --with-mongod PATH run this mongod as a service of the suite, a replica set
                     of one on this machine, and store there; its data are
                     under the prefix
  --print-unit       print the systemd unit of what is installed there; root
                     installs it by itself in /opt/hypervise
  --no-deps          install no Debian packages
  --no-build         install what build/ already holds
  --jobs N           compile N files at a time; default: processors
  --dry-run          say what would be done, do nothing
  --purge            with --uninstall: configuration and data go too
  --help             this text

--update refuses, before anything stops, when the new programs do not take the
configuration; tells what is new for the files that were edited; restarts in
order; and puts the old version back when the new one does not start.

It asks nothing, and can be run again: what was chosen before, secrets,
edited configuration and data are kept. Root is used for packages only when
some are missing. The exit status is 0 only when all that was asked is so.
END
}

# One line that says which and what to do; the end.
die() {
    printf 'build-install.sh: %s\n' "$*" >&2
    exit 1
}

say() {
    printf '%s\n' "$*"
}

# ---- command line ----------------------------------------------------------

need_value() {
    if [ $# -lt 2 ] || [ -z "$2" ]; then
        die "$1: a value is missing; see --help"
    fi
}

set_action() {
    if [ -n "$action" ] && [ "$action" != "$1" ]; then
        die "--$action and --$1 exclude each other"
    fi
    action=$1
}

is_number() {
    if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]
    then
        die "$1 $2: expected a whole number from $3 to $4"
    fi
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --start | --update | --test | --uninstall) set_action "${1#--}" ;;
        --purge) purge=yes ;;
        --print-unit) set_action print-unit ;;
        --no-deps) deps=no ;;
        --no-build) do_build=no ;;
        --dry-run) dry_run=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        --prefix | --ports-from | --amqps-port | --listen | --storage | \
            --with-mongod | --jobs)
            need_value "$@"
            local name=${1#--}
            printf -v "${name//-/_}" '%s' "$2"
            shift
            ;;
        --*=*)
            # --name=value, as --name value
            set -- "${1%%=*}" "${1#*=}" "${@:2}"
            continue
            ;;
        *) die "$1: unknown option; see --help" ;;
        esac
        shift
    done
    check_options
}

check_options() {
    if [ -z "$prefix" ]; then
        if [ "$(id -u)" = 0 ]; then
            prefix=/opt/hypervise
        else
            prefix=$HOME/hypervise
        fi
    fi
    case $prefix in
    /) die "--prefix /: a folder of its own is needed" ;;
    /*) prefix=${prefix%/} ;;
    *) prefix=$PWD/${prefix%/} ;;
    esac
    [[ $prefix =~ ^[A-Za-z0-9/._+-]+$ ]] ||
        die "--prefix $prefix: only letters, digits and / . _ + - are possible"
    is_number --jobs "$jobs" 1 1024
    [ -z "$ports_from" ] || is_number --ports-from "$ports_from" 1024 65532
    [ -z "$amqps_port" ] || is_number --amqps-port "$amqps_port" 0 65535
    case $storage in
    '' | sqlite:/* | mongodb://* | mongodb+srv://*) ;;
    *) die "--storage $storage: expected sqlite:/folder or mongodb://..." ;;
    esac
    check_mongod
    [ "$purge" = no ] || [ "$action" = uninstall ] ||
        die '--purge goes with --uninstall'
}

check_mongod() {
    [ -n "$with_mongod" ] || return 0
    [ -z "$storage" ] || die '--with-mongod and --storage exclude each other'
    [ -x "$with_mongod" ] ||
        die "--with-mongod $with_mongod: not a program"
    with_mongod=$(realpath "$with_mongod")
    "$with_mongod" --version 2>/dev/null | grep -q '^db version' ||
        die "--with-mongod $with_mongod: does not run, or is no mongod"
}

# ---- the machine -----------------------------------------------------------

check_distribution() {
    local ID='' VERSION_ID='' PRETTY_NAME='an unknown system'
    [ "$deps" = yes ] || return 0
    # shellcheck source=/dev/null
    [ ! -r /etc/os-release ] || . /etc/os-release
    if [ "$ID" != debian ]; then
        die "this is $PRETTY_NAME: Debian 12 or later is needed, or --no-deps with the packages in place"
    fi
    # Testing and unstable carry no number.
    if [ -n "$VERSION_ID" ] && [ "${VERSION_ID%%.*}" -lt 12 ]; then
        die "this is $PRETTY_NAME: Debian 12 or later is needed; upgrade first"
    fi
}

existing_parent() {
    local folder=$1
    while [ ! -d "$folder" ]; do
        folder=$(dirname "$folder")
    done
    printf '%s\n' "$folder"
}

check_space() {
    local folder=$1 need=$2 free
    folder=$(existing_parent "$folder")
    free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$need" ] ||
        die "$folder: $free MB are free, $need MB are needed; make room there"
}

check_writable() {
    local folder
    folder=$(existing_parent "$1")
    [ -w "$folder" ] ||
        die "$1: $folder is not writable for $(id -un); choose another or become root"
}

check_prefix() {
    if [ -d "$prefix" ] && [ -n "$(ls -A "$prefix")" ] &&
        [ ! -e "$prefix/$marker" ]; then
        die "$prefix: is not empty and holds no Hypervise; choose another --prefix"
    fi
    check_writable "$prefix"
}

port_is_taken() {
    local hex
    printf -v hex '%04X' "$1"
    awk -v port="$hex" '$4 == "0A" && $2 ~ ":" port "$" { found = 1 }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# A port as chosen before, now, or by default: name and default are given.
chosen_port() {
    local name=$1 offset=$2 fallback=$3 kept
    if [ -n "$ports_from" ]; then
        printf '%s\n' "$((ports_from + offset))"
        return
    fi
    kept=$(sed -n "s/^$name=//p" "$prefix/etc/install.conf" 2>/dev/null) || true
    printf '%s\n' "${kept:-$fallback}"
}

choose_ports() {
    api_port=$(chosen_port api_port 0 8082)
    amqp_port=$(chosen_port amqp_port 1 5672)
    dist_port=$(chosen_port dist_port 2 25682)
    epmd_port=$(chosen_port epmd_port 3 24369)
    mongod_port=$(chosen_port mongod_port 4 27017)
}

suite_is_up() {
    [ -S "$prefix/var/run/supervisor.sock" ] &&
        [ -s "$prefix/var/run/supervisord.pid" ] &&
        kill -0 "$(cat "$prefix/var/run/supervisord.pid")" 2>/dev/null
}

# A suite that runs here holds its own ports.
check_ports() {
    local pair
    [ "$action" = start ] || return 0
    ! suite_is_up || return 0
    for pair in "API:$api_port" "AMQP:$amqp_port" "broker's:$dist_port" \
        "port mapper's:$epmd_port" ${amqps_port:+"AMQPS:$amqps_port"} \
        ${with_mongod:+"mongod's:$mongod_port"}; do
        ! port_is_taken "${pair##*:}" ||
            die "port ${pair##*:} (the ${pair%%:*} port) is taken by another program; end that, or choose others with --ports-from N"
    done
}

# ---- packages --------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

package_is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
    local package
    for package in "$@"; do
        package_is_installed "$package" || printf '%s\n' "$package"
    done
}

# Keeps Debian from starting services while packages come in. An existing
# policy is somebody's decision and stays as it is.
policy_put() {
    [ ! -e /usr/sbin/policy-rc.d ] || return 0
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
    policy_made=yes
}

policy_remove() {
    [ "$policy_made" = yes ] || return 0
    as_root rm -f /usr/sbin/policy-rc.d
    policy_made=no
}

# Services that came with the packages given are the suite's business only.
disable_new_services() {
    local pair
    [ -d /run/systemd/system ] || return 0
    for pair in "${package_services[@]}"; do
        case " $* " in
        *" ${pair%%:*} "*)
            as_root systemctl -q disable "${pair#*:}" 2>>"$log" || true
            ;;
        esac
    done
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C \
        apt-get -q -y -o Dpkg::Options::=--force-confold \
        --no-install-recommends "$@" >>"$log" 2>&1 </dev/null
}

apt_failed() {
    local reason
    reason=$(grep '^E: ' "$log" | tail -n 1) || true
    die "packages cannot be installed: ${reason#E: } (all of it: $log)"
}

install_packages() {
    local missing before=() package
    mapfile -t missing < <(missing_packages "$@")
    if [ "$deps" = no ] || [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        die "packages are missing and only root can install them: apt-get install ${missing[*]}"
    fi
    say "installing packages: ${missing[*]}"
    if ! apt install --simulate "${missing[@]}"; then
        apt update || apt_failed
        apt install --simulate "${missing[@]}" || apt_failed
    fi
    for package in "${package_services[@]%%:*}"; do
        package_is_installed "$package" || before+=("$package")
    done
    policy_put
    apt install "${missing[@]}" || apt_failed
    policy_remove
    disable_new_services "${before[@]}"
}

# ---- building --------------------------------------------------------------

# The generated parts of the build system are made in a copy, so that nothing
# but build/ is left in the source tree.
copy_sources() {
    mkdir -p "$build/src"
    tar -cf - --exclude=./build --exclude=./.git --exclude=./autom4te.cache \
        --exclude=./build-fuzz --exclude=./build-coverage \
        . | tar -xf - -C "$build/src"
    if [ ! -x "$build/src/configure" ] ||
        [ "$build/src/configure.ac" -nt "$build/src/configure" ]; then
        run_logged 'preparing' autoreconf -fi "$build/src"
    fi
}

# Run with all output in the log; when it fails, show what matters of it.
run_logged() {
    local what=$1 begun=$SECONDS
    shift
    say "$what ..."
    printf '\n== %s: %s\n' "$what" "$*" >>"$log"
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        if tail -n 200 "$log" | grep -q 'No space left on device'; then
            die "$what: the disk with $build is full; make room and run again"
        fi
        tail -n 200 "$log" | grep -E 'error|Error|\*\*\*' | head -n 10 >&2 ||
            true
        die "$what failed; all of it: $log"
    fi
    [ $((SECONDS - begun)) -lt 5 ] || say "$what: $((SECONDS - begun)) s"
}

# Configure build folder $1 with the options that follow, unless it is so.
configure_build() {
    local folder=$1
    shift
    if [ -f "$folder/Makefile" ] &&
        [ "$(cat "$folder/configured-with" 2>/dev/null)" = "$*" ]; then
        return
    fi
    # What is compiled in, like the prefix, is in no dependency of make.
    rm -rf -- "$folder"
    mkdir -p "$folder"
    (cd "$folder" && run_logged "configuring ${folder##*/}" \
        "$build/src/configure" -q "$@")
    printf '%s' "$*" >"$folder/configured-with"
}

build_release() {
    if [ "$do_build" = no ]; then
        [ -f "$build/release/Makefile" ] ||
            die '--no-build: nothing is built yet; run once without it'
        [ "$(cat "$build/release/configured-with")" = "--prefix=$prefix" ] ||
            die "--no-build: build/ was made for another prefix than $prefix; run once without it"
        return
    fi
    copy_sources
    configure_build "$build/release" --prefix="$prefix"
    run_logged 'building' make -C "$build/release" -j "$jobs"
}

# ---- installing ------------------------------------------------------------

make_user() {
    user=
    [ "$(id -u)" = 0 ] || return 0
    user=hypervise
    if ! getent passwd "$user" >/dev/null; then
        useradd --system --user-group --home-dir "$prefix/var" \
            --no-create-home --shell /usr/sbin/nologin "$user" 2>>"$log" ||
            die "user $user cannot be made: see $log"
        printf 'user=%s\n' "$user" >>"$prefix/$marker"
    fi
}

user_can_reach_prefix() {
    [ -n "$user" ] || return 0
    setpriv --reuid "$user" --regid "$user" --clear-groups \
        test -x "$prefix" 2>/dev/null ||
        die "$prefix: user $user cannot get there; choose another --prefix"
}

# After a failure a prefix that this run made is gone again, and what an
# update replaced is back.
clean_up() {
    local status=$?
    trap - EXIT
    policy_remove
    if [ "$status" != 0 ] && [ "$updating" = yes ]; then
        roll_back
    fi
    if [ "$status" != 0 ] && [ "$fresh_prefix" = yes ]; then
        remove_user
        rm -rf -- "$prefix"
    fi
    exit "$status"
}

take_prefix() {
    [ -e "$prefix/$marker" ] || fresh_prefix=yes
    mkdir -p "$prefix" || die "$prefix: cannot be made"
    printf '# Hypervise is installed here.\n' >>"$prefix/$marker"
    sort -u -o "$prefix/$marker" "$prefix/$marker"
}

install_files() {
    local options=(--listen "${listen:-$(kept_setting listen 127.0.0.1)}"
        --api-port "$api_port" --amqp-port "$amqp_port"
        --dist-port "$dist_port" --epmd-port "$epmd_port")
    [ -z "$storage" ] || options+=(--storage "$storage" --mongod '')
    [ -z "$with_mongod" ] ||
        options+=(--mongod "$with_mongod" --mongod-port "$mongod_port")
    [ -z "$amqps_port" ] || options+=(--amqps-port "$amqps_port")
    take_prefix
    make_user
    user_can_reach_prefix
    [ -z "$user" ] || options+=(--user "$user")
    run_logged 'installing' make -C "$build/release" install
    sed -i '/^schema=/d' "$prefix/$marker"
    printf 'schema=%s\n' "$(store_schema)" >>"$prefix/$marker"
    "$prefix/libexec/hypervise/setup" "${options[@]}" ||
        die 'the configuration could not be written; see above'
}

kept_setting() {
    local kept
    kept=$(sed -n "s/^$1=//p" "$prefix/etc/install.conf" 2>/dev/null) || true
    printf '%s\n' "${kept:-$2}"
}

stop_suite() {
    suite_is_up || return 0
    say 'stopping'
    ! managed_by_systemd || systemctl stop hypervise.service || true
    # Somebody may have started it beside the unit.
    "$prefix/bin/hypcontrol" stop --wait 120s
}

managed_by_systemd() {
    [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] &&
        [ -f /etc/systemd/system/hypervise.service ] &&
        grep -q "=$prefix/bin/" /etc/systemd/system/hypervise.service
}

try_start() {
    if managed_by_systemd; then
        systemctl start hypervise.service &&
            "$prefix/bin/hypcontrol" status >/dev/null
    else
        "$prefix/bin/hypcontrol" start --wait 120s
    fi
}

start_suite() {
    say 'starting'
    try_start ||
        die "the suite did not start; its logs are in $prefix/var/log, and $prefix/bin/hypcontrol status says more"
}

has_metrics() {
    "$prefix/bin/hyp" metric list --limit 1 -o json 2>/dev/null |
        grep -q '"id"'
}

# It is not done before metrics of this host have come through to the store,
# and all is well.
wait_for_events() {
    local until=$((SECONDS + 60))
    say 'waiting for metrics of this host'
    until has_metrics && "$prefix/bin/hyp" doctor >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] ||
            die "not all is well after 60 s; $prefix/bin/hyp doctor says what"
        sleep 0.5
    done
}

show_addresses() {
    say ''
    say "Hypervise is running under $prefix:"
    "$prefix/bin/hypcontrol" urls
    say ''
    say "Try: $prefix/bin/hyp doctor"
}

install_suite() {
    local was_up=no
    check_distribution
    choose_ports
    check_prefix
    check_ports
    check_writable "$build"
    check_space "$build" "$space_build_mb"
    check_space "$prefix" "$space_prefix_mb"
    if [ "$dry_run" = yes ]; then
        say_plan
        return
    fi
    prepare_log
    install_packages "${packages_build[@]}" "${packages_run[@]}"
    build_release
    ! suite_is_up || was_up=yes
    stop_suite
    install_files
    fresh_prefix=no
    if [ "$action" = start ] || [ "$was_up" = yes ]; then
        start_suite
        wait_for_events
        show_addresses
    else
        say "installed under $prefix; start it with $prefix/bin/hypcontrol start"
    fi
}

say_plan() {
    local missing=()
    [ "$deps" = no ] ||
        mapfile -t missing < <(missing_packages "${packages_build[@]}" \
            "${packages_run[@]}")
    say "would install packages: ${missing[*]:-none}"
    [ "$do_build" = no ] || say "would build in $build with $jobs jobs"
    say "would install to $prefix, listening on ${listen:-127.0.0.1}, ports $api_port (API), $amqp_port (AMQP), $dist_port and $epmd_port (broker)"
    [ "$action" != start ] || say 'would start it and wait for metrics'
    [ "$action" != update ] ||
        say 'would check the configuration with it, and restart what runs'
}

# ---- updating --------------------------------------------------------------

# What an update replaces: kept until the new version runs.
previous=
replaced=(bin sbin libexec share etc)

store_schema() {
    sed -n 's/.*STORE_SCHEMA_VERSION = \([0-9]*\).*/\1/p' \
        common/store/schema.h
}

# The programs as they will be installed, beside: do they take what is in etc?
check_new_version() {
    local stage=$build/stage program
    rm -rf -- "$stage"
    run_logged 'checking the configuration with the new version' \
        make -C "$build/release" install DESTDIR="$stage"
    takes_configuration "$stage$prefix/bin/hypcontrol" --prefix "$prefix"
    for program in "$stage$prefix/sbin/"*; do
        takes_configuration "$program" --config-dir "$prefix/etc"
    done
    rm -rf -- "$stage"
}

takes_configuration() {
    local refused
    refused=$("$@" --check-config 2>&1) ||
        die "the new version refuses the configuration, nothing was changed: $refused"
}

# Where a writer of this version changes how the store is kept, the version
# before cannot read it any more: only a copy can be put back.
store_will_change() {
    local was
    was=$(sed -n 's/^schema=//p' "$prefix/$marker")
    [ "$was" != "$(store_schema)" ]
}

# Where SQLite's files are; nothing when the store is a MongoDB.
store_folder() {
    "$prefix/bin/hypcontrol" urls --json |
        sed -n 's/.*"store":"sqlite:\([^"]*\)".*/\1/p'
}

check_room_for_store() {
    local folder need
    folder=$(store_folder)
    if [ -z "$folder" ] || [ ! -d "$folder" ]; then
        return
    fi
    need=$(du -sm "$folder" | cut -f1)
    check_space "$prefix" $((need + space_prefix_mb))
}

# A mongod of the suite's own is stopped with it.
with_own_mongod() {
    local status=0
    [ -z "$(kept_setting mongod '')" ] ||
        "$prefix/bin/service" mongod start >>"$log" 2>&1 || return 1
    "$@" >>"$log" 2>&1 || status=$?
    "$prefix/bin/hypcontrol" stop --wait 120s >>"$log" 2>&1 || return 1
    return "$status"
}

# By the version that runs until now, which can read it.
keep_store() {
    local folder
    folder=$(store_folder)
    say 'copying the store: the new version keeps it in another form'
    if [ -z "$folder" ]; then
        with_own_mongod "$prefix/bin/hyp" backup "$previous/store.backup" ||
            die "the store cannot be copied, so it is not updated: $(tail -n 1 "$log")"
    elif [ -d "$folder" ]; then
        cp -a --reflink=auto "$folder" "$previous/store"
        printf '%s\n' "$folder" >"$previous/store.folder"
    fi
}

# By the version that is back.
put_store_back() {
    local folder
    if [ -e "$previous/store.backup" ]; then
        with_own_mongod "$prefix/bin/hyp" restore --replace --yes \
            "$previous/store.backup" || return 1
    elif [ -d "$previous/store" ]; then
        folder=$(cat "$previous/store.folder")
        rm -rf -- "$folder"
        cp -a "$previous/store" "$folder"
    else
        return 0
    fi
    say 'the store is as it was before the update: what came since is not in it'
}

keep_previous() {
    # Of an update that was cut off, what ran before it is still there.
    if [ -e "$previous/whole" ]; then
        return
    fi
    rm -rf -- "$previous"
    (umask 077 && mkdir -p "$previous")
    (cd "$prefix" && cp -a "${replaced[@]}" "$marker" "$previous/")
    # Who does not go back needs no copy.
    if [ "$updating" = yes ] && store_will_change; then
        keep_store
    fi
    touch "$previous/whole"
}

put_previous_back() {
    [ -e "$previous/whole" ] || return 0
    (cd "$prefix" && rm -rf -- "${replaced[@]}" &&
        cp -a "${replaced[@]/#/$previous/}" "$previous/$marker" .)
    if ! put_store_back; then
        say "the store could not be put back: stop the suite, then $prefix/bin/hyp restore --replace $prefix/var/store.backup"
        mv "$previous/store.backup" "$prefix/var/store.backup"
    fi
    rm -rf -- "$previous"
}

roll_back() {
    updating=no
    say 'the new version does not start: putting the old one back'
    stop_suite || true
    end_processes
    put_previous_back
    if try_start; then
        say 'the old version runs again'
    else
        say "the old version does not start either; $prefix/bin/hypcontrol status says more"
    fi
}

update_suite() {
    local was_up=no well=no begun=$SECONDS
    [ -e "$prefix/$marker" ] ||
        die "$prefix: no Hypervise is installed there; --start installs one"
    previous=$prefix/var/previous
    check_distribution
    choose_ports
    check_writable "$prefix"
    check_space "$build" "$space_build_mb"
    check_space "$prefix" "$space_prefix_mb"
    ! store_will_change || check_room_for_store
    if [ "$dry_run" = yes ]; then
        say_plan
        return
    fi
    prepare_log
    install_packages "${packages_build[@]}" "${packages_run[@]}"
    build_release
    check_new_version
    ! suite_is_up || was_up=yes
    ! "$prefix/bin/hypcontrol" status >>"$log" 2>&1 || well=yes
    begun=$SECONDS
    # Where not all was well before, there is nothing good to go back to.
    updating=$well
    stop_suite
    keep_previous
    install_files
    [ "$was_up" = no ] || start_suite
    updating=no
    rm -rf -- "$previous"
    if [ "$was_up" = yes ]; then
        say "updated: $("$prefix/bin/hyp" --version), all is ready $((SECONDS - begun)) s after the stop"
        "$prefix/bin/hyp" doctor || true
    else
        say "updated; it did not run before: start it with $prefix/bin/hypcontrol start"
    fi
}

print_unit() {
    [ -x "$prefix/libexec/hypervise/setup" ] ||
        die "$prefix: no Hypervise is installed there"
    "$prefix/libexec/hypervise/setup" print-unit
}

prepare_log() {
    mkdir -p "$build"
    : >"$log"
}

# ---- removing --------------------------------------------------------------

# Processes that work under the prefix and outlived their supervisor.
own_pids() {
    local entry
    for entry in /proc/[0-9]*; do
        case $(readlink "$entry/cwd" 2>/dev/null) in
        "$prefix/var" | "$prefix/var/"*) printf '%s\n' "${entry#/proc/}" ;;
        esac
    done
}

end_processes() {
    local pids i
    stop_suite || true
    for ((i = 0; i < 100; i++)); do
        mapfile -t pids < <(own_pids)
        [ ${#pids[@]} -gt 0 ] || return 0
        if [ "$i" -lt 50 ]; then
            kill -TERM "${pids[@]}" 2>/dev/null || true
        else
            kill -KILL "${pids[@]}" 2>/dev/null || true
        fi
        sleep 0.1
    done
    die "processes under $prefix do not end: ${pids[*]}"
}

remove_user() {
    local made
    made=$(sed -n 's/^user=//p' "$prefix/$marker" 2>/dev/null) || true
    if [ -n "$made" ] && getent passwd "$made" >/dev/null; then
        userdel "$made" 2>/dev/null || say "user $made was not removed"
    fi
}

remove_unit() {
    managed_by_systemd || return 0
    systemctl -q disable --now hypervise.service || true
    rm -f /etc/systemd/system/hypervise.service
    systemctl daemon-reload
}

uninstall_suite() {
    [ -e "$prefix/$marker" ] || die "$prefix: no Hypervise is installed there"
    check_writable "$prefix"
    if [ "$dry_run" = yes ]; then
        say "would stop the suite and remove it from $prefix (purge: $purge)"
        return
    fi
    end_processes
    remove_unit
    if [ "$purge" = yes ]; then
        remove_user
        rm -rf -- "$prefix"
        say "removed: $prefix"
        return
    fi
    (cd "$prefix" && rm -rf bin sbin libexec share etc/supervisord.d \
        etc/supervisord.conf)
    say "removed the programs; $prefix/etc and $prefix/var are kept (--purge removes them)"
}

# ---- testing ---------------------------------------------------------------

n_passed=0
n_failed=0
failed_parts=()

# Sum of the numbers that start the lines of the log $1 that match $2.
sum_of() {
    sed -n "s/^$2/\\1/p" "$1" | awk '{ n += $1 } END { print n + 0 }'
}

# Add up the test logs of build folder $1: a program's own counts where it
# gives them (cmocka, or "N passed" of a script), else it counts as one.
count_results() {
    local trs program passed failed
    while IFS= read -r trs; do
        program=${trs%.trs}.log
        passed=$(sum_of "$program" '\[  PASSED  \] \([0-9]*\) test.*')
        passed=$((passed + $(sum_of "$program" '\([0-9]*\) passed$')))
        failed=$(sum_of "$program" '\[  FAILED  \] \([0-9]*\) test.*')
        case $(sed -n 's/^:global-test-result: //p' "$trs") in
        PASS) [ "$passed" -gt 0 ] || passed=1 ;;
        SKIP) say "SKIPPED: ${program#"$build/"}" ;;
        *) [ "$failed" -gt 0 ] || failed=1 ;;
        esac
        n_passed=$((n_passed + passed))
        n_failed=$((n_failed + failed))
    done < <(find "$1" -name '*.trs')
}

# The closing lines of each program, so that a reader sees what ran.
show_results() {
    local file
    while IFS= read -r file; do
        file=${file%.trs}.log
        printf -- '-- %s\n' "${file#"$build/"}"
        grep -E '^\[( +PASSED +| +FAILED +|=+)\]|^(not ok|# (PASS|FAIL))' \
            "$file" || tail -n 3 "$file"
    done < <(find "$1" -name '*.trs' | sort)
}

show_failures() {
    local trs
    while IFS= read -r trs; do
        printf -- '---- %s\n' "${trs%.trs}.log"
        tail -n 60 "${trs%.trs}.log"
    done < <(grep -lE '^:global-test-result: (FAIL|ERROR|XPASS)' -r "$1" \
        --include='*.trs')
}

# Run one part of the tests: a title, the build folder, a make target.
test_part() {
    local title=$1 folder=$2 status=0
    shift 2
    find "$folder" -name '*.trs' -delete
    say "== $title"
    make -C "$folder" -k -j "$jobs" "$@" >>"$log" 2>&1 </dev/null || status=$?
    show_results "$folder"
    count_results "$folder"
    if [ "$status" != 0 ]; then
        failed_parts+=("$title")
        show_failures "$folder"
        grep -E 'error:|\*\*\*' "$log" | tail -n 20 || true
    fi
}

# Shell scripts of the tree, by their first line; not what autotools made.
list_scripts() {
    find . \( -path ./build -o -path ./.git -o -path ./build-aux -o \
        -name autom4te.cache -o -name 'configure*' -o -name '*~' \) -prune -o \
        -type f -print0 |
        xargs -0 awk 'FNR == 1 && /^#!.*[\/ ](ba)?sh$/ { print FILENAME }
            { nextfile }'
}

test_scripts() {
    local scripts
    say '== scripts'
    mapfile -t scripts < <(list_scripts)
    if shellcheck -x "${scripts[@]}"; then
        n_passed=$((n_passed + ${#scripts[@]}))
    else
        n_failed=$((n_failed + 1))
        failed_parts+=(shellcheck)
    fi
}

run_tests() {
    local begun=$SECONDS
    check_distribution
    check_writable "$build"
    check_space "$build" $((3 * space_build_mb))
    if [ "$dry_run" = yes ]; then
        say "would build in $build with $jobs jobs and run every test"
        return
    fi
    prepare_log
    install_packages "${packages_build[@]}" "${packages_run[@]}" \
        "${packages_test[@]}"
    copy_sources
    test_scripts
    configure_build "$build/sanitized" --enable-sanitizers --enable-werror
    test_part 'unit, case and simulator tests under ASan and UBSan' \
        "$build/sanitized" check
    configure_build "$build/plain" --enable-werror
    test_part 'unit, case and simulator tests' "$build/plain" check
    test_part 'integration tests on real servers, distribution' \
        "$build/plain" -j1 check-integration
    say ''
    if [ "$n_failed" -eq 0 ] && [ ${#failed_parts[@]} -eq 0 ]; then
        say "VERDICT: all tests pass ($((SECONDS - begun)) s)"
    else
        say "VERDICT: FAILED in: ${failed_parts[*]:-see above} ($((SECONDS - begun)) s; all of it: $log)"
    fi
    say "$n_passed passed, $n_failed failed"
    [ "$n_failed" -eq 0 ] && [ ${#failed_parts[@]} -eq 0 ]
}

main() {
    parse_options "$@"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    case $action in
    test) run_tests ;;
    update) update_suite ;;
    print-unit) print_unit ;;
    uninstall) uninstall_suite ;;
    *) install_suite ;;
    esac
}

main "$@"
