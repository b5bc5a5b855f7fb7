#!/usr/bin/env bash
# Installs a dependency group under a constraints file, without the package: the Airbyte CDK and the package need
# different versions of pyrate-limiter, and the documentation's site needs no Airflow.
#
# Usage: install_group.sh ENVIRONMENT CONSTRAINTS GROUP
set -euo pipefail

"$1/bin/uv" pip install --quiet --no-progress --python "$1/bin/python" \
    --group "pyproject.toml:$3" --constraints "$2"
