#!/usr/bin/env bash
# Pins the newest versions of what benchmarks/peers.py compares with, for all supported Pythons.
#
# Usage: compile_peers.sh UV OUTPUT
set -euo pipefail

uv=$1 output=$2
echo "# Compared with in docs/performance.md. Made by: make constraints" >"$output"
"$uv" pip compile --group pyproject.toml:peers --universal --python-version 3.11 \
    --no-header --no-annotate --no-emit-index-url --quiet >>"$output"
if grep --line-number '://' "$output"; then
    echo "$output must not name a host." >&2
    exit 1
fi
grep --extended-regexp '^(airbyte-cdk|dlt)==' "$output"
