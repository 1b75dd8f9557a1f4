#!/usr/bin/env python3
"""Compares instantiation in Aviary and in Wasmtime through its C API, interleaved.

usage: compare.py [--aviary COMMAND] [--rounds 5] [--milliseconds 300] [--threads 1,2] [--only SHAPE,...]
                  [--json OUT] [--gate]

One measurement is the whole life of a tenant: make a store and an instance, call an export that writes to some pages,
drop all. Shapes (`aviary bench --help`): small, medium, large, large+rd. Ways:

    wasmtime on demand, pooled, and pooled with what its documentation offers through the C API: memory and table kept
    resident, warm slots, batched decommit; the best of several sizes counts
    aviary   on demand, pooled (its defaults), and each strategy of memory and reset by itself

Every way runs in a process of its own, one after the other, round by round. A round's figure is the median over batches
of about a millisecond, in processor time of the calling thread, so that a busy machine disturbs it less; the
clock's is in the report too. The median over the rounds counts. --gate exits with 1 where the goals are missed: the
pool at most 1 us for small, 5 times faster than Wasmtime's default pool, 2 times than its best.

Needs `pip install wasmtime==50.0.1` in the Python that runs this, and a C compiler.
"""
import argparse
import json
import pathlib
import shlex
import statistics
import subprocess
import sys

import wasmtime

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = HERE.parent / "out" / "instantiate"
SHAPES = {"small": (2, 0), "medium": (10, 0), "large": (100, 0), "large+rd": (100, 400)}
KEEP = [64 << 10, 2 << 20, 32 << 20]
WASMTIME = {"wasmtime on demand": ["on-demand"], "wasmtime pooled": ["pooled"],
            "wasmtime best": [f"pooled:{keep}:1000:{batch}" for keep in KEEP for batch in (1, 64)]}
AVIARY = {"aviary on demand": [], "aviary pooled": ["--pool"],
          "aviary scan": ["--pool", "--memory-init", "cow", "--reset", "scan"],
          "aviary decommit": ["--pool", "--memory-init", "cow", "--reset", "decommit"],
          "aviary keep-resident": ["--pool", "--memory-init", "cow", "--reset", "keep-resident"],
          "aviary userfaultfd-signal": ["--pool", "--memory-init", "userfaultfd-signal"],
          "aviary userfaultfd-thread": ["--pool", "--memory-init", "userfaultfd-thread"],
          "aviary eager": ["--pool", "--memory-init", "eager"]}


def run(command):
    done = subprocess.run(command, capture_output=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip()[-300:])
    return json.loads(done.stdout)


def median(batches):
    return statistics.median(x for thread in batches for x in thread)


class Machine:
    def __init__(self, options):
        OUT.mkdir(parents=True, exist_ok=True)
        self.aviary = shlex.split(options.aviary)
        self.milliseconds = options.milliseconds
        subprocess.run(self.aviary + ["bench", "--instantiate", "--save-shapes", str(OUT)], check=True)
        self.peer = OUT / "wasmtime_c"
        subprocess.run(["cc", "-O2", "-o", str(self.peer), str(HERE / "wasmtime_c.c"), "-ldl", "-lpthread"], check=True)
        self.library = next(pathlib.Path(wasmtime.__file__).parent.rglob("_libwasmtime.so"))

    def wasmtime(self, strategy, shape, threads):
        writes, reads = SHAPES[shape]
        module = OUT / f"{shape.split('+')[0]}.wasm"
        got = run([str(self.peer), str(self.library), str(module), strategy, str(writes), str(reads), str(threads),
                   str(self.milliseconds)])
        return median(got["wall_ns"]), median(got["cpu_ns"])

    def pooled(self, words, shape, threads):
        got = run(self.aviary + ["bench", "--instantiate", "--shape", shape, "--concurrency", str(threads), "--duration",
                                 f"{self.milliseconds}ms", "--json"] + words)["modules"][0]
        return median(got["wall_batches_ns"]), median(got["cpu_batches_ns"])


def tables(report, options):
    rows = report["rows"]

    def figure(shape, threads, way, key="cpu_ns"):
        return rows.get(f"{shape}/{threads}", {}).get(way, {}).get(key)

    missed = []
    for threads in options.threads:
        print(f"\n{threads} thread{'s' if threads > 1 else ''}, microseconds of processor time an instance")
        print(f"{'':28}" + "".join(f"{shape:>12}" for shape in options.only))
        for way in list(WASMTIME) + list(AVIARY):
            cells = [figure(shape, threads, way) for shape in options.only]
            print(f"{way:28}" + "".join(f"{'-' if c is None else format(c / 1000, '12.2f'):>12}" for c in cells))
        for base, goal in (("wasmtime pooled", 5), ("wasmtime best", 2), ("wasmtime on demand", None)):
            ratios = []
            for shape in options.only:
                ours, theirs = figure(shape, threads, "aviary pooled"), figure(shape, threads, base)
                ratios.append(theirs / ours if ours and theirs else None)
                if goal and ratios[-1] is not None and ratios[-1] < goal:
                    missed.append(f"{shape}, {threads} threads: {ratios[-1]:.2f} x faster than {base}, goal {goal}")
            print(f"{base + ' / aviary pooled':28}" + "".join(f"{'-' if r is None else format(r, '11.2f') + 'x':>12}" for r in ratios))
        small = figure("small", threads, "aviary pooled")
        if small and small > 1000:
            missed.append(f"small, {threads} threads: {small / 1000:.2f} us, goal 1.00")
    for line in missed:
        print("missed:", line)
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aviary", default=str(ROOT / ".build/release/aviary"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=300)
    parser.add_argument("--threads", type=lambda t: [int(x) for x in t.split(",")], default=[1, 2])
    parser.add_argument("--only", type=lambda t: t.split(","), default=list(SHAPES))
    parser.add_argument("--ways", type=lambda t: t.split(","), help="of those above; all")
    parser.add_argument("--json")
    parser.add_argument("--gate", action="store_true")
    options = parser.parse_args()
    machine = Machine(options)
    samples, errors = {}, {}
    for _ in range(options.rounds):
        for shape in options.only:
            for threads in options.threads:
                for way, strategies in (WASMTIME | AVIARY).items():
                    if options.ways and way not in options.ways:
                        continue
                    key = (shape, threads, way)
                    try:
                        if way in WASMTIME:
                            # For each of the settings a series of its own: the best is chosen at the end.
                            for strategy in strategies:
                                samples.setdefault(key + (strategy,), []).append(machine.wasmtime(strategy, shape, threads))
                        else:
                            samples.setdefault(key + ("",), []).append(machine.pooled(strategies, shape, threads))
                    except (RuntimeError, subprocess.TimeoutExpired) as error:
                        errors[f"{shape}/{threads}/{way}"] = str(error)
    report = {"rows": {}, "errors": errors}
    for (shape, threads, way, strategy), values in samples.items():
        wall, cpu = (statistics.median(v[i] for v in values) for i in (0, 1))
        row = report["rows"].setdefault(f"{shape}/{threads}", {})
        if way not in row or cpu < row[way]["cpu_ns"]:
            row[way] = {"wall_ns": wall, "cpu_ns": cpu, "settings": strategy, "rounds": values}
    missed = tables(report, options)
    for where, error in errors.items():
        print(f"error: {where}: {error}", file=sys.stderr)
    if options.json:
        pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1))
    return 1 if options.gate and (missed or errors) else 0


if __name__ == "__main__":
    sys.exit(main())
