#!/usr/bin/python3
"""Mutants of the kernel model, made from its sources: generate.py SOURCE_ROOT OUT_ROOT INCLUDE_ROOT...

Of every call in model/kernel/ and model/mechanisms/ that takes a step (Engine::step, Context::write, ... or a function of the model that is
given a Context and takes steps), three mutants:
  drop     the call is not made
  unguard  it does not wait (where its step has a guard)
  swap     it comes after the next such call, or that one before it (where no value of the one is needed by the other).
might_sleep(), which is a check and no step, is dropped.
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
FUNCTIONS = {K.FUNCTION_DECL, K.CXX_METHOD, K.FUNCTION_TEMPLATE}
STEP_METHODS = {("Engine", "step"), ("Engine", "choose"), ("Context", "write"), ("Context", "read"), ("Context", "wait"),
                ("Context", "sleep"), ("Context", "compute")}
CHECKS = {("Context", "might_sleep")}  # takes no step, so it can be dropped and no more
ALTERNATIVES = {K.CASE_STMT, K.DEFAULT_STMT}  # of which one is taken: no order between them
LOOPS = {K.FOR_STMT, K.CXX_FOR_RANGE_STMT, K.WHILE_STMT, K.DO_STMT}


def is_context(a_type):
    return re.fullmatch(r"(unplug::model::)?Context &", a_type.spelling) is not None


def takes_context(function):
    arguments = list(function.get_arguments())
    return bool(arguments) and is_context(arguments[0].type)


def is_step_type(a_type):
    return re.fullmatch(r"(const )?(unplug::)?(sim::)?Step( &)?", a_type.spelling) is not None


def calls_pointer(call):
    """Whether it calls a driver's function, kept as a pointer, with a Context."""
    callee = next(iter(call.get_children()), None)
    if callee is None:
        return False
    target = callee.type.get_canonical()
    if target.kind == ci.TypeKind.POINTER:
        target = target.get_pointee()
    if target.kind != ci.TypeKind.FUNCTIONPROTO or call.referenced is not None and call.referenced.kind in FUNCTIONS:
        return False
    arguments = list(target.argument_types())
    return bool(arguments) and is_context(arguments[0])


def name_of(call):
    """What it calls; in a template, what the source calls it."""
    if call.spelling:
        return call.spelling
    callee = next(iter(call.get_children()), None)
    tokens = [t.spelling for t in callee.get_tokens()] if callee is not None else []
    return tokens[-1] if tokens else ""


def is_method(call, methods):
    r = call.referenced
    return r is not None and r.kind in (K.CXX_METHOD, K.FUNCTION_TEMPLATE) and (r.semantic_parent.spelling, r.spelling) in methods


def is_step_method(call):
    r = call.referenced
    if is_method(call, STEP_METHODS):
        return True
    if r is not None or not any(name == name_of(call) for _, name in STEP_METHODS):
        return False
    # In a template it depends on an argument which one is called.
    return any(x.type.spelling.rpartition("::")[2] in ("Context", "Context &", "Engine", "Engine &") for x in walk(next(call.get_children())))


def calls_argument(call):
    """Whether it calls what its caller has handed in and what takes steps, as far as can be known: a function that is told nothing."""
    return call.referenced is not None and call.referenced.kind == K.PARM_DECL and not list(call.get_arguments())


def is_step_by_itself(call):
    return is_step_method(call) or calls_pointer(call) or calls_argument(call)


def walk(cursor):
    yield cursor
    for child in cursor.get_children():
        yield from walk(child)


def parsed(path, flags):
    unit = ci.Index.create().parse(str(path), args=flags)
    errors = [str(d) for d in unit.diagnostics if d.severity >= ci.Diagnostic.Error]
    if errors:
        sys.exit(f"mutants: {path} does not parse: {errors[0]}")
    return unit


def flags_for(includes, out):
    """How to parse a source. What all of them include takes most of the time: it is parsed once."""
    flags = ["-std=c++20", "-DBOOST_DISABLE_ASSERTS"] + [f"-I{i}" for i in includes]
    header, saved = out / "common.hpp", out / "common.pch"
    header.write_text('#include <algorithm>\n#include <fmt/format.h>\n#include "unplug/model/core/context.hpp"\n')
    parsed(header, ["-x", "c++-header", *flags]).save(str(saved))
    return flags + ["-include-pch", str(saved)]


class Unit:
    """One source file of the model, parsed."""

    def __init__(self, root, path, flags):
        self.root, self.path = root, path
        self.tu = parsed(root / path, flags)
        self.text = (root / path).read_bytes()
        self.ours = {}  # by the name of a file, whether it is this one

    def here(self, cursor):
        file = cursor.location.file
        if file is None:
            return False
        if file.name not in self.ours:
            self.ours[file.name] = os.path.realpath(file.name) == str(self.root / self.path)
        return self.ours[file.name]

    def functions(self):
        """Function definitions of this file, outermost."""
        def visit(cursor):
            for c in cursor.get_children():
                if not self.here(c):
                    continue
                if c.kind in (K.NAMESPACE, K.CLASS_DECL, K.STRUCT_DECL):
                    yield from visit(c)
                elif c.kind in (K.FUNCTION_DECL, K.CXX_METHOD, K.CONSTRUCTOR, K.DESTRUCTOR, K.FUNCTION_TEMPLATE) and c.is_definition():
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
            if is_step_by_itself(c):
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
        if is_step_by_itself(c):
            return True
        r = c.referenced
        if r is None:  # in a template
            return any(is_context(a.type) for a in c.get_arguments())
        if r.kind not in FUNCTIONS or not takes_context(r):
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
            return f"{name_of(call)}({m.group(1)})"
        arguments = list(call.get_arguments())
        if is_step_method(call) and arguments:
            step = self.source(arguments[0]).strip()
            before = self.unit.text[function_text[0]:call.extent.start.offset].decode()
            made = re.findall(r"\b" + re.escape(step) + r"\s*=\s*[\w.]*make\((.*?)[,)]", before) if re.fullmatch(r"\w+", step) else []
            if made:
                return f"{name_of(call)}({made[-1]})"
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
        if self.is_step(cursor) or cursor.kind == K.CALL_EXPR and is_method(cursor, CHECKS):
            self.one(cursor)
        for child in cursor.get_children():
            self.visit(child)

    def one(self, call):
        what = self.describe(call, self.span)
        start, end = call.extent.start.offset, call.extent.end.offset
        n = self.new("drop", call, self.function, what)
        self.insert(start, f"unplug_mutants::drop({{{n}}}, [&] {{ return ", False)
        self.insert_close(end, "; })")
        for argument in call.get_arguments():
            if is_step_type(argument.type) and self.guarded(call, argument, start):
                n = self.new("unguard", call, self.function, what)
                self.insert(argument.extent.start.offset, f"unplug_mutants::unguarded({{{n}}}, ", False)
                self.insert_close(argument.extent.end.offset, ")")

    def guarded(self, call, argument, before):
        """Whether the step has a guard: one that it was given here, or by whoever handed it in."""
        variables = [x.referenced for x in walk(argument) if x.kind == K.DECL_REF_EXPR and is_step_type(x.referenced.type)]
        if len(variables) != 1:
            return False
        name, text = variables[0].spelling, self.unit.text[self.span[0]:before].decode()
        text = re.split(r"\b" + re.escape(name) + r"\s*=\s", text)[-1]
        given = re.findall(r"(if \(.*\) )?\b" + re.escape(name) + r"\.guard\s*=\s*(\{\})?", text)
        if given and not given[-1][0]:
            return not given[-1][1]
        return bool(given) or "wait" in name_of(call) and (variables[0].kind == K.PARM_DECL or self.copies(variables[0]))

    def copies(self, variable):
        return any(x.kind == K.DECL_REF_EXPR and x.referenced is not None and x.referenced.kind == K.PARM_DECL and is_step_type(x.referenced.type)
                   for x in walk(variable))

    def insert_close(self, offset, text):
        self.count += 1
        self.inserts.append((offset, 0, -self.count, text))

    def leaves(self, statement, within=()):
        """Whether it may leave the block that it stands in, but when the execution is over. `within`: what is left inside of it."""
        if statement.kind == K.LAMBDA_EXPR or statement.kind == K.IF_STMT and self.source(statement).startswith("if (context.aborting()) return"):
            return False
        if statement.kind in (K.RETURN_STMT, K.BREAK_STMT, K.CONTINUE_STMT):
            return statement.kind not in within
        if statement.kind in LOOPS:
            within = (*within, K.BREAK_STMT, K.CONTINUE_STMT)
        elif statement.kind == K.SWITCH_STMT:
            within = (*within, K.BREAK_STMT)
        return any(self.leaves(c, within) for c in statement.get_children())

    def declared(self, statements):
        return {v.hash for s in statements for v in walk(s) if v.kind == K.VAR_DECL}

    def uses(self, cursor, variables):
        return any(x.kind == K.DECL_REF_EXPR and x.referenced is not None and x.referenced.hash in variables for x in walk(cursor))

    def swaps(self, statements):
        with_steps = [i for i, s in enumerate(statements) if self.has_step(s)]
        for i, j in zip(with_steps, with_steps[1:]):
            a, b = statements[i], statements[j]
            if a.kind in ALTERNATIVES or b.kind in ALTERNATIVES:
                continue
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
    return calls_of(Unit(*arguments))


def instrumented(arguments):
    root, path, flags, steppers, known = arguments
    instrumenter = Instrumenter(Unit(root, path, flags), steppers, known)
    instrumenter.run()
    return path, instrumenter.mutants, instrumenter.inserts


def main():
    root, out, includes = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3:]
    files = sorted(p.relative_to(root) for d in ("model/kernel", "model/mechanisms") for p in (root / d).rglob("*") if p.is_file())
    paths = [p for p in files if p.suffix == ".cpp" or "template <" in (root / p).read_text()]
    out.mkdir(parents=True, exist_ok=True)
    flags = flags_for(includes, out)
    with ProcessPoolExecutor() as pool:
        graph = dict(pair for pairs in pool.map(graph_of, [(root, p, flags) for p in paths]) for pair in pairs)
        steppers = {f for f, called in graph.items() if "" in called}
        while True:
            more = {f for f, called in graph.items() if f not in steppers and any(c in steppers for c in called)}
            if not more:
                break
            steppers |= more
        results = list(pool.map(instrumented, [(root, p, flags, frozenset(steppers), frozenset(graph)) for p in paths]))
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
