#!/usr/bin/env bash
# Sees to what `make test` needs beyond a build: rustfmt, clippy, and PostgreSQL's server binaries.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

"$ROOT/scripts/setup-build.sh"

cargo fmt --version >/dev/null 2>&1 || die "rustfmt is missing: run 'rustup component add rustfmt'"
cargo clippy --version >/dev/null 2>&1 || die "clippy is missing: run 'rustup component add clippy'"

# A given server makes our own unnecessary.
[ -z "${BAILEY_TEST_POSTGRES_URL:-}" ] || exit 0

"$ROOT/scripts/postgres.sh" bindir >/dev/null 2>&1 && exit 0
if [ "${CI:-}" != true ] && ! apt_can; then
  # On a developer's machine the SQLite half is still worth running; the tests say what they skip.
  printf 'warning: PostgreSQL is missing, its tests are skipped (Debian and Ubuntu: sudo apt-get install postgresql)\n' >&2
  exit 0
fi
package=postgresql
if apt_can; then
  apt-get update -q >/dev/null 2>&1 </dev/null || true
  if [ -n "$(apt-cache search --names-only '^postgresql-15$')" ]; then
    package=postgresql-15
  fi
fi
apt_install PostgreSQL "$package"
