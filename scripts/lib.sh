# shellcheck shell=bash
# Helpers shared by the scripts of this directory. Source it; it changes nothing by itself.

# The repository's root, and the directory that cargo builds into.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
export ROOT TARGET_DIR

# section TEXT: a header that is easy to find in a long log.
section() {
  printf '\n==> %s\n' "$*"
}

# die TEXT: one line that says what to do, then stop.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() {
  command -v "$1" >/dev/null 2>&1
}

# apt_can: whether packages may be installed without asking anybody.
apt_can() {
  [ "$(id -u)" -eq 0 ] && have apt-get
}

# apt_install WHAT PACKAGE...: installs the packages, or stops with one line that names them. WHAT is what is missing.
apt_install() {
  local what=$1
  shift
  apt_can || die "$what is missing: install it first (Debian and Ubuntu: sudo apt-get install $*)"
  section "installing $*"
  local log
  log=$(mktemp)
  if ! {
    apt-get update -q &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get could not install $*: see above"
  fi
  rm -f "$log"
}
