#!/usr/bin/env bash
# Installs the package for development, and what the tests and checks need, under a constraints file.
#
# Usage: install.sh ENVIRONMENT CONSTRAINTS
set -euo pipefail

"$1/bin/uv" pip install --quiet --no-progress --python "$1/bin/python" \
    --editable '.[zstd,redis]' --group test --group lint --constraints "$2"
