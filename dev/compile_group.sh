#!/usr/bin/env bash
# Pins the newest versions of a dependency group that has an environment of its own, for all supported Pythons.
#
# Usage: compile_group.sh UV OUTPUT GROUP PURPOSE
set -euo pipefail

uv=$1 output=$2 group=$3 purpose=$4
echo "# $purpose Made by: make constraints" >"$output"
"$uv" pip compile --group "pyproject.toml:$group" --universal --python-version 3.11 \
    --no-header --no-annotate --no-emit-index-url --quiet >>"$output"
if grep --line-number '://' "$output"; then
    echo "$output must not name a host." >&2
    exit 1
fi
echo "$output: $(grep --count == "$output") packages"
