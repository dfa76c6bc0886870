#!/usr/bin/env bash
# Sees to what is measured beside, and measures workspaces. Arguments go to workspaces.py. The release builds are there already.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../scripts/lib.sh"
cd "$ROOT"

scripts/setup-workspaces.sh
have bwrap || apt_install bubblewrap bubblewrap
have wrk || apt_install wrk wrk
have nginx || [ -x /usr/sbin/nginx ] || apt_install nginx nginx-light
scripts/workspaces-venv.sh

exec .cache/workspaces/venv/bin/python bench/workspaces.py --release "$TARGET_DIR/release" --out "$TARGET_DIR/bench" "$@"
