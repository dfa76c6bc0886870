#!/bin/sh
# Tests of greet.sh: sh test.sh
set -u
cd "$(dirname "$0")" || exit 1
failed=0

# expect WHAT WANTED GOT
expect() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    echo "FAILED: $1: wanted '$2', got '$3'"
    failed=1
  fi
}

expect "a name is greeted" "Hello, Ada!" "$(sh greet.sh Ada)"
expect "a name may have spaces" "Hello, Grace Hopper!" "$(sh greet.sh 'Grace Hopper')"
expect "without a name the world is greeted" "Hello, world!" "$(sh greet.sh)"

exit "$failed"
