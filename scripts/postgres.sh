#!/usr/bin/env bash
# A throw-away PostgreSQL cluster for tests.
#
#   scripts/postgres.sh start    starts it if it is not running and prints BAILEY_TEST_POSTGRES_URL=postgres://...
#   scripts/postgres.sh stop     stops it and removes its files
#   scripts/postgres.sh url      prints the URL alone, or fails if it is not running
#   scripts/postgres.sh bindir   prints where the server's binaries are, or fails
#
# The cluster keeps nothing through a crash (fsync is off), and whoever can reach the loopback address may use it
# (trust): it is for tests alone. The server refuses to run as root, so as root it runs as another account.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# What we remember between calls: one file with the cluster's directory, one with its URL.
STATE=$TARGET_DIR/postgres

bindir() {
  local candidate
  for candidate in /usr/lib/postgresql/15/bin $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [ -x "$candidate/initdb" ]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  candidate=$(command -v initdb) || return 1
  dirname "$candidate"
}

# The account that the server runs as.
account() {
  if [ "$(id -u)" -ne 0 ]; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    printf 'postgres\n'
  else
    printf 'nobody\n'
  fi
}

# as_account COMMAND...: runs a command as that account, away from directories it may not enter.
as_account() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
    return
  fi
  local user
  user=$(account)
  (cd / && setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- env HOME=/ "$@")
}

cluster() {
  [ -s "$STATE/cluster" ] && cat "$STATE/cluster"
}

running() {
  local dir
  dir=$(cluster) && [ -d "$dir" ] && as_account "$(bindir)/pg_ctl" -D "$dir/data" status >/dev/null 2>&1
}

# A port that nobody listens on, below the range that the kernel gives to clients.
free_port() {
  local port
  while :; do
    port=$((10240 + RANDOM % 22000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return
    fi
  done
}

# launch DIR: starts the server on a free port and prints the port; another process may take the port first, so try again.
launch() {
  local dir=$1 port
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    if as_account "$(bindir)/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -s \
      -o "-p $port -k $dir -c listen_addresses=127.0.0.1" start </dev/null >/dev/null 2>&1; then
      printf '%s\n' "$port"
      return
    fi
  done
  tail -n 20 "$dir/log" >&2
  return 1
}

# A directory for the cluster that its account can reach. Not under target/, which may lie in root's home; and the path of
# a socket is limited to 107 bytes.
make_directory() {
  local parent dir
  for parent in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
    dir=$(mktemp -d "$parent/bailey-postgres.XXXXXX") || continue
    if [ "$(id -u)" -eq 0 ]; then
      chown "$(account)" "$dir"
    fi
    if [ "${#dir}" -lt 80 ] && as_account test -w "$dir"; then
      printf '%s\n' "$dir"
      return
    fi
    rmdir "$dir"
  done
  return 1
}

start() {
  local bin dir port
  bin=$(bindir) || die "PostgreSQL is missing: install it first (Debian and Ubuntu: sudo apt-get install postgresql)"
  if running; then
    printf 'BAILEY_TEST_POSTGRES_URL=%s\n' "$(cat "$STATE/url")"
    return
  fi
  stop
  mkdir -p "$STATE"
  dir=$(make_directory) || die "no directory for the test cluster: set TMPDIR to one that $(account) can reach"
  printf '%s\n' "$dir" >"$STATE/cluster"
  if ! as_account "$bin/initdb" -D "$dir/data" -U bailey -A trust -E UTF8 --locale=C --no-sync \
    </dev/null >"$STATE/initdb.log" 2>&1; then
    tail -n 20 "$STATE/initdb.log" >&2
    stop
    die "initdb failed: see above"
  fi
  as_account tee -a "$dir/data/postgresql.conf" >/dev/null <<'CONF'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
autovacuum = off
CONF
  if ! port=$(launch "$dir"); then
    stop
    die "PostgreSQL did not start: see above"
  fi
  printf 'postgres://bailey@127.0.0.1:%s/postgres\n' "$port" >"$STATE/url"
  printf 'BAILEY_TEST_POSTGRES_URL=%s\n' "$(cat "$STATE/url")"
}

# Only the server of our own cluster, by the process id that it wrote there itself.
stop() {
  local dir
  dir=$(cluster) || return 0
  if running; then
    as_account "$(bindir)/pg_ctl" -D "$dir/data" -m immediate -w -s stop </dev/null >/dev/null 2>&1 || true
  fi
  rm -rf -- "$dir" "$STATE/cluster" "$STATE/url"
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  url)
    running || die "the test cluster is not running: start it with 'scripts/postgres.sh start'"
    cat "$STATE/url"
    ;;
  bindir) bindir ;;
  *) die "usage: scripts/postgres.sh start|stop|url|bindir" ;;
esac
