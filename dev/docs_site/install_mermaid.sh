#!/usr/bin/env bash
# Puts Mermaid, which draws the pictures of the documentation, into a folder; does nothing where it is there already.
#
# Usage: install_mermaid.sh FOLDER
#
# Without it, the theme would load Mermaid from another host each time somebody reads a page with a picture.
set -euo pipefail

version=11.17.2
folder=$1
[[ $(cat "$folder/version" 2>/dev/null) != "$version" ]] || exit 0
if ! command -v npm >/dev/null; then
    echo "npm is not installed, and the documentation's pictures need Mermaid: install Node.js with npm." >&2
    exit 1
fi
mkdir -p "$folder"
npm pack --silent --pack-destination "$folder" "mermaid@$version" >/dev/null 2>"$folder/npm.log" ||
    { cat "$folder/npm.log" >&2; exit 1; }
tar --extract --gzip --file "$folder/mermaid-$version.tgz" --directory "$folder" --strip-components 1 \
    package/LICENSE package/dist/mermaid.min.js
rm "$folder/mermaid-$version.tgz" "$folder/npm.log"
echo "$version" >"$folder/version"
