#!/bin/sh
# Greets whoever is named: greet.sh [NAME]
set -eu

name=${1:-}
printf 'Hello, %s!\n' "$name"
