#!/usr/bin/env bash
# Installs the suite's tools at their pinned versions into .cache/web, where they are missing, and runs it against the release
# binary. `--keep-pictures` puts its pictures for the README into docs/pictures; other arguments go to run.mjs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"

HERE=$ROOT/tests/web
CACHE=$ROOT/.cache/web

keep=no
if [ "${1:-}" = --keep-pictures ]; then
  keep=yes
  shift
fi

# The same as for workspaces: a browser, and what the web IDE's layer is built with.
scripts/setup-workspaces.sh

section "installing the tools into .cache/web"
if ! cmp -s "$HERE/package.json" "$CACHE/npm/package.json" || [ ! -d "$CACHE/npm/node_modules/playwright-core" ]; then
  mkdir -p "$CACHE/npm"
  (cp "$HERE/package.json" "$CACHE/npm/" && npm install --prefix "$CACHE/npm" --no-package-lock --no-audit --no-fund) \
    >"$CACHE/npm.log" 2>&1 </dev/null || { tail -n 30 "$CACHE/npm.log" >&2; die "what package.json of tests/web lists could not be installed"; }
fi

section "running the suite"
# Layers are those of `make test-workspaces`.
node "$HERE/run.mjs" --binary "${BAILEY_BINARY:-$TARGET_DIR/release/bailey}" --packages "$CACHE/npm" --out "$TARGET_DIR/web" \
  --layers "$ROOT/.cache/workspaces/layers" "$@"

if [ "$keep" = yes ]; then
  mkdir -p docs/pictures
  cp "$TARGET_DIR"/web/readme/*.png docs/pictures/
fi
