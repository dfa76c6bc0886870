#!/usr/bin/env bash
# Runs a fuzz target on the stable compiler: run.sh TARGET [SECONDS]. Needs a C++ compiler for libFuzzer itself.
set -euo pipefail
cd "$(dirname "$0")"
target=${1:?usage: run.sh TARGET [SECONDS]}
seconds=${2:-300}

# The coverage that libFuzzer steers by, as cargo-fuzz asks for it; one codegen unit, because several lose counters.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions"
host=$(rustc -vV | sed -n 's/^host: //p')
# With --target, build scripts are built without these flags.
cargo build --release --target "$host" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
exec "${CARGO_TARGET_DIR:-target}/$host/release/$target" "corpus/$target" \
  -max_total_time="$seconds" -max_len=4096 -artifact_prefix="artifacts/$target/"
