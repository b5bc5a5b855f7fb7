#!/usr/bin/env bash
# Installs this package into Airflow's image.
#
# The image pins what it has in ~/constraints.txt, tested by its makers, and some of its many providers do not
# accept the versions of this repository's constraints.txt (the one for Snowflake needs protobuf below 6.34).
# So what the image pins stays as it is, and what it lacks comes in the versions of constraints.txt.
#
# Usage: install.sh SOURCE EXTRAS
set -euo pipefail

source=$1 extras=$2
image_pins=$HOME/constraints.txt
more_pins=$(mktemp)
trap 'rm -f "$more_pins"' EXIT

# Names are compared as packaging tools do: without case, with "-" for "_" and ".".
awk -F'[=<>!~ ;@[]' '
    { name = tolower($1); gsub(/[-_.]+/, "-", name) }
    NR == FNR { pinned[name]; next }
    !(name in pinned)
' "$image_pins" "$source/constraints.txt" >"$more_pins"

pip install --no-cache-dir "apache-airflow==$AIRFLOW_VERSION" "${source}[$extras]" \
    --constraint "$image_pins" --constraint "$more_pins"
pip check
