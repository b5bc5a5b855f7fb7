#!/usr/bin/env bash
# Installs the servers that `make stack` starts, on Debian; does nothing for those that are installed already.
set -euo pipefail
cd "$(dirname "$0")"

./install_redis.sh
./install_object_store.sh
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && exit
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "PostgreSQL is not installed and cannot be installed here; the tests that need it are skipped." >&2
    exit
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql >/dev/null
