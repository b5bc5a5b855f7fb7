#!/usr/bin/env bash
# Installs what benchmarks/peers.py compares with, under a constraints file, without the package: the Airbyte CDK
# and the package need different versions of pyrate-limiter.
#
# Usage: install_peers.sh ENVIRONMENT CONSTRAINTS
set -euo pipefail

"$1/bin/uv" pip install --quiet --no-progress --python "$1/bin/python" \
    --group pyproject.toml:peers --constraints "$2"
