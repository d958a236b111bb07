#!/usr/bin/env bash
# Checks every source against rules.txt, the rooms of docs/architecture.md against what sources include, and the facts of docs/kernel/
# against what tests cite:  lint.sh [ROOT]
# Prints file:line: what; instead: what to use. 0: clean.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$here/../..}"

folders=()
for folder in sim model scenarios reports cli tests bench; do [ -d "$folder" ] && folders+=("$folder"); done
mapfile -d '' files < <(find "${folders[@]}" -path tests/lint -prune -o -name '*.[ch]pp' -type f -print0 | LC_ALL=C sort -z)
[ ${#files[@]} -gt 0 ] || { echo "lint: no sources under $PWD" >&2; exit 1; }
status=0
LC_ALL=C awk -f "$here/lint.awk" "$here/rules.txt" "${files[@]}" || status=1
if [ -f docs/architecture.md ]; then LC_ALL=C awk -f "$here/rooms.awk" docs/architecture.md "${files[@]}" || status=1; fi
if [ -d docs/kernel ]; then
  citing=(); for file in "${files[@]}"; do [[ $file != @(tests|model)/* ]] || citing+=("$file"); done
  LC_ALL=C awk -f "$here/facts.awk" docs/kernel/*.md "${citing[@]}" || status=1
fi
[ $status = 0 ] || exit 1
echo "lint: ${#files[@]} files, clean"
