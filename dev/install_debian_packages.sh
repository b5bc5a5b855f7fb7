#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing, without asking. Does nothing, within some
# milliseconds, if none is.
#
# Usage: install_debian_packages.sh PACKAGE...
#
# Where it cannot install (not root, or not Debian) it says so and succeeds: the tests that need a package skip
# themselves, or fail in CI. It fails if an installation was tried and did not succeed.
set -euo pipefail

attempts=4 pause=10

missing=()
for package in "$@"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || state=unknown
    [[ $state == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "Not installed as Debian packages, and not installable here: ${missing[*]}." \
        "Tests that need them are skipped unless their programs are on the PATH." >&2
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# Another apt-get may hold the lock for a while; mirrors fail now and then.
apt_get() {
    apt-get --quiet=2 -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@"
}

# Two suites side by side may both need packages.
exec 9>"${TMPDIR:-/tmp}/install_debian_packages.lock"
flock 9

echo "Installing ${missing[*]}." >&2
for ((attempt = 1; attempt <= attempts; attempt++)); do
    if apt_get update && apt_get install --yes --no-install-recommends "${missing[@]}" >/dev/null </dev/null; then
        exit 0
    fi
    ((attempt == attempts)) || sleep "$pause"
done
echo "apt-get could not install ${missing[*]} in $attempts attempts." >&2
exit 1
