#!/usr/bin/env bash
# Sees to nginx, wrk and release builds, then measures. Arguments go to run.py.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../scripts/lib.sh"
cd "$ROOT"

scripts/setup-build.sh
have nginx || [ -x /usr/sbin/nginx ] || apt_install nginx nginx-light
have wrk || apt_install wrk wrk
have python3 || apt_install "Python 3" python3
have taskset || apt_install taskset util-linux

section "release builds"
cargo build --locked --release -p bench-upstream
case " $* " in
  *" --nginx-only "*) ;;
  *) cargo build --locked --release -p bailey-cli ;;
esac

exec python3 bench/run.py --programs "$TARGET_DIR/release" --out "$TARGET_DIR/bench" "$@"
