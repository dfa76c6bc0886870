#!/usr/bin/env bash
# What needs no running service: formatting, the repository's own rules, clippy.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

section "formatting"
cargo fmt --all --check

section "repository rules (xtask tidy)"
cargo run --locked --quiet -p xtask -- tidy

section "clippy"
cargo clippy --locked --workspace --all-targets -- -D warnings

if have shellcheck; then
  section "shellcheck"
  shellcheck -x scripts/*.sh .ci/run tests/clients/*.sh
fi
