#!/usr/bin/env bash
# Makes the stand-ins that README.md describes. Needs root, mmdebstrap and a Docker engine.
#
# Usage: build.sh            make them
#        build.sh remove     remove them
#
# Python's packages come from where pip looks for them here ($PIP_INDEX_URL, if it is set), and this machine's
# certificates are trusted inside, so that it works behind a proxy.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
certificates=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}

# Prints the image that a file names in a line that begins with a text.
image_in() {
    sed -n "s|^ *$2\([^ ]*\)\$|\1|p" "$root/$1" | sort -u
}

debian=$(image_in docker/object-store/Dockerfile 'FROM ')
airflow=$(image_in docker/airflow/Dockerfile 'ARG AIRFLOW_IMAGE=')
postgres=$(image_in docker-compose.yaml 'image: postgres:')
redis=$(image_in docker-compose.yaml 'image: redis:')

if [[ ${1:-} == remove ]]; then
    docker image rm "$airflow" "postgres:$postgres" "redis:$redis" "$debian"
    exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! docker image inspect "$debian" >/dev/null 2>&1; then
    # The security suite is listed beside the release by default.
    mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$work/debian.tar"
    docker import "$work/debian.tar" "$debian" >/dev/null
    rm "$work/debian.tar"
fi

cp "$here"/*.Dockerfile "$here"/*.entrypoint "$root/constraints.txt" "$work"
cp "$certificates" "$work/certificates.pem"

build() {
    local name=$1 dockerfile=$2
    shift 2
    docker build --quiet --tag "$name" --file "$work/$dockerfile" --build-arg DEBIAN_IMAGE="$debian" "$@" "$work"
}

build "postgres:$postgres" postgres.Dockerfile
build "redis:$redis" redis.Dockerfile
airflow_version=${airflow#*:}
build "$airflow" airflow.Dockerfile --build-arg AIRFLOW_VERSION="${airflow_version%%-*}" \
    --build-arg PIP_INDEX_URL="${PIP_INDEX_URL:-}"
docker image ls --format 'table {{.Repository}}:{{.Tag}}\t{{.Size}}'
