#!/usr/bin/env bash
# Makes .cache/workspaces/venv with what tests/workspaces/requirements.txt pins, unless it is there already.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

PINS=$ROOT/tests/workspaces/requirements.txt
VENV=$ROOT/.cache/workspaces/venv

if ! cmp -s "$PINS" "$VENV/pinned"; then
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check -r "$PINS"
  cp "$PINS" "$VENV/pinned"
fi
