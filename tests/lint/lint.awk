# Applies rules.txt (first file) to sources; see lint.sh. LC_ALL=C: characters are bytes.

function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }

function report(line, what, instead) {
  printf "%s:%d: %s; instead: %s\n", FILENAME, line, what, instead
  failures++
}

# The line without comments and literal text. `state` outlives the line: "" code, "/*" a comment, else the end mark of a raw string.
function code_of(s,    out, c, two, end) {
  if (state == "" && s !~ /["'\/]/) return s
  out = ""
  while (s != "") {
    if (state != "") {
      end = index(s, state == "/*" ? "*/" : state)
      if (!end) return out
      s = substr(s, end + (state == "/*" ? 2 : length(state)))
      state = ""
      continue
    }
    c = substr(s, 1, 1); two = substr(s, 1, 2)
    if (two == "//") return out
    if (two == "/*") { state = "/*"; s = substr(s, 3); continue }
    if (c == "\"" && out ~ /(^|[^A-Za-z0-9_])(u8|[uUL])?R$/) {
      end = index(s, "(")
      state = ")" substr(s, 2, end - 2) "\""
      s = substr(s, end + 1); out = out "\"\""
    } else if (c == "\"" || (c == "'" && out !~ /[0-9a-fA-F]$/)) {   # after a digit it only groups digits
      if (c == "\"") match(substr(s, 2), /^([^"\\]|\\.)*"/)
      else match(substr(s, 2), /^([^'\\]|\\.)*'/)
      s = RLENGTH < 0 ? "" : substr(s, 2 + RLENGTH); out = out c c
    } else {
      out = out c; s = substr(s, 2)
    }
  }
  return out
}

function covers(where, file,    n, i, parts, hit, p) {
  n = split(where, parts, ",")
  for (i = 1; i <= n; i++) {
    p = trim(parts[i])
    if (p == "all") hit = 1
    else if (substr(p, 1, 1) == "-") { if (index(file, substr(p, 2) "/") == 1) return 0 }
    else if (index(file, p "/") == 1) hit = 1
  }
  return hit
}

function end_of_file() {
  if (file == "") return
  if (lines > 500) { printf "%s:%d: %d lines; instead: at most 500, split it by idea\n", file, lines, lines; failures++ }
  else if (lines > 400) printf "%s:%d: note: %d lines, 500 fail\n", file, lines, lines
}

FNR == NR {  # the rules
  if ($0 ~ /^#/ || $0 !~ /[^ ]/) next
  # "|" separates only between blanks, so that patterns may use it.
  n = split($0, f, / +\| +/)
  if (n < 4) { print FILENAME ":" FNR ": a rule needs four fields"; failures++; next }
  rules++
  where[rules] = trim(f[1]); pattern[rules] = trim(f[2]); what[rules] = f[3]; instead[rules] = trim(f[4]); excuse[rules] = trim(f[5])
  whole[rules] = sub(/^@comment /, "", pattern[rules])
  pattern[rules] = "(^|[^A-Za-z0-9_])(" trim(pattern[rules]) ")($|[^A-Za-z0-9_])"
  next
}

FNR == 1 {
  end_of_file()
  file = FILENAME; state = ""; active = 0
  for (r = 1; r <= rules; r++) if (covers(where[r], file)) act[++active] = r
}

{
  lines = FNR
  code = (state == "" && $0 ~ /^[ \t]*#[ \t]*include/) ? $0 : code_of($0)
  for (i = 1; i <= active; i++) {
    r = act[i]
    if ((whole[r] ? $0 : code) ~ pattern[r] && !(excuse[r] != "" && index($0, "// " excuse[r]))) report(FNR, what[r], instead[r])
  }
  if (index($0, "\t")) report(FNR, "a tab", "blanks")
  if ($0 ~ /[ \t\r]$/) report(FNR, "a blank at the end of the line", "none")
  if (length($0) > 140) {
    width = $0; gsub(/[\200-\277]/, "", width)  # continuation bytes of UTF-8 take no column
    if (length(width) > 140) report(FNR, length(width) " columns", "at most 140")
  }
}

END { end_of_file(); exit failures ? 1 : 0 }
