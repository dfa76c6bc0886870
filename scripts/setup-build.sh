#!/usr/bin/env bash
# Sees to what a build needs: a Rust toolchain, a C compiler (SQLite, the allocator and the TLS primitives are C), and the web
# app's files, which the server's binary has in it. BAILEY_WITHOUT_WEB=1 builds without them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

have cargo || die "cargo is missing: install Rust from https://rustup.rs, then open a new shell"
have cc || apt_install "a C compiler" gcc libc6-dev
[ "${BAILEY_WITHOUT_WEB:-}" = 1 ] || "$ROOT/scripts/web.sh" build
