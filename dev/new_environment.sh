#!/usr/bin/env bash
# Makes a virtual environment that has uv in it, and nothing else.
#
# Usage: new_environment.sh FOLDER VERSION...       (Python versions, the preferred one first)
# $PYTHON, if set, is the interpreter to use; $UV_VERSION is the version of uv.
set -euo pipefail

# Succeeds if an interpreter runs, has one of the versions and can make environments. Running it is the only
# way to know: pyenv's shims exist for versions that are not selected, and Debian leaves ensurepip out.
usable() {
    local interpreter=$1 found
    shift
    found=$("$interpreter" -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) &&
        [[ " $* " == *" $found "* ]]
}

# Prints the first usable interpreter: for each version those on the PATH, then pyenv's, and at last python3.
find_python() {
    local version candidate
    for version in "$@"; do
        for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
            usable "$candidate" "$version" && echo "$candidate" && return
        done
    done
    usable python3 "$@" && echo python3
}

folder=$1
shift
python=${PYTHON:-$(find_python "$@")} || {
    echo "No usable Python $* was found (with venv and ensurepip); set PYTHON to one." >&2
    exit 1
}
usable "$python" "$@" || {
    echo "$python is not a usable Python $* (with venv and ensurepip)." >&2
    exit 1
}

echo "Making $folder with $("$python" --version)."
"$python" -m venv --clear "$folder"
echo "Installing uv into it, which installs everything else."
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
