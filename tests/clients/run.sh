#!/usr/bin/env bash
# Installs the clients at their pinned versions into .cache/clients, where they are missing, and runs them through Bailey.
# Arguments go to run.py.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"

HERE=$ROOT/tests/clients
CACHE=$ROOT/.cache/clients

have npm || apt_install "npm" nodejs npm
have python3 || apt_install "Python 3" python3 python3-venv
python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' ||
  die "Python 3.10 to 3.12 is needed (by Aider): install it and put it first on PATH"
python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python's venv module" python3-venv

# install NAME PIN COMMAND...: runs the command unless NAME was installed from exactly the pins that the file PIN holds.
install() {
  local name=$1 pin=$2
  shift 2
  if cmp -s "$pin" "$CACHE/$name/pinned"; then
    return
  fi
  rm -rf "${CACHE:?}/$name"
  mkdir -p "$CACHE/$name"
  "$@" >"$CACHE/$name.log" 2>&1 </dev/null || {
    tail -n 30 "$CACHE/$name.log" >&2
    die "$name could not be installed: see above"
  }
  cp "$pin" "$CACHE/$name/pinned"
}

# The agents' packages name the programs of each platform at exact versions, so package.json alone pins all of it. npm 11
# and newer run install scripts only where `allowScripts` says so; older ones run them all.
npm_clients() {
  cp "$HERE/package.json" "$CACHE/npm/"
  npm install --prefix "$CACHE/npm" --no-package-lock --no-audit --no-fund
}

venv() {
  python3 -m venv "$CACHE/$1"
  "$CACHE/$1/bin/pip" install --quiet --disable-pip-version-check -r "$HERE/requirements-$1.txt"
}

section "installing the clients into .cache/clients"
mkdir -p "$CACHE"
# Side by side: each mostly waits for its registry.
install npm "$HERE/package.json" npm_clients &
pids=($!)
for name in sdk aider; do
  install "$name" "$HERE/requirements-$name.txt" venv "$name" &
  pids+=($!)
done
for pid in "${pids[@]}"; do
  wait "$pid" || exit 1
done

section "running the clients"
exec python3 "$HERE/run.py" --bailey "$TARGET_DIR/release/bailey" --clients "$CACHE" "$@"
