#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# hyp completion: what bash would offer, and that zsh and fish can read theirs.
set -euo pipefail
hyp=${HYP_BUILDDIR:-.}/cli/hyp
dir=$(mktemp -d /tmp/hyp-completion.XXXXXX)
trap 'rm -rf "$dir"' EXIT
n_passed=0

for shell in bash zsh fish; do
    "$hyp" completion $shell >"$dir/$shell"
done
# shellcheck source=/dev/null
. "$dir/bash"

# Of the words after "hyp", of which the last is being typed: what is offered.
offered() {
    COMP_WORDS=(hyp "$@")
    COMP_CWORD=$#
    _hyp
    printf '%s ' "${COMPREPLY[@]}"
}

expect() {
    local want=$1 got
    shift
    got=$(offered "$@")
    if [ "$got" != "$want" ]; then
        printf 'FAILED: hyp %s: offered "%s", expected "%s"\n' "$*" "$got" \
            "$want"
        exit 1
    fi
    n_passed=$((n_passed + 1))
}

expect 'alarm alarmrule apply ' a
expect 'ack ' alarm ac
expect 'json ' alarm list -o j
expect '--message ' alarm ack --m
expect '--message ' alarm ack 01a1 --m
expect '--message ' --server http://x alarm ack --m
expect 'purge ' dead p
expect 'true ' alarm list --opened t
expect ' ' alarm ack --message ''
expect ' ' alarm nonsense --m
expect 'bash ' completion ba
expect '--version ' --v
mkdir "$dir/folder"
expect "$dir/folder " apply --file "$dir/fo"
expect "$dir/folder " alarm list --config-dir "$dir/fo"

# Every command of the manual is offered.
while read -r first second; do
    if [[ " $(offered "$first") " != *" $first "* ]] ||
        { [ -n "$second" ] &&
            [[ " $(offered "$first" "$second") " != *" $second "* ]]; }; then
        printf 'FAILED: %s %s is not offered\n' "$first" "$second"
        exit 1
    fi
    n_passed=$((n_passed + 1))
done < <("$hyp" --man | sed -n 's/^\.SS "hyp \([a-z ]*[a-z]\).*"$/\1/p')
[ "$n_passed" -gt 50 ]

for shell in zsh fish; do
    if ! command -v $shell >/dev/null; then
        printf '%s is not here: its script is not read\n' $shell
    elif ! $shell -n "$dir/$shell"; then
        printf 'FAILED: %s cannot read its script\n' $shell
        exit 1
    else
        n_passed=$((n_passed + 1))
    fi
done
printf '%s passed\n' "$n_passed"
