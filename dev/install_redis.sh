#!/usr/bin/env bash
# Installs the Redis server that the limit tests start; does nothing where it is installed already.
set -euo pipefail

command -v redis-server >/dev/null && exit
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "redis-server is not installed and cannot be installed here; the tests that need it are skipped." >&2
    exit
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq redis-server >/dev/null
