#!/usr/bin/env python3
"""Compares calls between host and guest in Aviary and in Wasmtime through its C API, interleaved.

usage: compare.py [--aviary COMMAND] [--rounds 5] [--milliseconds 150] [--rows NAME,...] [--suspended 10000]
                  [--json OUT] [--gate]

Rows, in nanoseconds an operation:

    call-empty, call-add           host to guest, by the cheapest way: a typed function, wasmtime_func_call_unchecked
    call-add-any                   the same with values of any type: [Value], wasmtime_func_call
    host-empty, host-add           guest to host and back, one turn of a loop of the guest's around the call;
                                   Wasmtime's host functions are unchecked
    async-call-empty               an asynchronous call, the store and its stack at hand
    async-call-fresh-store         store, instance, asynchronous call, drop; pooled
    async-host-at-once             one turn of such a loop around an asynchronous host function that has its result at once
    guest-suspends                 the guest leaves its stack, its caller has the thread, and the guest goes on. In Aviary that
                                   is every call of an asynchronous host function, so the row before; Wasmtime's host
                                   function says once that it is not ready, and is polled again
    task-suspends                  not compared: the same where Aviary's host function waits, so that its Swift task is
                                   suspended and resumed by an executor. Wasmtime's C API has no tasks, its caller polls. Of
                                   that, what Swift takes without a guest is given in brackets

and, for many guests that wait in the host at a time, bytes a guest. Wasmtime is measured with its defaults and with what
its documentation offers against the cost of calls (concurrency and garbage collection off, stacks and memories kept
resident): for each row the better one counts.

Every way runs in a process of its own, one after the other, round by round. A round's figure is the median over batches
of half a millisecond, in processor time of the calling thread; the clock's is in the report too. The median over
the rounds counts. --gate exits with 1 where a row is slower than Wasmtime's.

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
OUT = HERE.parent / "out" / "calls"
# By name: Aviary's row, Wasmtime's, and whether it is a goal.
ROWS = {name: (name, name, True) for name in ("call-empty", "call-add", "call-add-any", "host-empty", "host-add",
                                              "async-call-empty", "async-call-fresh-store", "async-host-at-once")}
ROWS["guest-suspends"] = ("async-host-at-once", "async-host-suspends", True)
ROWS["task-suspends"] = ("async-host-suspends", "async-host-suspends", False)
ALONE = "task-suspends"  # of Aviary's rows: Swift's part
SETTINGS = ["default", "tuned"]


def run(command):
    done = subprocess.run(command, capture_output=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip()[-300:])
    return json.loads(done.stdout)


class Machine:
    def __init__(self, options):
        OUT.mkdir(parents=True, exist_ok=True)
        self.aviary = shlex.split(options.aviary) + ["bench", "--calls"]
        self.milliseconds = options.milliseconds
        self.suspended = options.suspended
        self.rows = [row for row in ROWS if not options.rows or row in options.rows]
        subprocess.run(self.aviary + ["--save-shapes", str(OUT)], check=True)
        self.peer = OUT / "wasmtime_c"
        subprocess.run(["cc", "-O2", "-o", str(self.peer), str(HERE / "wasmtime_c.c"), "-ldl"], check=True)
        self.library = next(pathlib.Path(wasmtime.__file__).parent.rglob("_libwasmtime.so"))

    def wasmtime_rows(self, settings, rows):
        return run([str(self.peer), str(self.library), str(OUT), settings, ",".join(rows), str(self.milliseconds)])

    def aviary_rows(self):
        names = list(dict.fromkeys(ROWS[row][0] for row in self.rows)) + [ALONE] * ("task-suspends" in self.rows)
        words = [word for row in names for word in ("--row", row)]
        got = run(self.aviary + words + ["--duration", f"{self.milliseconds}ms", "--json"])
        return {row["name"]: row for row in got["rows"]}

    def ways(self):
        """(way, its rows) of each process, in the order of a round."""
        if self.rows:
            yield "aviary", self.aviary_rows()
            for settings in SETTINGS:
                yield "wasmtime " + settings, self.wasmtime_rows(settings, list(dict.fromkeys(ROWS[r][1] for r in self.rows)))

    def waiting(self):
        if self.suspended:
            yield "aviary", run(self.aviary + ["--suspended", str(self.suspended), "--json"])["suspended"]
            for settings in SETTINGS:
                yield "wasmtime " + settings, self.wasmtime_rows(settings, [f"suspended:{self.suspended}"])["suspended"]


def figures(samples):
    """By row and way: the median over the rounds, and the least batch of all."""
    rows = {}
    for (row, way), rounds in samples.items():
        rows.setdefault(row, {})[way] = {
            "cpu_ns": statistics.median(statistics.median(r["cpu_batches_ns"]) for r in rounds),
            "wall_ns": statistics.median(statistics.median(r["wall_batches_ns"]) for r in rounds),
            "least_ns": min(min(r["cpu_batches_ns"]) for r in rounds),
            "rounds": [statistics.median(r["cpu_batches_ns"]) for r in rounds]}
    return rows


def table(rows, report):
    missed = []
    print(f"{'ns of processor time':26}{'aviary':>10}{'wasmtime':>10}{'settings':>10}{'ratio':>8}{'least':>9}{'least':>9}")
    for name, (own, peer, is_goal) in ROWS.items():
        if "aviary" not in rows.get(own, {}) or not any(way != "aviary" for way in rows.get(peer, {})):
            continue
        ours = rows[own]["aviary"]
        way = min((w for w in rows[peer] if w != "aviary"), key=lambda w: rows[peer][w]["cpu_ns"])
        theirs = rows[peer][way]
        ratio = theirs["cpu_ns"] / ours["cpu_ns"]
        report[name] = {"aviary_ns": ours["cpu_ns"], "wasmtime_ns": theirs["cpu_ns"], "settings": way, "ratio": ratio}
        print(f"{name:26}{ours['cpu_ns']:10.1f}{theirs['cpu_ns']:10.1f}{way.split()[1]:>10}"
              + (f"{ratio:7.2f}x" if is_goal else f"({rows[ALONE]['aviary']['cpu_ns']:.0f})".rjust(8))
              + f"{ours['least_ns']:9.1f}{theirs['least_ns']:9.1f}")
        if is_goal and ratio < 1:
            missed.append(f"{name}: {1 / ratio:.2f} x slower than Wasmtime")
    return missed


def waiting_table(ways):
    for way, figures in ways.items():
        print(f"{way:18} {figures['guests']} guests that wait: {figures['resident_per_guest']} bytes resident a guest, "
              f"{figures['page_tables_per_guest']} of page tables, {figures['mappings']} mappings in all; "
              f"{figures['first_cpu_ns'] / 1000:.1f} us a guest the first time, {figures['warm_cpu_ns'] / 1000:.1f} again")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aviary", default=str(ROOT / ".build/release/aviary"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=150)
    parser.add_argument("--rows", type=lambda t: t.split(","))
    parser.add_argument("--suspended", type=int, default=10000)
    parser.add_argument("--json")
    parser.add_argument("--gate", action="store_true")
    options = parser.parse_args()
    machine = Machine(options)
    samples, waiting = {}, {}
    for number in range(options.rounds):
        for way, rows in machine.ways():
            for row, figure in rows.items():
                samples.setdefault((row, way), []).append(figure)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    report = {"figures": figures(samples), "rows": {}}
    missed = table(report["figures"], report["rows"])
    for way, figure in machine.waiting():
        waiting[way] = figure
    report["suspended"] = waiting
    waiting_table(waiting)
    for line in missed:
        print("missed:", line)
    if options.json:
        pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1))
    return 1 if options.gate and missed else 0


if __name__ == "__main__":
    sys.exit(main())
