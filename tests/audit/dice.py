#!/usr/bin/python3
"""Proofs against dice: dice.py UNPLUG SOURCE_ROOT WORK [--executions N] [NAME...]

For every cell of every shipped file of which all traces are visited, N executions (20,000) of each random strategy must find no signature
that the proof has not. The other way round, where there are few traces, the strategies together must have found what the proof has.
Exit code 1 if something differs.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

STRATEGIES = ("random", "pct", "pos", "surw", "mix")
FEW = 100  # traces


def cells_of(tool, file, out, *options):
    done = subprocess.run([tool, "run", "--quiet", "--out", out, *options, file], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{file}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    result = json.loads((out / "result.json").read_text())
    subprocess.run(["rm", "-rf", out], check=True)
    return {(c["form"], c["member"], c["policy"]): c for s in result["scenarios"] for c in s["cells"]}


def signatures(cell):
    return {v["signature"] for v in cell["violations"] + cell["notes"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("root", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--executions", default="20000")
    parser.add_argument("names", nargs="*", help="only files whose name has one of these in it")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    proved = few = differ = 0
    print(f"{'file':44} {'proved':>7} {'few':>5} {'more by dice':>12} {'missed by dice':>14}")
    for path in sorted((args.root / "scenarios").rglob("*.json")):
        name = str(path.relative_to(args.root / "scenarios"))[:-5]
        if '"scenario/1"' not in path.read_text() or (args.names and not any(n in name for n in args.names)):
            continue
        out = args.work / "out"
        proofs = {k: c for k, c in cells_of(args.tool, path, out, "--strategy", "dpor", "--executions", "200000", "--limit", "60s").items()
                  if c["evidence"]["kind"] == "exhaustive"}
        seen = {k: set() for k in proofs}
        for strategy in STRATEGIES:
            drawn = cells_of(args.tool, path, out, "--strategy", strategy, "--executions", args.executions)
            for k in proofs:
                seen[k] |= signatures(drawn[k])
        more = missed = small = 0
        for k, c in proofs.items():
            for s in sorted(seen[k] - signatures(c)):
                more += 1
                print(f"  {name} {k}: not in the proof: {s}")
            if c["evidence"]["executions"] > FEW:
                continue
            small += 1
            for s in sorted(signatures(c) - seen[k]):
                missed += 1
                print(f"  {name} {k}: in the proof alone: {s}")
        print(f"{name:44} {len(proofs):7} {small:5} {more:12} {missed:14}", flush=True)
        proved, few, differ = proved + len(proofs), few + small, differ + more + missed
    print(f"{'all':44} {proved:7} {few:5} {differ:12} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
