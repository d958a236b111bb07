#!/usr/bin/env bash
# The lint must find every bad line of sample/ and nothing else. A bad line there ends in "// bad: PART OF THE MESSAGE".
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp -r "$here/sample/." "$work"

# Bad in ways that a checked-in file should not be.
{ printf '\tint tab;  // bad: a tab\n'; printf 'int blank; \n'; } > "$work/sim/blanks.cpp"
{ printf '//%138s\n' '' | tr ' ' x; printf '//%139s\n' '' | tr ' ' x; printf '//%138s\n' '' | sed 's/ /é/g'; } > "$work/sim/wide.cpp"
seq 400 | sed 's|.*|//|' > "$work/sim/long400.cpp"
seq 450 | sed 's|.*|//|' > "$work/sim/long450.cpp"
seq 501 | sed 's|.*|//|' > "$work/sim/long501.cpp"

# Rooms, in a library that has nothing else bad.
mkdir -p "$work/docs" "$work/reports"/{page,html,loose}
cat > "$work/docs/architecture.md" <<'MD'
## Rooms
| `reports/` | | the door |
| `reports/page/` | | layout |
| `reports/html/` | page, reports/, json | a format |
| `reports/json/` | | nothing is there |
## Other
| `sim/nowhere/` | page | not looked at |
MD
echo '#include "unplug/reports/page/page.hpp"' > "$work/reports/html/html.cpp"
echo '#include "unplug/reports/writer.hpp"' >> "$work/reports/html/html.cpp"
echo '#include "unplug/reports/html/html.hpp"  // bad: reports/page/ includes reports/html/' > "$work/reports/page/page.cpp"
echo 'int x;  // bad: lies in no room' > "$work/reports/loose/loose.cpp"

# Facts, and who cites them.
mkdir -p "$work/docs/kernel" "$work/tests/model/kernel/irq"
cat > "$work/docs/kernel/irq.md" <<'MD'
# Interrupts
Not an entry.
### free_irq-waits

`free_irq()`, kernel/irq/manage.c. It waits.
### stated-twice
kernel/irq/manage.c. Once.
### stated-twice
kernel/irq/manage.c. Twice.
### no id
kernel/irq/manage.c.
### no-source
It waits.
### nothing-said
### not-shown
kernel/irq/chip.c. Only a header cites it.
MD
printf '%s\n' '// Fact: free_irq-waits, stated-twice.' 'TEST_CASE("irq: waits") {' '}' '// Fact: no-source, nothing-said, not-there.' \
  '// Fact free_irq-waits' > "$work/tests/model/kernel/irq/shown.cpp"
echo 'TEST_CASE("irq: silent") {}' > "$work/tests/model/kernel/irq/silent.cpp"
echo 'int fixture;' > "$work/tests/model/kernel/irq/fixture.hpp"
echo '// Fact: not-shown.' > "$work/model/cites.hpp"

if "$here/lint.sh" "$work" > "$work/found"; then echo "the lint passes a bad sample"; exit 1; fi
cd "$work"
{
  grep -rn '// bad: ' --include='*.[ch]pp' . | sed -E 's|^\./([^:]*:[0-9]+):.*// bad: (.*)$|\1: \2|'
  echo "docs/architecture.md:4: nothing in reports/html/ includes reports/json/"
  echo "docs/architecture.md:5: no sources in reports/json/"
  echo "docs/kernel/irq.md:8: fact stated-twice is stated twice"
  echo "docs/kernel/irq.md:10: 'no id' is no id of a fact"
  echo "docs/kernel/irq.md:10: no test cites fact no id"
  echo "docs/kernel/irq.md:13: fact no-source names no source"
  echo "docs/kernel/irq.md:14: fact nothing-said names no source"
  echo "docs/kernel/irq.md:15: no test cites fact not-shown"
  echo "tests/model/kernel/irq/shown.cpp:4: fact not-there is not stated"
  echo "tests/model/kernel/irq/shown.cpp:5: no citation of a fact"
  echo "tests/model/kernel/irq/silent.cpp:1: cites no fact"
  echo "sim/blanks.cpp:2: a blank at the end"
  echo "sim/wide.cpp:2: 141 columns"
  echo "sim/long450.cpp:450: note: 450 lines"
  echo "sim/long501.cpp:501: 501 lines"
} > expected

status=0
while IFS= read -r line; do
  grep -qF -- "$line" found || { echo "not found: $line"; status=1; }
done < expected
[ "$(wc -l < expected)" = "$(wc -l < found)" ] || { echo "expected $(wc -l < expected) findings, got:"; cat found; status=1; }

# Clean sources pass.
mkdir -p clean/sim; echo 'int x;' > clean/sim/clean.cpp
"$here/lint.sh" clean > /dev/null || { echo "the lint fails clean sources"; status=1; }
exit $status
