#!/usr/bin/env bash
# Instructions per engine step, as callgrind counts them: the same on every machine with the same compiler. Fails if the figure has moved by
# more than 10 % from the pinned one; better than that by more is a failure too, so that the pin is kept true.
#   instructions.sh PROGRAM [--pin]
set -euo pipefail
program=$1
pin=$(dirname "${BASH_SOURCE[0]}")/instructions.txt
log=$(mktemp -d); trap 'rm -rf "$log"' EXIT

# Work of N executions, less that of fewer: what starting and the first execution cost is in both.
count() {
  valgrind --tool=callgrind --callgrind-out-file="$log/out.$1" "$program" --fixed "$1" > "$log/steps.$1" 2> "$log/err.$1" || {
    cat "$log/err.$1" >&2
    exit 1
  }
  sed -nE 's/^(summary|totals): ([0-9]+).*/\2/p' "$log/out.$1" | head -1
}
few=$(count 5)
many=$(count 25)
steps=$(($(cat "$log/steps.25") - $(cat "$log/steps.5")))
figure=$(((many - few) / steps))

if [ "${2:-}" = --pin ]; then
  sed -i '/^[0-9]/d' "$pin"
  echo "$figure" >> "$pin"
fi
pinned=$(grep -E '^[0-9]+$' "$pin")
echo "instructions per step: $figure, pinned $pinned"
[ $((figure * 10)) -le $((pinned * 11)) ] && [ $((figure * 10)) -ge $((pinned * 9)) ] || {
  echo "that is more than 10 % off; after a change that was meant: ./dev cost --pin, and say why" >&2
  exit 1
}
