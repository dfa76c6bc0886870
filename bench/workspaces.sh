#!/usr/bin/env bash
# Sees to bubblewrap and release builds, then measures workspaces. Arguments go to workspaces.py.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../scripts/lib.sh"
cd "$ROOT"

scripts/setup-workspaces.sh
have bwrap || apt_install bubblewrap bubblewrap
section "release builds"
cargo build --locked --release -p bailey-cli -p bailey-agent

VENV=$ROOT/.cache/workspaces/venv
if ! cmp -s tests/workspaces/requirements.txt "$VENV/pinned"; then
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check -r tests/workspaces/requirements.txt
  cp tests/workspaces/requirements.txt "$VENV/pinned"
fi

exec "$VENV/bin/python" bench/workspaces.py --release "$TARGET_DIR/release" "$@"
