#!/usr/bin/env bash
# Builds target/release/bailey-agent, statically linked: it starts as a workspace's process, in whose root its libraries
# need not be. The flag is for the binary alone, so that nothing else is built a second time.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo rustc --locked --profile "${1:-release}" -p bailey-agent --bin bailey-agent -- -C target-feature=+crt-static
