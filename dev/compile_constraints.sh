#!/usr/bin/env bash
# Pins the newest versions that fit, for all supported Pythons, all extras and all dependency groups.
#
# Usage: compile_constraints.sh UV OUTPUT [AIRFLOW]      (such as 3.1; the newest Airflow if left out)
set -euo pipefail

uv=$1 output=$2 airflow=${3:-}
echo "# Tested together. Made by: make constraints" >"$output"
echo "apache-airflow${airflow:+~=$airflow.0}" |
    "$uv" pip compile pyproject.toml - --universal --python-version 3.11 --all-extras \
        --group test --group lint --group stack \
        --no-header --no-annotate --no-emit-index-url --quiet >>"$output"
if grep --line-number '://' "$output"; then
    echo "$output must not name a host." >&2
    exit 1
fi
grep '^apache-airflow==' "$output"
