#!/usr/bin/python3
"""Cut short: cut_short.py UNPLUG SOURCE_ROOT WORK [--times N]

`compare` and `prove` are killed, interrupted, run out of disk space (where a file system can be mounted) or lose their reader, each at N (20)
random moments. Whenever that is: files that are not the program's are as they were, nothing half written stays, the result can be read, each
failure that it names is there, and the exit code says what happened.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

FILES = {"compare": ["nova-timer", "drm-unbounded-wait"],
         "prove": ["r592-irq-rearms-timer", "corpus/btsdio-work-vs-remove", "chaoskey", "corpus/cpu5wdt-timer-tail", "foo-misc"]}
MINE = ("mine.txt", "failures/mine.txt", "failures/leak-foreign.json", "index.htm")


def prepare(tool, out):
    """A folder with somebody's files and the result of an earlier run in it."""
    subprocess.run(["rm", "-rf", out], check=True)
    (out / "failures").mkdir(parents=True)
    for name in MINE:
        (out / name).write_text("mine")
    subprocess.run([tool, "run", "foo-misc", "--policy", "none", "--strategy", "mix", "--executions", "50", "--quiet", "--out", out],
                   capture_output=True, check=False)


def wrong(out, code, codes, finished):
    """What is not as it should be."""
    told = []
    if code not in codes:
        told.append(f"exit code {code}")
    for name in MINE:
        if not (out / name).exists() or (out / name).read_text() != "mine":
            told.append(f"{name} was touched")
    told += [f"{p.name} stays" for p in out.rglob("*.part")]
    try:
        result = json.loads((out / "result.json").read_text())
    except (OSError, ValueError) as e:
        return told + [f"result.json: {e}"]
    cells = [c for s in result["scenarios"] for c in s["cells"]]
    for c in cells:
        for v in c["violations"]:
            name = v.get("failure_file") or ""
            if name and not (out / "failures" / os.path.basename(name)).exists():
                told.append(f"{name} is named, and is not there")
    if not finished and code not in (0, 1) and not result["incomplete"] and "foo-misc" not in result["command"]:
        told.append("the result does not say that it is incomplete")
    return told


def cut_by_signal(tool, verb, out, which, moment):
    prepare(tool, out)
    with subprocess.Popen([tool, verb, *FILES[verb], "--quiet", "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        time.sleep(moment)
        p.send_signal(which)
        code = p.wait()
    # Before it has begun anything, it has no handler yet.
    expected = (-which,) if which == signal.SIGKILL or moment < 0.1 else (128 + which,)
    return wrong(out, code, expected + (0, 1), False)


def cut_by_disk(tool, verb, out, kilobytes):
    subprocess.run(["rm", "-rf", out], check=True)
    out.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", out], check=True, capture_output=True)
    try:
        (out / "mine.txt").write_text("mine")
        # 2: found full before any work is done; 3: later.
        done = subprocess.run([tool, verb, *FILES[verb], "--quiet", "--out", out, "--executions", "500"], capture_output=True, text=True,
                              check=False)
        told = [] if done.returncode in (0, 1, 2, 3) else [f"exit code {done.returncode}"]
        if done.returncode in (2, 3) and done.stderr.count("No space left") != 1:
            told.append(f"said {done.stderr.count('No space left')} times: {done.stderr[:300]}")
        if (out / "mine.txt").read_text() != "mine":
            told.append("mine.txt was touched")
        return told + [f"{p.name} stays" for p in out.rglob("*.part")]
    finally:
        subprocess.run(["umount", out], check=True)


def cut_by_pipe(tool, verb, out, after):
    prepare(tool, out)
    with subprocess.Popen([tool, verb, *FILES[verb], "--json", "--out", out, "--executions", "500"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as p:
        if after:
            p.stdout.read(after)
        p.stdout.close()
        code = p.wait()
    return wrong(out, code, (3,), True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    tool, out, dice = str(args.tool.resolve()), args.work.resolve() / "cut", random.Random(args.seed)
    mounts = subprocess.run(["sh", "-c", f"mkdir -p {out}.t && mount -t tmpfs tmpfs {out}.t && umount {out}.t"], capture_output=True,
                            check=False).returncode == 0
    bad = 0
    for verb in FILES:
        ways = {which.name: lambda v=verb, w=which: cut_by_signal(tool, v, out, w, dice.uniform(0, 4))
                for which in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        ways["a closed pipe"] = lambda v=verb: cut_by_pipe(tool, v, out, dice.choice([0, 1, 4096, 20000]))
        if mounts:
            ways["a full disk"] = lambda v=verb: cut_by_disk(tool, v, out, dice.randrange(8, 600, 4))
        for way, cut in ways.items():
            told = [t for _ in range(args.times) for t in cut()]
            bad += len(told)
            print(f"{verb:8} {way:14} {args.times:4} times: {'as it should be' if not told else '; '.join(told[:5])}", flush=True)
        if not mounts:
            print(f"{verb:8} a full disk     left out: no file system can be mounted here")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
