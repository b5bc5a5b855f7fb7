#!/usr/bin/env bash
# Installs the package for development, and what the tests and checks need, under a constraints file.
#
# Usage: install.sh ENVIRONMENT CONSTRAINTS [EXTRAS [GROUP...]]    (extras such as s3,gcs; more dependency groups)
set -euo pipefail

environment=$1 constraints=$2 extras=zstd,redis,parquet,iceberg,openlineage${3:+,$3}
groups=(--group test --group lint)
for group in "${@:4}"; do groups+=(--group "$group"); done
echo "Installing Airflow, this package and what its tests need into $environment; the first time this may take minutes."
"$environment/bin/uv" pip install --quiet --no-progress --python "$environment/bin/python" \
    --editable ".[$extras]" "${groups[@]}" --constraints "$constraints"
