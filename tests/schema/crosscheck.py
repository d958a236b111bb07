#!/usr/bin/env python3
"""A second validator's word on our schemas: python3-jsonschema beside valijson, which the program uses.

    crosscheck.py UNPLUG        from the source root

Every shipped scenario, policy and template, every broken and warned file of the tests, and what mutation makes of the shipped ones has to
be judged alike by both against docs/schema/; the shipped ones have to conform. 0: they agree.
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

from jsonschema import Draft7Validator

SHIPPED = ["scenarios/**/*.json"]
TESTED = ["tests/broken/*.json", "tests/warned/*.json"]
NO_INPUT = ("scenarios/schema/", "scenarios/calibration/")
MUTANTS_PER_FILE = 60
REPLACEMENTS = (None, 1, -1, "x", [], {}, True)


def without_comments(text):
    """The text with // and /* */ comments as spaces; strings are left alone, lines stay where they are."""
    out, i = [], 0
    while i < len(text):
        if text[i] == '"':
            end = i + 1
            while end < len(text) and text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            out.append(text[i:end + 1])
            i = end + 1
        elif text.startswith("//", i):
            end = text.find("\n", i)
            i = len(text) if end < 0 else end
        elif text.startswith("/*", i):
            end = text.find("*/", i + 2)
            end = len(text) if end < 0 else end + 2
            out.append("".join(c if c == "\n" else " " for c in text[i:end]))
            i = end
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def kind_of(value):
    word = value.get("unplug") if isinstance(value, dict) else None
    return word.split("/")[0] if isinstance(word, str) else "scenario"


def places(value, path=()):
    """The path of every value inside `value`, the outermost first."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], path + (key,))
    elif isinstance(value, list):
        for i, element in enumerate(value):
            yield from places(element, path + (i,))


def mutants(value):
    """`value` with one thing wrong, or at least different: a value replaced or left out, a key renamed."""
    def changed(path, change):
        copy = json.loads(json.dumps(value))
        inner = copy
        for step in path[:-1]:
            inner = inner[step]
        change(inner, path[-1])
        return copy

    def rename(inner, key):
        if isinstance(inner, dict):
            inner[key + "x"] = inner.pop(key)

    everywhere = [p for p in places(value) if p]
    changes = [rename, lambda inner, key: inner.pop(key)]
    changes += [lambda inner, key, r=r: inner.__setitem__(key, r) for r in REPLACEMENTS]
    # Spread evenly over the file, and every kind of change.
    stride = max(1, len(everywhere) * len(changes) // MUTANTS_PER_FILE)
    if stride % len(changes) == 0:
        stride += 1
    for path, change in itertools.islice(itertools.product(everywhere, changes), 0, None, stride):
        yield changed(path, change)


def verdicts(unplug, files):
    """What the program says of each file: conforms, fails, or unreadable."""
    ran = subprocess.run([unplug, "validate", "--schema", *files], capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 2):
        sys.exit(f"unplug validate --schema: exit code {ran.returncode}\n{ran.stderr}")
    words = {}
    for line in ran.stdout.splitlines():
        path, _, word = line.rpartition(": ")
        words[path] = word
    return words


def main():
    unplug = sys.argv[1]
    validators = {}
    for path in pathlib.Path("docs/schema").glob("*-1.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft7Validator.check_schema(schema)
        validators[path.name[:-len("-1.json")]] = Draft7Validator(schema)

    failures, compared = [], 0
    shipped = sorted(str(p) for glob in SHIPPED for p in pathlib.Path().glob(glob) if not str(p).startswith(NO_INPUT))
    tested = sorted(str(p) for glob in TESTED for p in pathlib.Path().glob(glob))
    with tempfile.TemporaryDirectory() as folder:
        values = {}
        said = verdicts(unplug, shipped + tested)
        for path in shipped + tested:
            if said.get(path) == "unreadable":
                if path in shipped:
                    failures.append(f"{path}: shipped, but unreadable")
                continue
            values[path] = json.loads(without_comments(pathlib.Path(path).read_text(encoding="utf-8-sig")))
        made = []
        for path in shipped:
            for n, mutant in enumerate(mutants(values.get(path, {}))):
                name = f"{folder}/{len(made)}-{n}-{pathlib.Path(path).name}"
                pathlib.Path(name).write_text(json.dumps(mutant), encoding="utf-8")
                values[name] = mutant
                made.append(name)
        for first in range(0, len(made), 500):
            said.update(verdicts(unplug, made[first:first + 500]))

        for path, value in values.items():
            validator = validators.get(kind_of(value))
            if validator is None:
                continue  # a file of a kind without a schema here
            ours, theirs = said.get(path), "conforms" if validator.is_valid(value) else "fails"
            compared += 1
            if ours != theirs:
                why = next((e.message for e in validator.iter_errors(value)), "no error")
                failures.append(f"{path}: valijson says {ours}, python3-jsonschema {theirs}: {why[:200]}\n  {json.dumps(value)[:2000]}")
            if path in shipped and ours != "conforms":
                failures.append(f"{path}: shipped, but does not conform")

    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"schema: {compared} documents, {len(shipped)} of them shipped, judged by both; {len(failures)} disagreement(s)")
    sys.exit(1 if failures or compared <= len(shipped) else 0)


main()
