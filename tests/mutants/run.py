#!/usr/bin/python3
"""Runs the tests of the model against each mutant: run.py TEST_PROGRAM MUTANTS_JSON KNOWN_FILE WORK_DIR [--jobs N] [--only TEXT]

Of each mutant only the tests that reach its place are run, the quickest first, until one fails, crashes or does not end: then it is killed. A
survivor has to be listed in KNOWN_FILE with the reason why it is no different. Exit 0: every survivor is listed, and no listed one is killed.
"""
import argparse
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Counts operations, so that any dropped step would fail it without being wrong.
LEFT_OUT = ("independent steps of every primitive commute",)


def escaped(title):
    return title.replace("\\", "\\\\").replace(",", "\\,").replace("*", "?")


class Runner:
    def __init__(self, options):
        self.program = os.path.abspath(options.program)
        self.work = Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)

    def run(self, titles, environment, limit):
        """Seconds of processor time that it took, or None if it failed or took more than the limit; whatever else the machine does."""
        command = ["bash", "-c", 'ulimit -t "$0" && exec "$@"', str(limit), self.program, "-m", "-aa=1", "-tc=" + ",".join(map(escaped, titles))]
        with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime if process.returncode == 0 else None

    def titles(self):
        lines = subprocess.run([self.program, "-ltc", "-m"], capture_output=True, text=True, check=True).stdout.splitlines()
        return [t for t in (line.strip() for line in lines) if t and not t.startswith(("[doctest]", "====", *LEFT_OUT))]

    def reach(self, title):
        file = self.work / f"reached.{abs(hash(title))}"
        took = self.run([title], {"UNPLUG_MUTANT_REACHED": str(file)}, 600)
        if took is None:
            sys.exit(f"mutants: '{title}' fails without any mutant")
        reached = [int(n) for n in file.read_text().split()] if file.exists() else []
        file.unlink(missing_ok=True)
        return title, took, reached

    def survives(self, mutant, tests):
        """tests: (seconds, title), the quickest first. Short ones share a process."""
        batch, length = [], 0.0
        batches = []
        for took, title in tests:
            batch.append(title)
            length += took
            if length > 0.3:
                batches.append((batch, length))
                batch, length = [], 0.0
        if batch:
            batches.append((batch, length))
        environment = {"UNPLUG_MUTANT": str(mutant["number"])}
        return all(self.run(titles, environment, math.ceil(2 + 10 * took)) is not None for titles, took in batches)


def key(m):
    return " | ".join((m["file"], m["function"], m["kind"], m["call"]))


def known_in(path):
    out = {}
    for line in Path(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.rpartition(" | ")
            out[name] = reason
    return out


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "mutants", "known", "work"):
        parser.add_argument(name)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="mutants with this text in their name")
    options = parser.parse_args()
    runner = Runner(options)
    mutants = [m for m in json.loads(Path(options.mutants).read_text()) if options.only in key(m)]
    known = known_in(options.known)
    with ThreadPoolExecutor(options.jobs) as pool:
        tests = sorted(pool.map(runner.reach, runner.titles()), key=lambda t: t[1])
        reaching = {}
        for title, took, reached in tests:
            for n in reached:
                reaching.setdefault(n, []).append((took, title))
        survivors, bad = [], 0
        for m, alive in zip(mutants, pool.map(lambda m: m["number"] not in reaching or runner.survives(m, reaching[m["number"]]), mutants)):
            if not alive:
                continue
            survivors.append(m)
            if key(m) not in known:
                bad += 1
                how = "survives" if m["number"] in reaching else "is reached by no test"
                print(f"{m['file']}:{m['line']}: {how}: {key(m)}", flush=True)
    killed = {key(m) for m in mutants} - {key(m) for m in survivors}
    for name in known:
        if name in killed:
            bad += 1
            print(f"listed as equivalent, but killed: {name}")
        elif not options.only and name not in {key(m) for m in mutants}:
            bad += 1
            print(f"listed, but there is no such mutant: {name}")
    listed = sum(key(m) in known for m in survivors)
    print(f"-- mutants: {len(mutants)}, {len(mutants) - len(survivors)} killed, {listed} survive and are listed, {len(survivors) - listed} survive")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
