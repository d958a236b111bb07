#!/usr/bin/env python3
"""A second validator's word on our schemas: python3-jsonschema beside valijson, which the program uses.

    crosscheck.py UNPLUG        from the source root

Every shipped scenario, policy and template, every broken and warned file of the tests, the files beside this script, and these with one
thing changed have to be judged alike by both against docs/schema/. What ships has to conform, and each key of the schemas outside of steps
to be in a file beside this script. 0: so it is.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

from jsonschema import Draft7Validator

HERE = pathlib.Path(__file__).parent
SHIPPED = ["scenarios/**/*.json"]
TESTED = ["tests/broken/*.json", "tests/warned/*.json"]
NO_INPUT = ("scenarios/schema/", "scenarios/calibration/")
VALUES = (None, True, -1, 70, 1.5, "", "x", [], [1], {"x": 1})


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


def load(path):
    return json.loads(without_comments(pathlib.Path(path).read_text(encoding="utf-8-sig")))


def kind_of(value):
    word = value.get("unplug") if isinstance(value, dict) else None
    return word.split("/")[0] if isinstance(word, str) else "scenario"


def places(value, path=()):
    """(path, value) of everything inside `value`, the outermost first."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, v in inner:
        yield from places(v, path + (key,))


def changed(value, path, change):
    """A copy in which `change` was done to what holds the last key of `path`."""
    copy = json.loads(json.dumps(value))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return copy


def mutants(value, verbs, below=()):
    """(what was done, the result) for `value` with one thing changed at or below the path `below`: each value replaced by one of
    another type, out of range or unknown, left out, its key misspelt; a key or a verb too many in each object."""
    def put(new):
        return lambda holder, key: holder.__setitem__(key, new)

    def rename(holder, key):
        holder[key + "x"] = holder.pop(key)

    for path, inner in places(value):
        if not path or path[:len(below)] != below:
            continue
        where = "/" + "/".join(str(p) for p in path)
        for new in VALUES:
            if new != inner:
                yield f"{where} = {json.dumps(new)}", changed(value, path, put(new))
        yield f"{where} left out", changed(value, path, lambda holder, key: holder.pop(key))
        if isinstance(path[-1], str):
            yield f"{where} misspelt", changed(value, path, rename)
        if isinstance(inner, dict):
            yield f"{where} with a key too many", changed(value, path, put({**inner, "no_such_key": 1}))
            for verb in verbs if below else ():
                yield f"{where} with {verb}, too", changed(value, path, put({**inner, verb: None}))


class Verdicts:
    """What the program says of each file: conforms, fails, unreadable, or unknown. It works while we go on, until asked."""

    def __init__(self, unplug, files):
        self.out = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen([unplug, "validate", "--schema", *files], stdout=self.out, stderr=subprocess.DEVNULL)

    def get(self):
        if self.process.wait() not in (0, 2):
            sys.exit(f"unplug validate --schema: exit code {self.process.returncode}")
        self.out.seek(0)
        return dict(line.rstrip("\n").rsplit(": ", 1) for line in self.out)


class Keys:
    """Which of the keys that a schema lists outside of steps are in the values shown to `see`."""

    def __init__(self, schema):
        self.schema, self.seen, self.step = schema, set(), schema["definitions"]["step"]

    def see(self, value, schema):
        if "$ref" in schema:
            schema = self.schema["definitions"][schema["$ref"].rsplit("/", 1)[1]]
        if schema is self.step:
            return
        for branch in schema.get("anyOf", ()):
            if Draft7Validator({**branch, "definitions": self.schema["definitions"]}).is_valid(value):
                self.see(value, branch)
        if isinstance(value, list):
            for element in value:
                self.see(element, schema.get("items", {}))
        elif isinstance(value, dict):
            known = schema.get("properties", {})
            for key, inner in value.items():
                self.seen.add((id(known), key))
                self.see(inner, known.get(key) or schema.get("additionalProperties") or {})

    def unseen(self):
        for path, inner in places(self.schema):
            if path[-1:] == ("properties",) and path[:2] != ("definitions", "step"):
                yield from ("/".join(map(str, path + (key,))) for key in inner if (id(inner), key) not in self.seen)


def main():
    unplug = sys.argv[1]
    schemas = {k: json.loads(pathlib.Path(f"docs/schema/{k}-1.json").read_text(encoding="utf-8")) for k in ("scenario", "policy")}
    for schema in schemas.values():
        Draft7Validator.check_schema(schema)
    validators = {kind: Draft7Validator(schema) for kind, schema in schemas.items()}
    keys = {kind: Keys(schema) for kind, schema in schemas.items()}
    failures, values = [], {}  # by what to call it: the value

    shipped = sorted(str(p) for glob in SHIPPED for p in pathlib.Path().glob(glob) if not str(p).startswith(NO_INPUT))
    tested = sorted(str(p) for glob in TESTED for p in pathlib.Path().glob(glob))
    said = Verdicts(unplug, shipped + tested).get()
    failures += [f"{path}: shipped, but unreadable" for path in shipped if said[path] == "unreadable"]
    values.update((path, load(path)) for path in shipped + tested if said[path] != "unreadable")

    made, whole = {}, set(shipped)  # whole: what has to conform
    for name in ("every_key.json", "every_key_policy.json"):
        value = load(HERE / name)
        keys[kind_of(value)].see(value, schemas[kind_of(value)])
        made[name] = value
        whole.add(name)
        made.update((f"{name} with {what}", mutant) for what, mutant in mutants(value, ()))
    for step in load(HERE / "steps.json"):
        value = {"name": "t", "run": {}, "functions": {"f": [step]}}
        made[json.dumps(step)] = value
        whole.add(json.dumps(step))
        made.update((f"{json.dumps(step)} with {what}", mutant)
                    for what, mutant in mutants(value, ("mutex_unlock", "return"), ("functions", "f", 0)))
    failures += [f"docs/schema/{kind}-1.json: no file in {HERE} has {path}" for kind in keys for path in keys[kind].unseen()]
    values.update(made)
    judged = {what: validators[kind_of(v)] for what, v in values.items() if kind_of(v) in validators}
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for n, (what, value) in enumerate(made.items()):
            names[f"{folder}/{n}.json"] = what
            pathlib.Path(f"{folder}/{n}.json").write_text(json.dumps(value), encoding="utf-8")
        ours = Verdicts(unplug, list(names))
        theirs = {what: "conforms" if validator.is_valid(values[what]) else "fails" for what, validator in judged.items()}
        said.update((names[path], word) for path, word in ours.get().items())

    count = collections.Counter(theirs.values())
    for what, word in theirs.items():
        if said[what] != word:
            why = next((e.message for e in judged[what].iter_errors(values[what])), "no error")
            failures.append(f"{what}: valijson says {said[what]}, python3-jsonschema {word}: {why[:200]}")
        if word != "conforms" and what in whole:
            failures.append(f"{what}: does not conform")

    for failure in failures[:50]:
        print(failure, file=sys.stderr)
    print(f"schema: both judge {count['conforms']} documents to conform and {count['fails']} to fail; {len(failures)} failure(s)")
    sys.exit(1 if failures or not count["conforms"] or not count["fails"] else 0)


main()
