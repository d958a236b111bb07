#!/usr/bin/python3
"""Mutants of the kernel model, made from its sources: generate.py SOURCE_ROOT OUT_ROOT INCLUDE_ROOT...

Of every call in model/kernel/ and model/mechanisms/ that takes a step (Engine::step, Context::write, ... or a function of the model that is
given a Context and takes steps), three mutants:
  drop     the call is not made
  unguard  it does not wait (where its step has a guard)
  swap     it comes after the next such call, or that one before it (where no value of the one is needed by the other)
Writes instrumented copies below OUT_ROOT, in which any one of them can be switched on at run time (mutants.hpp), and OUT_ROOT/mutants.json.
"""
import json
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import clang.cindex as ci

K = ci.CursorKind
STEP_METHODS = {("Engine", "step"), ("Engine", "choose"), ("Context", "write"), ("Context", "read"), ("Context", "wait"),
                ("Context", "sleep"), ("Context", "compute"), ("Context", "might_sleep")}
LEAVES = {K.RETURN_STMT, K.BREAK_STMT, K.CONTINUE_STMT, K.GOTO_STMT}


def takes_context(function):
    arguments = list(function.get_arguments())
    return bool(arguments) and re.fullmatch(r"(unplug::model::)?Context &", arguments[0].type.spelling) is not None


def is_step_method(call):
    r = call.referenced
    if r is not None and r.kind in (K.CXX_METHOD, K.FUNCTION_TEMPLATE) and r.semantic_parent is not None:
        return (r.semantic_parent.spelling, r.spelling) in STEP_METHODS
    return False


def walk(cursor):
    yield cursor
    for child in cursor.get_children():
        yield from walk(child)


class Unit:
    """One source file of the model, parsed."""

    def __init__(self, root, path, includes):
        self.root, self.path = root, path
        flags = ["-std=c++20", "-DBOOST_DISABLE_ASSERTS"] + [f"-I{i}" for i in includes]
        self.tu = ci.Index.create().parse(str(root / path), args=flags)
        errors = [str(d) for d in self.tu.diagnostics if d.severity >= ci.Diagnostic.Error]
        if errors:
            sys.exit(f"mutants: {path} does not parse: {errors[0]}")
        self.text = (root / path).read_bytes()

    def here(self, cursor):
        file = cursor.location.file
        return file is not None and os.path.realpath(file.name) == str(self.root / self.path)

    def functions(self):
        """Function definitions of this file, outermost."""
        def visit(cursor):
            for c in cursor.get_children():
                if c.kind in (K.NAMESPACE, K.CLASS_DECL, K.STRUCT_DECL, K.LINKAGE_SPEC, K.UNEXPOSED_DECL):
                    if c.kind in (K.NAMESPACE, K.LINKAGE_SPEC, K.UNEXPOSED_DECL) or self.here(c):
                        yield from visit(c)
                elif c.kind in (K.FUNCTION_DECL, K.CXX_METHOD, K.CONSTRUCTOR, K.DESTRUCTOR, K.FUNCTION_TEMPLATE):
                    if c.is_definition() and self.here(c):
                        yield c
        return visit(self.tu.cursor)


def calls_of(unit):
    """For each function of the unit: its key, and the keys of what it calls with a Context; "" stands for a step itself."""
    out = []
    for f in unit.functions():
        called = set()
        for c in walk(f):
            if c.kind != K.CALL_EXPR:
                continue
            if is_step_method(c):
                called.add("")
            elif c.referenced is not None and takes_context(c.referenced):
                called.add(c.referenced.get_usr())
        out.append((f.get_usr(), sorted(called)))
    return out


class Instrumenter:
    def __init__(self, unit, steppers, known):
        self.unit, self.steppers, self.known = unit, steppers, known
        self.inserts = []  # (offset, order, text)
        self.mutants = []
        self.count = 0

    def new(self, kind, cursor, function, what):
        self.mutants.append({"kind": kind, "file": str(self.unit.path), "line": cursor.location.line, "function": function, "call": what})
        return len(self.mutants) - 1

    def is_step(self, c):
        if c.kind != K.CALL_EXPR:
            return False
        if is_step_method(c):
            return True
        r = c.referenced
        if r is None or r.kind not in (K.FUNCTION_DECL, K.CXX_METHOD, K.FUNCTION_TEMPLATE) or not takes_context(r):
            return False
        if r.semantic_parent is not None and r.semantic_parent.spelling == "Context":
            return False
        usr = r.get_usr()
        return usr in self.steppers or usr not in self.known  # a virtual function or a template's: it may

    def has_step(self, c):
        return any(self.is_step(x) for x in walk(c))

    def source(self, cursor):
        return self.unit.text[cursor.extent.start.offset:cursor.extent.end.offset].decode()

    def end_of(self, statement):
        end = statement.extent.end.offset
        return end + 1 if self.unit.text[end:end + 1] == b";" else end

    def insert(self, offset, text, closing):
        # At one place, what closes comes before what opens; of openings the outer first, of closings the inner first.
        self.count += 1
        self.inserts.append((offset, 0 if closing else 1, self.count, text))

    def describe(self, call, function_text):
        """What tells the call from its neighbours: the operation if there is one, else what is called."""
        text = " ".join(self.source(call).split())
        m = re.search(r"\b(\w+_ops?\b(\[[^]]*\])?|lock_op\b)", text)
        if m and is_step_method(call):
            return f"{call.spelling}({m.group(1)})"
        arguments = list(call.get_arguments())
        if is_step_method(call) and arguments:
            step = self.source(arguments[0]).strip()
            before = self.unit.text[function_text[0]:call.extent.start.offset].decode()
            made = re.findall(r"\b" + re.escape(step) + r"\s*=\s*[\w.]*make\((.*?)[,)]", before) if re.fullmatch(r"\w+", step) else []
            if made:
                return f"{call.spelling}({made[-1]})"
        return text[:60]

    def run(self):
        for f in self.unit.functions():
            body = [c for c in f.get_children() if c.kind == K.COMPOUND_STMT]
            if not body or f.semantic_parent.spelling == "Context":
                continue
            self.function = f.spelling if f.semantic_parent.kind == K.NAMESPACE else f"{f.semantic_parent.spelling}::{f.spelling}"
            self.span = (f.extent.start.offset, f.extent.end.offset)
            self.visit(body[0])

    def visit(self, cursor):
        if cursor.kind == K.COMPOUND_STMT:
            self.swaps(list(cursor.get_children()))
        if self.is_step(cursor):
            self.one(cursor)
        for child in cursor.get_children():
            self.visit(child)

    def one(self, call):
        what = self.describe(call, self.span)
        start, end = call.extent.start.offset, call.extent.end.offset
        n = self.new("drop", call, self.function, what)
        self.insert(start, f"unplug_mutants::drop({{{n}}}, [&] {{ return ", False)
        self.insert_close(end, "; })")
        arguments = list(call.get_arguments())
        if is_step_method(call) and arguments and call.spelling in ("step", "wait"):
            step = self.source(arguments[0]).strip()
            before = self.unit.text[self.span[0]:start].decode()
            if re.search(r"\b" + re.escape(step) + r"\.guard\s*=", before):
                n = self.new("unguard", call, self.function, what)
                self.insert(arguments[0].extent.start.offset, f"unplug_mutants::unguarded({{{n}}}, ", False)
                self.insert_close(arguments[0].extent.end.offset, ")")

    def insert_close(self, offset, text):
        self.count += 1
        self.inserts.append((offset, 0, -self.count, text))

    def leaves(self, statement):
        """Whether it may leave the block that it stands in."""
        return statement.kind in LEAVES or (statement.kind != K.LAMBDA_EXPR and any(self.leaves(c) for c in statement.get_children()))

    def declared(self, statements):
        return {v.hash for s in statements for v in walk(s) if v.kind == K.VAR_DECL}

    def uses(self, cursor, variables):
        return any(x.kind == K.DECL_REF_EXPR and x.referenced is not None and x.referenced.hash in variables for x in walk(cursor))

    def swaps(self, statements):
        with_steps = [i for i, s in enumerate(statements) if self.has_step(s)]
        for i, j in zip(with_steps, with_steps[1:]):
            a, b = statements[i], statements[j]
            if a.kind != K.DECL_STMT and not self.leaves(a):
                what = f"{self.first_step(a)} <-> {self.first_step(b)}"
                text = self.source(a)
                n = self.new("swap", a, self.function, what)
                self.insert(a.extent.start.offset, f"if (!unplug_mutants::on({{{n}}})) ", False)
                if b.kind == K.RETURN_STMT:
                    value = next(iter(b.get_children()))
                    self.insert(value.extent.start.offset, f"unplug_mutants::then({{{n}}}, [&] {{ return ", False)
                    self.insert_close(value.extent.end.offset, f"; }}, [&] {{ {self.quote(text)}; }})")
                else:
                    self.insert_close(self.end_of(b), f" if (unplug_mutants::on({{{n}}})) {{ {self.quote(text)}; }}")
            elif a.kind == K.DECL_STMT and b.kind != K.DECL_STMT and not self.leaves(b) and not self.uses(b, self.declared(statements[i:j])):
                what = f"{self.first_step(a)} <-> {self.first_step(b)}"
                n = self.new("swap", a, self.function, what)
                self.insert(a.extent.start.offset, f"if (unplug_mutants::on({{{n}}})) {{ {self.quote(self.source(b))}; }} ", False)
                self.insert(b.extent.start.offset, f"if (!unplug_mutants::on({{{n}}})) ", False)

    @staticmethod
    def quote(text):
        return text.replace("{", "\0<").replace("}", "\0>")

    def first_step(self, statement):
        for x in walk(statement):
            if self.is_step(x):
                return self.describe(x, self.span)
        return "?"


def rewritten(text, inserts, first):
    """The text with its insertions; {N} in one is the number of a mutant, counted from `first`."""
    at, out = 0, []
    for offset, _, _, insertion in sorted(inserts, key=lambda x: x[:3]):
        out.append(text[at:offset].decode())
        insertion = re.sub(r"\{(\d+)\}", lambda m: str(first + int(m.group(1))), insertion)
        out.append(insertion.replace("\0<", "{").replace("\0>", "}"))
        at = offset
    body = "".join(out) + text[at:].decode()
    include = '#include "mutants.hpp"\n'
    return body.replace("#pragma once\n", "#pragma once\n" + include, 1) if "#pragma once" in body else include + body


def graph_of(arguments):
    root, path, includes = arguments
    return calls_of(Unit(root, path, includes))


def instrumented(arguments):
    root, path, includes, steppers, known = arguments
    instrumenter = Instrumenter(Unit(root, path, includes), steppers, known)
    instrumenter.run()
    return path, instrumenter.mutants, instrumenter.inserts


def main():
    root, out, includes = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3:]
    files = sorted(p.relative_to(root) for d in ("model/kernel", "model/mechanisms") for p in (root / d).iterdir())
    paths = [p for p in files if p.suffix == ".cpp" or "template <" in (root / p).read_text()]
    with ProcessPoolExecutor() as pool:
        graph = dict(pair for pairs in pool.map(graph_of, [(root, p, includes) for p in paths]) for pair in pairs)
        steppers = {f for f, called in graph.items() if "" in called}
        while True:
            more = {f for f, called in graph.items() if f not in steppers and any(c in steppers for c in called)}
            if not more:
                break
            steppers |= more
        results = list(pool.map(instrumented, [(root, p, includes, frozenset(steppers), frozenset(graph)) for p in paths]))
    mutants, bodies = [], {p: (root / p).read_text() for p in files}
    for path, found, inserts in results:
        if found:
            bodies[path] = rewritten(bodies[path].encode(), inserts, len(mutants))
        mutants += found
    for path, body in bodies.items():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text() != body:  # what is as it was is not compiled again
            target.write_text(body)
    for n, m in enumerate(mutants):
        m["number"] = n
    (out / "mutants.json").write_text(json.dumps(mutants, indent=1) + "\n")
    kinds = {k: sum(m["kind"] == k for m in mutants) for k in ("drop", "unguard", "swap")}
    print(f"-- mutants: {len(mutants)}: " + ", ".join(f"{v} {k}" for k, v in kinds.items()))


if __name__ == "__main__":
    main()
