#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is packed for others builds from a folder that cannot be written,
# passes its tests, installs, and leaves nothing when removed. It works while
# the tests beside it wait.
set -euo pipefail
unset MAKEFLAGS MFLAGS MAKELEVEL
exec nice -n 5 make -C "$HYP_BUILDDIR" -j "$(nproc)" distcheck \
    DISTCHECK_CONFIGURE_FLAGS=--enable-werror
