# Holds docs/kernel/*.md (the first files) and the sources that cite them together; see lint.sh and docs/kernel/README.md. LC_ALL=C.
# A fact:     "### ID", and below it a line that names the source file in the kernel.
# A citation: "// Fact: ID, ID." on a line of its own in tests/ or model/. What each file of tests/model/kernel/ shows, it cites.

function report(file, line, what, instead) { printf "%s:%d: %s; instead: %s\n", file, line, what, instead; failures++ }
function end_of_test() { if (must_cite && !cites) report(must_cite, 1, "cites no fact of docs/kernel/", "// Fact: ID. before a TEST_CASE") }
function end_of_fact() { if (open_fact) report(at[open_fact], line_of[open_fact], "fact " open_fact " names no source", "its function and file, first") }

FNR == 1 { end_of_test(); end_of_fact(); must_cite = open_fact = ""; cites = 0 }

FILENAME ~ /\.md$/ {
  if ($0 ~ /^#/) end_of_fact()
  if ($0 ~ /^#/) open_fact = ""
  if ($0 ~ /^### /) {
    id = substr($0, 5)
    if (id !~ /^[A-Za-z0-9_-]+$/) report(FILENAME, FNR, "'" id "' is no id of a fact", "letters, digits, _ and -")
    if (id in at) report(FILENAME, FNR, "fact " id " is stated twice", "one entry")
    at[id] = FILENAME; line_of[id] = FNR; open_fact = id
  } else if (open_fact && $0 != "") {
    if ($0 !~ /[A-Za-z0-9_-]+\/[A-Za-z0-9_\/.-]*\.(c|h|rs|rst|txt)([^A-Za-z0-9_]|$)/) report(FILENAME, FNR, "fact " open_fact " names no source", "its function and file, first")
    open_fact = ""
  }
  next
}

FNR == 1 && FILENAME ~ /^tests\/model\/kernel\// { must_cite = FILENAME }

/^ *\/\/ Facts?($|[^A-Za-z])/ {
  if ($0 !~ /^ *\/\/ Fact: [^ ,]+(, [^ ,]+)*\.$/) { report(FILENAME, FNR, "no citation of a fact", "// Fact: ID, ID."); next }
  list = $0; sub(/^ *\/\/ Fact: /, "", list); sub(/\.$/, "", list)
  n = split(list, ids, ", ")
  for (i = 1; i <= n; i++) {
    if (!(ids[i] in at)) report(FILENAME, FNR, "fact " ids[i] " is not stated", "an entry in docs/kernel/, or one that is there")
    if (FILENAME ~ /^tests\//) shown[ids[i]] = 1
  }
  cites = 1
}
FILENAME ~ /\.hpp$/ { must_cite = "" }

END {
  end_of_test()
  for (id in at) if (!(id in shown)) report(at[id], line_of[id], "no test cites fact " id, "a test that shows it, or no such entry")
  exit failures > 0
}
