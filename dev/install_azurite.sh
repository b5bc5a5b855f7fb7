#!/usr/bin/env bash
# Installs Azurite, Microsoft's emulator of Azure Storage, into .azurite; does nothing where it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.37.0
[[ $(cat .azurite/version 2>/dev/null) != "$version" ]] || exit 0
if ! command -v npm >/dev/null; then
    echo "npm is not installed; the tests that need Azurite are skipped." >&2
    exit
fi
npm install --silent --no-audit --no-fund --no-save --prefix .azurite "azurite@$version"
echo "$version" >.azurite/version
