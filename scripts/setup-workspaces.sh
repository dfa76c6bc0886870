#!/usr/bin/env bash
# Sees to what the tests of workspaces need beyond a build: what the starter templates' install scripts use (npm, a C++
# compiler, make, Python 3), what is used inside workspaces (vim, curl, git), and a Chromium to look at them with.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

"$ROOT/scripts/setup-build.sh"

packages=()
need() { have "$1" || packages+=("${@:2}"); }
need npm nodejs npm
need g++ g++
need make make
need python3 python3 python3-venv
need vim vim
need curl curl
need git git
need chromium chromium
need mkfs.ext4 e2fsprogs
[ "${#packages[@]}" -eq 0 ] || apt_install "something that workspaces are tested with" "${packages[@]}"
python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python's venv module" python3-venv
