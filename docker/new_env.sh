#!/usr/bin/env bash
# Writes .env for docker-compose.yaml: .env.example with new secrets.
#
# Usage: docker/new_env.sh [FILE]      (.env of this repository if left out; an existing file is kept)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
file=${1:-$root/.env}

random_hex() {
    od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}

# Prints a new value for a secret.
new_value() {
    case $1 in
    AIRFLOW_FERNET_KEY) head -c 32 /dev/urandom | base64 | tr '+/' '-_' ;;
    AIRFLOW_JWT_SECRET) random_hex 64 ;;
    AIRFLOW_ADMIN_PASSWORD) random_hex 8 ;;
    APPLIED_LABS_API_KEY) echo "AL$(random_hex 16)" ;; # the vendor's keys begin so
    *) random_hex 24 ;;
    esac
}

if [[ -e $file ]]; then
    echo "$file exists already and was kept." >&2
    exit
fi
umask 077
while IFS= read -r line; do
    if [[ $line =~ ^([A-Z0-9_]+)=$ ]]; then
        line+=$(new_value "${BASH_REMATCH[1]}")
    fi
    printf '%s\n' "$line"
done <"$root/.env.example" >"$file.new"
mv "$file.new" "$file"
echo "Wrote $file; the password of the user admin is AIRFLOW_ADMIN_PASSWORD in it." >&2
