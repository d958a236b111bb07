#!/usr/bin/python3
"""The audit of silence: audit.py UNPLUG SOURCE_ROOT REASONS WORK [NAME...] [--jobs N] [--table FILE]

For every shipped driver file and form that is proved clean, each of these in turn is taken away:
  step   a step of remove(), of a handler or of whatever else the driver runs
  arms   a step of probe() or init(): what makes an entry reachable
  op     a file operation, an attribute's or another entry that a table of the module names
  task   a task of "run", or a step of one
Each of these mutants has to be found: a failure, a vacuous verdict, a refusal of the file, a new warning. One that is still proved clean
needs a reason. These are found here:
  access    it only makes an access, or takes time, or leads to such steps alone: without it less can go wrong
  answer    the function ends there anyway: only what it answers changes
  not run   the verdict itself says that the step is never reached, or nothing leads to its function in this form
  at rest   it waits or cancels, and in no execution of the proof was there anything to wait for
  twice     another step does the same: without that one, too, the mutant is found (the pair is named)
  entered   a step of a task or of probe(): without it every entry is still entered and meets removal
Whatever is left has to be a line of REASONS: FILE | FORM or * | WHERE | REASON; lines that are no longer needed are told as well.
Prints a table; the exit code is 1 if some mutant is silent or a line is stale.
"""
import argparse
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import combinations
from pathlib import Path

# What only looks, or lets time pass; and writes to registers that do nothing (see has_effect()).
ACCESSES = {"load", "READ_ONCE", "smp_load_acquire", "rcu_dereference", "srcu_dereference", "atomic_read", "refcount_read", "kref_read",
            "readb", "readw", "readl", "readq", "ioread8", "ioread16", "ioread32", "inb", "inw", "inl", "udelay", "ndelay", "mdelay",
            "msleep", "usleep_range", "fsleep", "ssleep", "urb_status", "usb_get_intfdata", "dev_get_drvdata", "copy_to_user",
            "copy_from_user", "printk"}
WRITES = {"writeb", "writew", "writel", "writeq", "iowrite8", "iowrite16", "iowrite32", "outb", "outw", "outl"}
FEW = 5000  # traces
KINDS = ("found", "entered", "access", "answer", "not run", "at rest", "twice", "listed", "silent")
LEADS = {"if", "use", "maybe", "list_for_each_entry", "list_for_each_entry_safe", "list_for_each_entry_rcu", "else"}
SELECTORS = {"form", "line", "source", "id", "note", "at_most", "member"}
TABLES = ("fops", "file_operations", "vm_ops", "attributes", "sysfs", "notifiers", "ops")


def without_comments(text):
    out, i, quoted = [], 0, False
    while i < len(text):
        c = text[i]
        if quoted and c == "\\":
            out.append(text[i:i + 2])
            i += 2
            continue
        if c == '"':
            quoted = not quoted
        if not quoted and text.startswith("//", i):
            end = text.find("\n", i)
            i = len(text) if end < 0 else end
            continue
        out.append(c)
        i += 1
    return "".join(out)


def verb_of(step):
    return next((k for k in step if k not in SELECTORS), None)


def steps_of(steps, path):
    """All steps of a list and of the lists in them, with where they are."""
    for i, step in enumerate(steps):
        if not isinstance(step, dict):
            continue
        yield path + [i], step
        for key, value in step.items():
            if isinstance(value, list) and any(isinstance(x, dict) for x in value):
                yield from steps_of(value, path + [i, key])


def at(document, path):
    for p in path:
        document = document[p]
    return document


def without(document, paths):
    """The document without what is at these paths."""
    out = deepcopy(document)
    for path in sorted(paths, key=lambda p: [str(x).zfill(6) for x in p], reverse=True):
        del at(out, path[:-1])[path[-1]]
    return out


def in_form(step, form):
    of = step.get("form")
    if of is None:
        return True
    return form == of if isinstance(of, str) else form in of


class Mutant:
    def __init__(self, kind, path, where, step=None, function=""):
        self.kind, self.path, self.where, self.step, self.function = kind, path, where, step or {}, function


def has_effect(document, register):
    """Whether a write does more than touch the mapping: an interrupt that it switches, what it starts or stops, a value that is read."""
    for task in document.get("run", {}).get("tasks", {}).values():
        if isinstance(task, dict) and task.get("enabled_by") == register:
            return True
    mapping, _, name = register.partition(".")
    for steps in document["functions"].values():
        for _, step in steps_of(steps, []):
            regs = step.get("regs", {}) if mapping in step.values() else {}
            if name in regs and not isinstance(regs[name], list):
                return True
    return False


def only_accesses(document, step):
    verb = verb_of(step)
    if verb in ACCESSES or (verb in WRITES and not has_effect(document, step[verb])):
        return True
    inner = [s for v in step.values() if isinstance(v, list) for s in v if isinstance(s, dict)]
    return verb in LEADS and bool(inner) and all(only_accesses(document, s) for s in inner)


def only_answers(step):
    inner = [s for v in step.values() if isinstance(v, list) for s in v if isinstance(s, dict)]
    return verb_of(step) in ("return", "label") or (verb_of(step) == "if" and all(verb_of(s) == "return" for s in inner) and
                                                    (inner or "return" in step))


def ends_anyway(document, mutant, form):
    """Whether it only answers, and so does all that follows it."""
    if len(mutant.path) != 3 or not only_answers(mutant.step):
        return False
    after = document["functions"][mutant.function][mutant.path[2] + 1:]
    return all(only_answers(s) for s in after if isinstance(s, dict) and in_form(s, form))


def words_of(value, form):
    """All strings that stand in it, steps of other forms aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for v in value:
            yield from words_of(v, form)
    elif isinstance(value, dict) and in_form(value, form):
        for k, v in value.items():
            if k not in ("form", "note"):
                yield from words_of(v, form)


def led_to(document, form):
    """The functions that something leads to in a form."""
    functions, seen = document["functions"], set()
    names = set(words_of([document.get("modules"), document.get("run")], form))
    for m in document.get("modules", {}):
        names |= {m + "_probe", m + "_remove", m + "_exit"}
    todo = [n for n in names if n in functions]
    while todo:
        f = todo.pop()
        if f not in seen:
            seen.add(f)
            todo += [n for n in set(words_of(functions[f], form)) if n in functions]
    return seen


def reached_name(document, mutant, form):
    """What the step is called in a form: the ordinal counts what is there in it."""
    n = 0
    for path, step in steps_of(document["functions"][mutant.function], ["functions", mutant.function]):
        if any(not in_form(at(document, path[:i]), form) for i in range(3, len(path) + 1, 1) if isinstance(at(document, path[:i]), dict)):
            continue
        n += verb_of(step) == verb_of(mutant.step)
        if path == mutant.path:
            break
    return f"{mutant.function}/{mutant.step.get('id') or f'{verb_of(mutant.step)}#{n}'}"


def not_run(document, cells, form, mutant):
    if not mutant.function:
        return False
    if mutant.function not in led_to(document, form):
        return True
    name = reached_name(document, mutant, form)
    of = [c for k, c in cells.items() if k[0] == form and clean(c)]
    return bool(of) and all(name in c["never_reached"] for c in of)


def probes_of(document):
    names = set()
    for name, module in document.get("modules", {}).items():
        names.add(module.get("probe", name + "_probe"))
        names.add(module.get("init", name + "_init"))
    return names


def mutants_of(document):
    probes = probes_of(document)
    count = Counter()

    def named(place, verb, form):
        count[place, verb] += 1
        return f"{place}/{verb}#{count[place, verb]}" + (f" [{form if isinstance(form, str) else ', '.join(form)}]" if form else "")
    for function, steps in document.get("functions", {}).items():
        for path, step in steps_of(steps, ["functions", function]):
            verb = verb_of(step)
            where = named(function, verb, step.get("form"))
            if verb in (None, "label"):
                continue
            yield Mutant("arms" if function in probes else "step", path, where, step, function)
    for module, words in document.get("modules", {}).items():
        for table in TABLES:
            entries = words.get(table)
            if not isinstance(entries, dict):
                continue
            for key, value in entries.items():
                if isinstance(value, dict):
                    for op, function in value.items():
                        if op != "owner" and isinstance(function, str) and function in document["functions"]:
                            yield Mutant("op", ["modules", module, table, key, op], f"{module}.{key}.{op}")
                elif key != "owner" and isinstance(value, str) and value in document["functions"]:
                    yield Mutant("op", ["modules", module, table, key], f"{module}.{table}.{key}")
    for section in ("tasks", "threads"):
        tasks = document.get("run", {}).get(section, {})
        for task, words in tasks.items():
            if len(tasks) > 1:
                yield Mutant("task", ["run", section, task], f"task {task}", words if isinstance(words, dict) else {})
            steps = words.get("do") if isinstance(words, dict) else words
            base = ["run", section, task] + (["do"] if isinstance(words, dict) else [])
            for path, step in steps_of(steps or [], base):
                verb = verb_of(step)
                where = named(f"task {task}", verb, step.get("form"))
                if verb in (None, "label"):
                    continue
                yield Mutant("task", path, where, step)


class File:
    """One shipped file, what is proved of it, and its mutants."""

    def __init__(self, tool, path, name, work):
        self.tool, self.name, self.work = tool, name, work
        self.document = json.loads(without_comments(path.read_text()))
        self.document.pop("$schema", None)
        rows = []
        for row in self.document.pop("expect", []):
            if "never" in row:
                kept = {k: v for k, v in row.items() if k not in ("must", "evidence", "counts", "in")}
                rows.append(kept | {"may": ["*"]})
        if rows:
            self.document["expect"] = rows
        self.document.pop("strategies", None)

    def run(self, document, name, *options):
        """(load problem or None, warnings, {(form, member, policy): cell})"""
        file, out = self.work / f"{name}.json", self.work / f"{name}.out"
        file.write_text(json.dumps(document))
        said = subprocess.run([self.tool, "validate", file], capture_output=True, text=True, check=False)
        warnings = sorted(line.split(": warning: ")[1] for line in (said.stdout + said.stderr).splitlines() if ": warning: " in line)
        if said.returncode != 0:
            return (said.stdout + said.stderr).splitlines()[0].split(": error: ")[-1], warnings, {}
        done = subprocess.run([self.tool, "run", "--quiet", "--strategy", "dpor", "--limit", "60s", "--jobs", "1", "--out", out, *options,
                               file], capture_output=True, text=True, check=False)
        if done.returncode == 2 and done.stderr.startswith("--form: "):  # it was the only step with this form
            return "the form is gone", warnings, {}
        if done.returncode not in (0, 1):
            raise SystemExit(f"{self.name}, {name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        result = json.loads((out / "result.json").read_text())
        cells = {(c["form"], c["member"], c["policy"]): c for s in result["scenarios"] for c in s["cells"]}
        subprocess.run(["rm", "-rf", file, out], check=True)
        return None, warnings, cells


def clean(cell):
    return cell["verdict"] in ("clean", "clean by refusal") and cell["evidence"]["kind"] == "exhaustive"


def found_by(base, result, form):
    """How a mutant is found in a form; None: it isn't."""
    problem, warnings, cells = result
    if problem is not None:
        return "refused: " + problem
    base_warnings, base_cells = base
    new = Counter(warnings) - Counter(base_warnings)
    changed = Counter()
    for key, cell in base_cells.items():
        if key[0] != form or not clean(cell):
            continue
        now = cells.get(key)
        if now is None:
            continue
        if now["verdict"] == "fails":
            for v in now["violations"]:
                changed[v["class"]] += 1
        elif now["verdict"] != cell["verdict"]:
            changed[now["verdict"]] += 1
        elif now["evidence"]["kind"] != "exhaustive":
            changed["not exhausted"] += 1
    if changed:
        return ", ".join(sorted(changed))
    return "warned: " + next(iter(new)) if new else None


def never_waited(base_cells, form, mutant):
    """A wait of removal that in no execution found anything to wait for."""
    waits = [w for key, cell in base_cells.items() if key[0] == form for w in cell["waits"]
             if w["function"] == mutant.function and w["what"].startswith(verb_of(mutant.step) + "(")]
    return bool(waits) and all(w["blocked"] == 0 for w in waits)


def options_for(cells, form):
    """What to run of a form, as lists of options: of the cells that are proved clean those of the policy with the fewest traces, and of a
    second one if they are few; before that one member alone if they are many. Where removal is refused less can be seen: such policies and
    members come last. With room for more traces."""
    traces, least = Counter(), {}
    for (of, member, policy), cell in cells.items():
        if of != form or not clean(cell):
            continue
        n = cell["evidence"]["executions"]
        one = (cell["verdict"] != "clean", n, member)
        traces[policy] += n
        least[policy] = min(least.get(policy, one), one)
    policies = sorted(traces, key=lambda p: (least[p][0], traces[p], p))
    chosen = policies[:1] + [p for p in policies[1:2] if traces[p] <= FEW]
    out = ["--form", form] if form else []
    for p in chosen:
        out += ["--policy", p]
    most = max(traces[p] for p in chosen)
    last = out + ["--executions", str(20 * most + 5000)]
    if most <= FEW:
        return [last]
    _, n, member = least[chosen[0]]
    alone = [o for value in (member.split(", ") if member else []) for o in ("--param", value)]
    return [out + alone + ["--executions", str(20 * n + 5000)]] + ([last] if n != most else [])


def audit_form(file, base, form, jobs):
    """[[mutant, how it is found or None, reason]]"""
    cells = base[1]
    mutants = [m for m in mutants_of(file.document) if in_form(m.step, form)]

    def find(n, paths):
        for options in options_for(cells, form):
            how = found_by(base, file.run(without(file.document, paths), f"m{n}", *options), form)
            if how is not None:
                return how
        return None

    def run_all(sets):
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(find, range(len(sets)), sets))
    rows = []
    for m, how in zip(mutants, run_all([[m.path] for m in mutants])):
        reason = ""
        if how is None:
            if m.kind in ("task", "arms", "op"):
                reason = "entered"
            elif only_accesses(file.document, m.step):
                reason = "access"
            elif ends_anyway(file.document, m, form):
                reason = "answer"
            elif not_run(file.document, cells, form, m):
                reason = "not run"
            elif never_waited(cells, form, m):
                reason = "at rest"
        rows.append([m, how, reason])
    left = [r for r in rows if r[1] is None and not r[2]]
    pairs = [(a, b) for a, b in combinations(left, 2) if not nested(a[0].path, b[0].path)][:300]
    for (a, b), how in zip(pairs, run_all([[a[0].path, b[0].path] for a, b in pairs])):
        if how is not None:
            a[2] = a[2] or "twice: " + b[0].where
            b[2] = b[2] or "twice: " + a[0].where
    return rows


def audit_file(file, jobs):
    """{form that is proved clean: rows of audit_form()}"""
    problem, warnings, cells = file.run(file.document, "base", "--executions", "100000")
    if problem is not None:
        raise SystemExit(f"{file.name}: {problem}")
    forms = sorted({key[0] for key, cell in cells.items() if clean(cell)})
    return {form: audit_form(file, (warnings, cells), form, jobs) for form in forms}


def nested(a, b):
    return a[:len(b)] == b or b[:len(a)] == a


def row(name, form, counts):
    return f"{name:44} {form:32} {sum(counts.values()):7} " + " ".join(f"{counts[k]:7}" for k in KINDS)


def read_reasons(path):
    out = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            file, form, where, reason = (x.strip() for x in line.split("|"))
            out[file, form, where] = reason
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("root", type=Path)
    parser.add_argument("reasons", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", type=Path, help="every mutant, one a line")
    parser.add_argument("names", nargs="*", help="only files whose name has one of these in it")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    reasons, used, table, silent, all_counts = read_reasons(args.reasons), set(), [], [], Counter()
    print(f"{'file':44} {'form':32} {'mutants':>7} " + " ".join(f"{k:>7}" for k in KINDS))
    folders = [args.root / "scenarios" / f for f in ("", "corpus", "drivers", "templates")]
    for path in sorted(p for f in folders for p in f.glob("*.json")):
        name = str(path.relative_to(args.root / "scenarios"))[:-5]
        if args.names and not any(n in name for n in args.names):
            continue
        if '"scenario/1"' not in path.read_text() or '"modules"' not in path.read_text():
            continue
        for form, rows in audit_file(File(args.tool, path, name, args.work), args.jobs).items():
            counts = Counter()
            for m, how, reason in rows:
                key = next((k for k in ((name, form or "-", m.where), (name, "*", m.where)) if k in reasons), None)
                if how is None and not reason and key is not None:
                    used.add(key)
                    reason = "listed: " + reasons[key]
                kind = "found" if how is not None else reason.split(":")[0] or "silent"
                counts[kind] += 1
                table.append(f"{name} | {form or '-'} | {m.kind} | {m.where} | {kind} | {how or reason.partition(': ')[2]}")
                if kind == "silent":
                    silent.append(table[-1])
                    print("  silent: " + table[-1])
            all_counts += counts
            print(row(name, form or "-", counts), flush=True)
    print(row("all", "", all_counts))
    if args.table:
        args.table.write_text("\n".join(table) + "\n")
    stale = [] if args.names else sorted(set(reasons) - used)
    for line in stale:
        print("no longer needed: " + " | ".join(line))
    return 1 if silent or stale else 0


if __name__ == "__main__":
    sys.exit(main())
