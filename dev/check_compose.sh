#!/usr/bin/env bash
# Checks docker-compose.yaml and what belongs to it, without a Docker engine. One line for each check.
#
# Usage: check_compose.sh ENVIRONMENT      (where Docker Compose and hadolint are, see install_tools.sh)
set -euo pipefail

tools=$(cd "$1/bin" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

passed() {
    printf 'ok      %s\n' "$*"
}

failed() {
    printf 'FAILED  %s\n' "$*" >&2
    exit 1
}

# The program itself: the command that its wheel installs ends with 0 whatever happens.
program=$("$tools/python" -c 'import compose, pathlib; print(pathlib.Path(compose.__file__).parent / "docker-compose")')

# What the developer's own environment and .env hold must not matter.
compose() {
    env -i PATH="$PATH" HOME="$work" "$program" "$@"
}

docker/new_env.sh "$work/env" 2>/dev/null
compose --env-file "$work/env" config --quiet || failed "docker-compose.yaml"
passed "docker-compose.yaml, with .env as docker/new_env.sh writes it"
stand_ins=(--file docker-compose.yaml --file docker/stand-ins/docker-compose.yaml)
compose --env-file "$work/env" "${stand_ins[@]}" config --quiet || failed "docker/stand-ins/docker-compose.yaml"
passed "docker-compose.yaml with docker/stand-ins/docker-compose.yaml"

if compose --env-file /dev/null config --quiet 2>"$work/refusal"; then
    failed "docker-compose.yaml is accepted without secrets"
fi
grep --quiet "run docker/new_env.sh first" "$work/refusal" || failed "the refusal without .env: $(<"$work/refusal")"
passed "without .env: $(<"$work/refusal")"

# DL3066: users go by name, for the images give them numbers of their own.
"$tools/hadolint" --ignore DL3066 --no-color docker/*/*Dockerfile || failed "hadolint"
passed "hadolint: $(echo docker/*/*Dockerfile)"

scripts=(docker/*.sh docker/*/*.sh docker/stand-ins/*.entrypoint)
if command -v shellcheck >/dev/null; then
    shellcheck "${scripts[@]}" || failed "shellcheck"
    passed "shellcheck: ${scripts[*]}"
else
    printf 'skipped shellcheck, which is not installed\n'
fi
