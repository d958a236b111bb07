#!/usr/bin/env bash
# same_bytes.sh WORK PROGRAM -- OTHER...: two builds of the program (OTHER: a command, perhaps an emulator's) run the same scenarios. What
# they write is the same to the byte, and each failure that one found is reproduced by the other.
set -euo pipefail
work=$1 program=$2
shift 3
files=(scenarios/drm-unbounded-wait.json scenarios/r592-irq-rearms-timer.json scenarios/zram-sysfs-lock.json scenarios/two-devices.json)
rm -rf "$work"
mkdir -p "$work/one" "$work/other"
# The command is part of what is written, so both write to one place.
"$program" compare "${files[@]}" --executions 300 --out "$work/out" > "$work/one/text" || [ $? = 1 ]
mv "$work/out" "$work/one/out"
"$@" compare "${files[@]}" --executions 300 --out "$work/out" > "$work/other/text" || [ $? = 1 ]
mv "$work/out" "$work/other/out"
diff -r "$work/one" "$work/other"
count=0
for failure in "$work"/one/out/failures/*.json; do
  status=0
  "$@" replay "$failure" > "$work/replay" || status=$?
  [ "$status" = 1 ] || { cat "$work/replay"; echo "$failure is not reproduced (exit $status)"; exit 1; }
  count=$((count + 1))
done
[ "$count" -gt 0 ]
echo "same bytes of ${#files[@]} scenarios, $count failures replayed"
