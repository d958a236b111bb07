# Holds the table of rooms in docs/architecture.md (first file) to what sources include; see lint.sh. LC_ALL=C.
# A row: | `scenarios/file/` | json, program | what lives there |; the second column names rooms of the same library, "model/" its top.

function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function folder(path) { sub(/[^\/]*$/, "", path); return path }
function library(path) { sub(/\/.*/, "", path); return path }
function report(file, line, what, instead) { printf "%s:%d: %s; instead: %s\n", file, line, what, instead; failures++ }

FNR == NR {
  if ($0 ~ /^## /) here = $0 == "## Rooms"
  if (!here || $0 !~ /^\| `[a-z_\/]+\/` \|/) next
  split($0, f, / *\| */)
  room = substr(f[2], 2, length(f[2]) - 2)
  at[room] = FNR
  known[library(room)] = 1
  n = split(f[3], to, /, */)
  for (i = 1; i <= n; i++) {
    name = trim(to[i])
    if (name == "") continue
    target = name ~ /\/$/ ? name : library(room) "/" name "/"
    arrow[room, target] = FNR
    arrows[++arrow_count] = room SUBSEP target
  }
  next
}

FNR == 1 {
  room = folder(FILENAME)
  checked = library(room) in known
  if (checked && !(room in at)) {
    report(FILENAME, 1, "lies in no room", "a room of the table in docs/architecture.md, or a new row there")
    checked = 0
  }
  lived[room] = 1
}

checked && match($0, /^[ \t]*#[ \t]*include "unplug\/[^"]+"/) {
  target = $0
  sub(/^[^"]*"unplug\//, "", target); sub(/".*/, "", target)
  target = folder(target)
  if (library(target) != library(room) || target == room) next
  if ((room, target) in arrow) used[room, target] = 1
  else report(FILENAME, FNR, room " includes " target, "what docs/architecture.md allows it, or a new arrow there")
}

END {
  for (i = 1; i <= arrow_count; i++) {
    split(arrows[i], a, SUBSEP)
    if (!(arrows[i] in used)) report(ARGV[1], arrow[arrows[i]], "nothing in " a[1] " includes " a[2], "a drawing without that arrow")
  }
  for (room in at) if (!(room in lived)) report(ARGV[1], at[room], "no sources in " room, "a table without that row")
  exit failures > 0
}
