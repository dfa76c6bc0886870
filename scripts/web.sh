#!/usr/bin/env bash
# The web app. `scripts/web.sh build` builds it into web/dist/app, where the server's build script takes it from, unless that
# is up to date; `scripts/web.sh check` checks its types and style and runs its unit tests.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

WEB=$ROOT/web

need_node() {
  have npm || apt_install "npm, which builds the web app" nodejs npm
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "Node.js $(node --version) is too old for the web app: install 20.19 or newer from https://nodejs.org, or set BAILEY_WITHOUT_WEB=1 to build without it"
}

# What `npm ci` installed is kept for as long as the lock file stays as it is.
install() {
  need_node
  local lock
  lock=$(sha256sum "$WEB/package-lock.json" | cut -d' ' -f1)
  [ "$(cat "$WEB/node_modules/.installed-from" 2>/dev/null)" = "$lock" ] && return
  section "installing the web app's packages"
  local log
  log=$(mktemp)
  if ! (cd "$WEB" && npm ci --no-audit --no-fund) >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "npm could not install the web app's packages: see above"
  fi
  rm -f "$log"
  printf '%s\n' "$lock" >"$WEB/node_modules/.installed-from"
}

# A hash of everything that the built files depend on.
sources() {
  (cd "$ROOT" && find openapi.json web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -name schema.d.ts -print0 |
    sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

build() {
  local now
  now=$(sources)
  [ "$(cat "$WEB/dist/built-from" 2>/dev/null)" = "$now" ] && return
  install
  section "building the web app"
  rm -f "$WEB/dist/built-from"
  (cd "$WEB" && npm run --silent build) </dev/null
  printf '%s\n' "$now" >"$WEB/dist/built-from"
}

case "${1:-}" in
  build) build ;;
  install) install ;;
  check)
    install
    section "web app: types, style, unit tests"
    (cd "$WEB" && npm run --silent check) </dev/null
    ;;
  *) die "usage: scripts/web.sh build|check|install" ;;
esac
