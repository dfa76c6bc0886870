#!/usr/bin/env bash
# Installs the suite's tools at their pinned versions into .cache/workspaces, where they are missing, and runs it.
# Arguments go to run.py.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"

HERE=$ROOT/tests/workspaces
CACHE=$ROOT/.cache/workspaces

scripts/setup-workspaces.sh

# Failpoints are in debug builds alone; `attempt` is what tries to escape.
section "debug builds, for kill -9 in the middle of a build"
# With the features of the whole workspace, so that what `make test` has built is used.
cargo build --locked --workspace --bin bailey --bin bailey-agent --example attempt

section "installing the tools into .cache/workspaces"
scripts/workspaces-venv.sh
if ! cmp -s "$HERE/package.json" "$CACHE/npm/package.json" || [ ! -d "$CACHE/npm/node_modules/playwright-core" ]; then
  mkdir -p "$CACHE/npm"
  (cp "$HERE/package.json" "$CACHE/npm/" && npm install --prefix "$CACHE/npm" --no-package-lock --no-audit --no-fund) \
    >"$CACHE/npm.log" 2>&1 </dev/null || { tail -n 30 "$CACHE/npm.log" >&2; die "playwright-core could not be installed"; }
fi

section "running the suite"
exec "$CACHE/venv/bin/python" "$HERE/run.py" --release "$TARGET_DIR/release" --debug "$TARGET_DIR/debug" \
  --cache "$CACHE" --out "$TARGET_DIR/workspaces" "$@"
