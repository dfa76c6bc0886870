#!/usr/bin/env bash
# Installs the suite's tools at their pinned versions into .cache/web, where they are missing, and runs it against the release
# binary. Arguments go to run.mjs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"

HERE=$ROOT/tests/web
CACHE=$ROOT/.cache/web

have chromium || [ -n "${CHROMIUM:-}" ] || apt_install "Chromium" chromium
have mkfs.ext4 || apt_install "mkfs.ext4, for homes of workspaces" e2fsprogs

section "installing the tools into .cache/web"
if ! cmp -s "$HERE/package.json" "$CACHE/npm/package.json" || [ ! -d "$CACHE/npm/node_modules/playwright-core" ]; then
  mkdir -p "$CACHE/npm"
  (cp "$HERE/package.json" "$CACHE/npm/" && npm install --prefix "$CACHE/npm" --no-package-lock --no-audit --no-fund) \
    >"$CACHE/npm.log" 2>&1 </dev/null || { tail -n 30 "$CACHE/npm.log" >&2; die "playwright-core and axe-core could not be installed"; }
fi

section "running the suite"
exec node "$HERE/run.mjs" --binary "${BAILEY_BINARY:-$TARGET_DIR/release/bailey}" --packages "$CACHE/npm" --out "$TARGET_DIR/web" "$@"
