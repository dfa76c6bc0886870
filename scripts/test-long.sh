#!/usr/bin/env bash
# What takes long: the fuzz targets, FUZZ_SECONDS each (default 300), the budget simulator over millions of steps, and
# the server under load with failures for SOAK_MINUTES (default 20).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

scripts/setup-test.sh
for target in request relay meter prices template archive audit host dns screen webhook label demo_forge answer tool; do
  section "fuzzing $target"
  fuzz/run.sh "$target" "${FUZZ_SECONDS:-300}"
done

section "the budget simulator, millions of steps"
cargo test --locked --release -p bailey-core --lib -- --ignored --exact budget::simulator::promises_hold_on_every_step_of_many_seeds

section "soak"
bench/run.sh --soak "${SOAK_MINUTES:-20}"
