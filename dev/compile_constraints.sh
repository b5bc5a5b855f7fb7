#!/usr/bin/env bash
# Pins the newest versions that fit, for all supported Pythons, all extras and all dependency groups.
#
# Usage: compile_constraints.sh UV OUTPUT [AIRFLOW]      (such as 3.1; the newest Airflow if left out)
set -euo pipefail

uv=$1 output=$2 airflow=${3:-}
echo "# Tested together. Made by: make constraints" >"$output"
# Airflow 3.2 does not say that it fails with later ones of these: FastAPI with "discriminator-no-field", svcs
# with "'State' object has no attribute 'svcs_registry'". (3.3 caps FastAPI itself.)
caps=()
[[ $airflow != 3.2 ]] || caps=('fastapi<0.137' 'svcs<26')
printf '%s\n' "apache-airflow${airflow:+~=$airflow.0}" "${caps[@]}" |
    "$uv" pip compile pyproject.toml - --universal --python-version 3.11 --all-extras \
        --group test --group lint --group stores --group stack \
        --no-header --no-annotate --no-emit-index-url --quiet >>"$output"
if grep --line-number '://' "$output"; then
    echo "$output must not name a host." >&2
    exit 1
fi
grep '^apache-airflow==' "$output"
