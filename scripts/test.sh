#!/usr/bin/env bash
# All of `make test`: lint, then the tests on SQLite and on a PostgreSQL of our own, then the doc tests.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

scripts/setup-test.sh
scripts/lint.sh
[ "${BAILEY_WITHOUT_WEB:-}" = 1 ] || scripts/web.sh check

if [ -z "${BAILEY_TEST_POSTGRES_URL:-}" ] && scripts/postgres.sh bindir >/dev/null 2>&1; then
  section "PostgreSQL"
  # One that is running already belongs to somebody else, and stays.
  scripts/postgres.sh url >/dev/null 2>&1 || trap 'scripts/postgres.sh stop' EXIT
  assignment=$(scripts/postgres.sh start)
  export "${assignment?}"
  printf '%s\n' "$assignment"
fi
if [ "${CI:-}" = true ] && [ -z "${BAILEY_TEST_POSTGRES_URL:-}" ]; then
  die "no PostgreSQL: with CI=true its tests must run"
fi

section "tests"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked --workspace --no-fail-fast
else
  cargo test --locked --workspace --tests --no-fail-fast
fi

section "documentation tests"
cargo test --locked --workspace --doc

section "make test: all passed"
