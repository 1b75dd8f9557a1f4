#!/usr/bin/env python3
"""Compares Aviary with Wasmtime's Cranelift and Winch, interleaved.

usage: compare.py [--suite simd] [--aviary COMMAND] [--rounds 5] [--calls 3] [--only NAME,...]
                  [--compile FILE.wasm] [--json OUT] [--scale F] [--gate]

Every kernel runs in a process of its own for every runtime, one runtime after
the other, round by round. A round's time is the best of a few calls in one
process; a kernel's is the median over the rounds. Times are the calling thread's
processor time, so that a busy machine disturbs them less. Results must agree
between runtimes. --compile adds validation and compile speed on one thread, in MB of
code section a second. --gate exits with 1 where the goals are missed: a
geometric mean of at most 1.2 x Cranelift's, none above 2 x. --suite NAME takes
NAME.json's kernels: `simd` has vectors and exceptions ("without" names the
runtimes that do not know what a kernel is made of).

Build the modules first with Benchmarks/build.sh. Needs `pip install wasmtime`
in the Python that runs this.
"""
import argparse
import json
import math
import os
import pathlib
import shlex
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def run(command, timeout=600):
    done = subprocess.run(command, capture_output=True, timeout=timeout)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise RuntimeError(f"exit code {done.returncode}: {said[-300:]}")
    return json.loads(done.stdout)


def code_bytes(path):
    """Size of the code section's contents."""
    data, at = path.read_bytes(), 8

    def leb():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        kind = data[at]
        at += 1
        size = leb()
        if kind == 10:
            return size
        at += size
    return 0


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def measure_kernels(runtimes, suite, options, report):
    samples = {name: {r: [] for r in runtimes} for name in suite}
    results = {name: {} for name in suite}
    errors = {}
    for round in range(options.rounds):
        for name, entry in suite.items():
            n = max(1, int(entry["n"] * options.scale)) if entry["class"] != "calls" or name == "manyargs" else entry["n"]
            for runtime, command in runtimes.items():
                if (name, runtime) in errors or runtime in entry.get("without", []):
                    continue
                try:
                    got = run(command + [str(HERE / "out" / f"{name}.wasm"), "--invoke", "run", str(n),
                                         "--repeat", str(options.calls), "--json"])
                except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                    errors[name, runtime] = str(error)
                    continue
                samples[name][runtime].append(min(got["calls_cpu_ns"]) / 1e6)
                results[name][runtime] = got["result"]
        print(f"round {round + 1} of {options.rounds}", file=sys.stderr, flush=True)

    rows, wrong = [], []
    for name, entry in suite.items():
        medians = {r: statistics.median(s) for r, s in samples[name].items() if s}
        if len(set(results[name].values())) > 1:
            wrong.append(f"{name}: results differ: {results[name]}")
        rows.append({"name": name, "class": entry["class"], "ms": medians, "samples_ms": samples[name]})
    wrong += [f"{name} under {runtime}: {text}" for (name, runtime), text in errors.items()]
    report["kernels"], report["wrong"] = rows, wrong

    print(f"{'kernel':12} {'class':16} {'cranelift':>10} {'winch':>10} {'aviary':>10}   aviary/cranelift  aviary/winch  winch/cranelift")
    ratios = {"cranelift": {}, "winch": {}, "peer": {}}
    for row in rows:
        ms = row["ms"]

        def ratio(a, b):
            return ms[a] / ms[b] if a in ms and b in ms else None
        row["ratio"] = {"cranelift": ratio("aviary", "cranelift"), "winch": ratio("aviary", "winch"),
                        "peer": ratio("winch", "cranelift")}
        for key, value in row["ratio"].items():
            if value:
                ratios[key][row["name"]] = value

        def cell(value, width, digits):
            return f"{value:{width}.{digits}f}" if value is not None else "-".rjust(width)
        print(f"{row['name']:12} {row['class']:16} " + " ".join(cell(ms.get(r), 10, 2) for r in ("cranelift", "winch", "aviary"))
              + "   " + cell(row["ratio"]["cranelift"], 16, 3) + cell(row["ratio"]["winch"], 14, 3) + cell(row["ratio"]["peer"], 17, 3))
    report["geometric_mean"] = {}
    for group in sorted({row["class"] for row in rows}) + ["all"]:
        names = [row["name"] for row in rows if group in (row["class"], "all")]
        means = {key: geometric_mean([r[n] for n in names if n in r]) for key, r in ratios.items()}
        report["geometric_mean"][group] = means
        print(f"{'geomean':12} {group:16} {'':32}   " + "".join(
            f"{means[key]:{width}.3f}" if not math.isnan(means[key]) else "-".rjust(width)
            for key, width in (("cranelift", 16), ("winch", 14), ("peer", 17))))
    worst = sorted(ratios["cranelift"].items(), key=lambda item: -item[1])[:3]
    report["worst"] = dict(worst)
    if worst:
        print("worst three against Cranelift: " + ", ".join(f"{name} {value:.2f}" for name, value in worst))
    for line in wrong:
        print("WRONG " + line)
    return not wrong and worst and report["geometric_mean"]["all"]["cranelift"] <= 1.2 and worst[0][1] <= 2


def measure_compilation(runtimes, path, options, report):
    code = code_bytes(path)
    speeds = {}
    for round in range(options.rounds):
        for runtime, command in runtimes.items():
            # Cranelift takes half a minute for such a module: fewer rounds tell enough.
            if runtime == "cranelift" and round > 1:
                continue
            try:
                got = run(command + [str(path), "--compile", "--threads", "1", "--repeat", "1", "--json"])
            except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                print(f"WRONG {runtime}: {error}")
                continue
            for phase in ("validate", "compile"):
                speeds.setdefault((runtime, phase), []).append(code / (min(got[phase + "_cpu_ns"]) / 1e3))
    print(f"\n{path.name}: {path.stat().st_size} bytes, {code} of code; MB/s of code on one thread")
    report["compilation"] = {"file": path.name, "code_bytes": code}
    for (runtime, phase), values in sorted(speeds.items(), key=lambda item: (item[0][1], item[0][0])):
        report["compilation"][f"{runtime}_{phase}_mb_s"] = statistics.median(values)
        print(f"  {phase:9} {runtime:10} {statistics.median(values):9.2f}   ({len(values)} runs, {min(values):.2f} to {max(values):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aviary", default=str(ROOT / ".build/release/aviary"))
    parser.add_argument("--without-aviary", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--suite", default="suite")
    parser.add_argument("--only", default="")
    parser.add_argument("--compile", type=pathlib.Path)
    parser.add_argument("--compile-only", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--gate", action="store_true")
    options = parser.parse_args()

    peer = [sys.executable, str(HERE / "peer.py"), "bench", "--strategy"]
    runtimes = {"cranelift": peer + ["cranelift"], "winch": peer + ["winch"]}
    if not options.without_aviary:
        runtimes["aviary"] = shlex.split(options.aviary) + ["bench"]
    suite = json.loads((HERE / f"{options.suite}.json").read_text())
    if options.only:
        suite = {name: suite[name] for name in options.only.split(",")}

    report = {"rounds": options.rounds, "calls": options.calls, "machine": os.uname().machine, "cpus": os.cpu_count()}
    met = True
    if not options.compile_only:
        met = measure_kernels(runtimes, suite, options, report)
    if options.compile:
        measure_compilation(runtimes, options.compile, options, report)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if met or not options.gate else 1


if __name__ == "__main__":
    sys.exit(main())
