#!/usr/bin/env python3
"""Compares Aviary with PyPI's `wasmtime` on random modules.

The package `generator` makes modules, alone or in pairs, valid and total by construction. Wasmtime runs them and its
answers become the assertions of a script (script.py), which `aviary wast` runs. A script that fails is kept.

    python differential.py --aviary PATH [--seed N] [--count N] [--out DIR] [--variant "OPTIONS OF AVIARY WAST"]...
    python differential.py --coverage --count 500
    python differential.py --aviary PATH --reduce SEED [-- OPTIONS OF AVIARY WAST]
"""
import argparse
import os
import shlex
import subprocess
import sys
import time
from collections import Counter

from generator import LEFT_OUT, OPERATORS
from peer import engine
from reduce import reduce
from script import Counts
from supply import supply

SWITCHES = ("wide-arithmetic", "threads", "custom-page-sizes", "legacy-exceptions")


def main():
    o = arguments()
    os.makedirs(o.out, exist_ok=True)
    command = [o.aviary, "wast"] + [x for name in SWITCHES for x in ("--feature", name)]
    only = o.only.split(",") if o.only is not None else None
    if o.coverage:
        sys.exit(coverage(o, only))
    if o.reduce is not None:
        options = command + o.options + (shlex.split(o.variant[0]) if o.variant else [])
        path = reduce(engine(o.deterministic), o.reduce, only, o.deterministic, o.out, lambda p: run(options, [p]))
        print(f"{path}\n{run(options, [path])[:1500]}")
        return
    run_all(o, command + o.options, only)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aviary", help="the command; without it scripts are only written")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--batch", type=int, default=50, help="scripts per process of `aviary wast`")
    p.add_argument("--out", default="differential-out")
    p.add_argument("--only", help="families of every module, as vectors,exceptions; by chance otherwise")
    p.add_argument("--variant", action="append", default=[], help="options with which every batch runs once more")
    p.add_argument("--deterministic", action="store_true", help="Wasmtime's NaNs and relaxed vectors have one result; say so to Aviary by options")
    p.add_argument("--coverage", action="store_true", help="count what is generated and executed, in Wasmtime alone; fail where it is nothing")
    p.add_argument("--reduce", type=int, metavar="SEED", help="cut a script that fails down")
    p.add_argument("options", nargs="*", help="given to `aviary wast`, as --explicit-stack-checks")
    return p.parse_args()


def run_all(o, command, only):
    counts, bad, left_out, paths, start, spent = Counts(), 0, Counter(), [], time.time(), 0
    last = o.seed + o.count - 1
    for seed, more, wrong in supply(range(o.seed, last + 1), o.out, only, o.deterministic):
        counts += more
        if not wrong:
            paths.append(os.path.join(o.out, f"{seed}.wast"))
        elif wrong.startswith("INVALID"):
            print(f"seed {seed}: {wrong}", flush=True)
            bad += 1
        else:
            left_out[wrong] += 1
        if o.aviary and paths and (len(paths) == o.batch or seed == last):
            began = time.time()
            bad += check(command, o.variant, paths)
            spent += time.time() - began
            paths = []
    missing = [n for n in OPERATORS if n not in counts.generated and n not in LEFT_OUT]
    print(f"seeds {o.seed}..<{o.seed + o.count}: {counts}, {sum(counts.generated.values())} operators, {bad} mismatches; left out: "
          f"{left_out['UNUSABLE']} for their stack, {left_out['PEER']} that Wasmtime died of; {time.time() - start:.0f} s of which Aviary {spent:.0f} s")
    if missing and o.count >= 500 and only is None:
        print("never generated:", *missing)
        bad += 1
    sys.exit(bad > 0)


def coverage(o, only):
    """The exit code: 1 if some operator was never generated or never executed."""
    counts = Counts()
    for _, more, _ in supply(range(o.seed, o.seed + o.count), None, only, o.deterministic, counted=True):
        counts += more
    wanted = [n for n in OPERATORS if n not in LEFT_OUT]
    print(f"seeds {o.seed}..<{o.seed + o.count}: {counts}")
    for n in wanted:
        print(f"{n}\t{counts.generated[n]}\t{counts.executed[n]}")
    # The ends of blocks are counted by nothing, but what is behind them is.
    missing = [n for n in wanted if not counts.generated[n] or not counts.executed[n] and n not in ("else", "end")]
    print("missing:", *missing or ["nothing"])
    return len(missing) > 0


def check(command, variants, paths):
    """The number of scripts that fail; the others are removed."""
    failures = {}
    for variant in [[]] + list(map(shlex.split, variants)):
        if run(command + variant, paths):
            for path in paths:
                if path not in failures and (said := run(command + variant, [path])):
                    failures[path] = said
                    print(f"MISMATCH {path} {shlex.join(variant)}\n{said[:600]}", flush=True)
    for path in paths:
        if path not in failures:
            os.remove(path)
    return len(failures)


def run(command, paths):
    """What `aviary wast` says where it fails, else nothing."""
    try:
        done = subprocess.run([*command, *paths], capture_output=True, text=True, errors="replace", timeout=60 + 20 * len(paths))
    except subprocess.TimeoutExpired:
        return "does not end"
    return "" if done.returncode == 0 else (done.stdout + done.stderr or f"status {done.returncode}")


if __name__ == "__main__":
    main()
