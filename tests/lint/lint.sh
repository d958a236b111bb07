#!/usr/bin/env bash
# Checks every source against rules.txt:  lint.sh [ROOT]
# Prints file:line: what; instead: what to use. 0: clean.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$here/../..}"

folders=()
for folder in sim model scenarios reports cli tests bench; do [ -d "$folder" ] && folders+=("$folder"); done
mapfile -d '' files < <(find "${folders[@]}" -path tests/lint -prune -o -name '*.[ch]pp' -type f -print0 | LC_ALL=C sort -z)
[ ${#files[@]} -gt 0 ] || { echo "lint: no sources under $PWD" >&2; exit 1; }
LC_ALL=C awk -f "$here/lint.awk" "$here/rules.txt" "${files[@]}"
echo "lint: ${#files[@]} files, clean"
