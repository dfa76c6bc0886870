#!/usr/bin/env bash
# Sees to release builds and, with --postgres, to a throw-away PostgreSQL, then measures what the first argument names: the api, or the
# answers to webhooks. Further arguments go to api.py or webhooks.py.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../scripts/lib.sh"
cd "$ROOT"

scripts/setup-build.sh
have python3 || apt_install "Python 3" python3
have taskset || apt_install taskset util-linux

what=${1:?"api or webhooks"}
shift
arguments=()
programs=$TARGET_DIR/release
built=no
for argument in "$@"; do
  case $argument in
    # A database of its own in the throw-away cluster of the tests.
    --postgres)
      have psql || apt_install psql postgresql-client
      scripts/postgres.sh start >/dev/null
      url=$(scripts/postgres.sh url)
      name=bench_${what}_$$
      psql -X -q "$url" -c "CREATE DATABASE $name"
      trap 'psql -X -q "$url" -c "DROP DATABASE $name WITH (FORCE)"' EXIT
      arguments+=(--postgres "${url%/*}/$name")
      ;;
    # What lies in target/release as it is.
    --built) built=yes ;;
    *) arguments+=("$argument") ;;
  esac
done
if [ "$built" = no ]; then
  section "release builds"
  cargo build --locked --release -p bench-upstream -p bailey-cli
  scripts/build-agent.sh
fi

python3 "bench/$what.py" --programs "$programs" --out "$TARGET_DIR/bench" "${arguments[@]+"${arguments[@]}"}"
