#!/usr/bin/env bash
# Fuzzing and soak tests. Each fuzz target runs for FUZZ_SECONDS (default 300); the soak tests are those marked #[ignore].
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

scripts/setup-test.sh
cargo fuzz --version >/dev/null 2>&1 || die "cargo-fuzz is missing: run 'cargo install cargo-fuzz' (see fuzz/README.md)"

for target in $(cargo fuzz list); do
  section "fuzzing $target"
  cargo fuzz run "$target" -- -max_total_time="${FUZZ_SECONDS:-300}"
done

if [ -z "${BAILEY_TEST_POSTGRES_URL:-}" ] && scripts/postgres.sh bindir >/dev/null 2>&1; then
  scripts/postgres.sh url >/dev/null 2>&1 || trap 'scripts/postgres.sh stop' EXIT
  assignment=$(scripts/postgres.sh start)
  export "${assignment?}"
fi
section "soak tests"
cargo test --locked --workspace --release --tests -- --ignored
