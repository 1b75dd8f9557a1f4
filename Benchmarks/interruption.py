#!/usr/bin/env python3
"""What epoch checks and fuel cost: the same kernels without, with checks, with fuel.

usage: interruption.py [--aviary COMMAND] [--peer] [--rounds 9] [--calls 3] [--all | --only NAME,...] [--json OUT] [--gate]

Round by round, one process for each way, one after the other. A kernel's time is the least over the rounds of
a call's processor time: what disturbs a run only ever adds to it. Results must agree. Instructions are counted too
where `perf stat` may. --gate exits with 1 where the geometric mean of the five kernels misses its goal: 1.03 with
checks, 1.10 with fuel.

--peer runs Wasmtime's Cranelift in turn (epoch_interruption, consume_fuel; peer.py), in a table of its own; it needs
`pip install wasmtime` in the Python that runs this.

Build the modules first with Benchmarks/build.sh.
"""
import argparse
import json
import math
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
FIVE = ["crc32", "matmul", "quicksort", "fib", "json"]
WAYS = {"plain": [], "epoch": ["--epoch", "10ms"], "fuel": ["--fuel", str(1 << 62)]}
GOALS = {"epoch": 1.03, "fuel": 1.10}


def measure(command, name, n, way, calls):
    arguments = [str(HERE / "out" / f"{name}.wasm"), "--invoke", "run", str(n), "--repeat", str(calls), "--json"]
    done = subprocess.run(command + arguments + WAYS[way], capture_output=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{name}, {way}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    got = json.loads(done.stdout)
    return min(got["calls_cpu_ns"]), got["result"]


def instructions(command, name, n, way):
    """Of user code in one call; None where they cannot be counted."""
    def count(repeat):
        arguments = [str(HERE / "out" / f"{name}.wasm"), "--invoke", "run", str(n), "--repeat", str(repeat), "--json"]
        done = subprocess.run(
            ["perf", "stat", "-x,", "-e", "instructions:u"] + command + arguments + WAYS[way], capture_output=True, timeout=600)
        found = re.search(rb"^(\d+),", done.stderr, re.M)
        return int(found.group(1)) if found else None

    try:
        one, three = count(1), count(3)
    except OSError:
        return None
    return None if one is None or three is None else (three - one) / 2


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table(runtime, names, best, counts):
    """Prints it; the geometric means by kind and way."""
    def ratio(figures, name, way):
        plain, other = figures[name]["plain"], figures[name][way]
        return other / plain if plain and other else math.nan

    print(f"| {runtime} | plain, ms | epoch ÷ plain | fuel ÷ plain | instructions, epoch | instructions, fuel |")
    print("|---|---|---|---|---|---|")
    for name in names:
        print(
            f"| {name} | {best[name]['plain'] / 1e6:.1f} | "
            + " | ".join(f"{ratio(figures, name, way):.3f}" for figures in (best, counts) for way in GOALS) + " |")
    means = {
        (kind, way): geometric_mean([ratio(figures, name, way) for name in names])
        for kind, figures in (("time", best), ("instructions", counts)) for way in GOALS
    }
    print("| **geometric mean** | | " + " | ".join(f"**{mean:.3f}**" for mean in means.values()) + " |\n")
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aviary", default=str(ROOT / ".build/release/aviary"))
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--gate", action="store_true")
    options = parser.parse_args()
    suite = json.loads((HERE / "suite.json").read_text())
    names = options.only.split(",") if options.only else FIVE
    if options.all:
        names = [name for name in suite if (HERE / "out" / f"{name}.wasm").exists()]
    commands = {"Aviary": shlex.split(options.aviary) + ["bench"]}
    if options.peer:
        commands["Cranelift"] = [sys.executable, str(HERE / "peer.py"), "bench", "--strategy", "cranelift"]

    best = {runtime: {name: {way: math.inf for way in WAYS} for name in names} for runtime in commands}
    results = {}
    for _ in range(options.rounds):
        for name in names:
            for way in WAYS:
                for runtime, command in commands.items():
                    time, result = measure(command, name, suite[name]["n"], way, options.calls)
                    best[runtime][name][way] = min(best[runtime][name][way], time)
                    if results.setdefault(name, result) != result:
                        raise RuntimeError(f"{name}, {runtime}, {way}: another result")
    counts = {
        runtime: {name: {way: instructions(command, name, suite[name]["n"], way) for way in WAYS} for name in names}
        for runtime, command in commands.items()}
    means = {runtime: table(runtime, names, best[runtime], counts[runtime]) for runtime in commands}
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"ns": best, "instructions": counts}, indent=1))
    missed = [way for way, goal in GOALS.items() if not means["Aviary"]["time", way] <= goal]
    if options.gate and missed:
        sys.exit("missed: " + ", ".join(f"{way} {means['Aviary']['time', way]:.3f}" for way in missed))


main()
