#!/usr/bin/env python3
"""Compares Aviary with PyPI's `wasmtime` on random modules.

generator.py makes pairs of modules, valid and total by construction. Wasmtime runs them and its
answers become the assertions of a script, which `aviary wast` runs. A script that fails is kept.

    python differential.py --aviary PATH [--seed N] [--count N] [--out DIR] [-- OPTIONS OF AVIARY WAST]
"""
import argparse
import math
import os
import random
import subprocess
import sys

import wasmtime

from generator import TYPES, module, number, text


TRAPS = {
    "STACK_OVERFLOW": "call stack exhausted", "MEMORY_OUT_OF_BOUNDS": "out of bounds memory access",
    "TABLE_OUT_OF_BOUNDS": "undefined element", "INDIRECT_CALL_TO_NULL": "uninitialized element",
    "BAD_SIGNATURE": "indirect call type mismatch", "INTEGER_OVERFLOW": "integer overflow",
    "NULL_REFERENCE": "null", "INTEGER_DIVISION_BY_ZERO": "integer divide by zero",
    "BAD_CONVERSION_TO_INTEGER": "invalid conversion to integer", "UNREACHABLE": "unreachable",
}


def expected(v, t):
    return f"({t}.const nan:canonical)" if t[0] == "f" and math.isnan(v) else f"({t}.const {text(v, t)})"


def script(engine, r):
    """A script of modules with Wasmtime's answers, and counts of functions, returns and traps."""
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    for t, kind in zip(TYPES, (wasmtime.ValType.i32(), wasmtime.ValType.i64(), wasmtime.ValType.f32(), wasmtime.ValType.f64())):
        linker.define_func("spectest", "print_" + t, wasmtime.FuncType([kind], []), lambda _: None)
    lines, counts, other = [], [0, 0, 0], None
    if r.random() < 0.6:
        wat, other = module(r)
        linker.define_instance(store, "a", linker.instantiate(store, wasmtime.Module(engine, wat)))
        lines += [wat, '(register "a")']
        counts[0] += len(other.sigs)
    wat, shape = module(r, other)
    exports = linker.instantiate(store, wasmtime.Module(engine, wat)).exports(store)
    lines.append(wat)
    counts[0] += len(shape.sigs) - shape.imported
    for i, (params, results) in enumerate(shape.sigs):
        if i < shape.imported:
            continue
        for _ in range(4):
            args = [number(r, t) for t in params]
            exports["reset"](store)
            call = f'(invoke "f{i}"' + "".join(f" ({t}.const {text(v, t)})" for v, t in zip(args, params)) + ")"
            lines.append('(invoke "reset")')
            try:
                got = exports[f"f{i}"](store, *args)
                got = [] if got is None else got if isinstance(got, list) else [got]
                lines.append("(assert_return " + call + "".join(" " + expected(v, t) for v, t in zip(got, results)) + ")")
                counts[1] += 1
            except wasmtime.Trap as trap:
                if trap.trap_code.name == "STACK_OVERFLOW":
                    raise Unusable
                lines.append(f'(assert_trap {call} "{TRAPS[trap.trap_code.name]}")')
                counts[2] += 1
            lines += [f'(assert_return (get "g{t}") {expected(exports["g" + t].value(store), t)})' for t in TYPES]
        lines += [f'(assert_return (invoke "hash{m}") (i64.const {exports[f"hash{m}"](store)}))' for m in range(len(shape.memories))]
        if r.random() < 0.3:
            lines.append('(assert_exhaustion (invoke "deep") "call stack exhausted")')
    return "\n".join(lines) + "\n", counts


class Unusable(Exception):
    """A module whose outcome depends on the size of the stack."""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aviary", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--batch", type=int, default=50)
    p.add_argument("--out", default="differential-out")
    p.add_argument("options", nargs="*", help="given to `aviary wast`, as --explicit-stack-checks")
    o = p.parse_args()
    os.makedirs(o.out, exist_ok=True)
    config = wasmtime.Config()
    for name in ("function_references", "gc", "tail_call", "memory64", "multi_memory", "wide_arithmetic"):
        setattr(config, "wasm_" + name, True)
    command = [o.aviary, "wast", "--feature", "wide-arithmetic", *o.options]
    engine, totals, bad, paths = wasmtime.Engine(config), [0, 0, 0], 0, []
    for n in range(o.seed, o.seed + o.count):
        try:
            body, counts = script(engine, random.Random(n))
        except Unusable:
            continue
        except wasmtime.WasmtimeError as error:
            print(f"INVALID {n}: {str(error)[:1500]}", flush=True)
            bad += 1
            continue
        totals = [a + b for a, b in zip(totals, counts)]
        paths.append(os.path.join(o.out, f"{n}.wast"))
        with open(paths[-1], "w") as f:
            f.write(body)
        if len(paths) == o.batch:
            bad += check(command, paths)
            paths = []
    if paths:
        bad += check(command, paths)
    print(f"seeds {o.seed}..<{o.seed + o.count}: {totals[0]} functions, {totals[1]} returns, {totals[2]} traps, {bad} mismatches")
    sys.exit(bad > 0)


def check(command, paths):
    """The number of scripts that fail; the others are removed."""
    bad = 0
    suspects = paths if run(command, paths) else []
    for path in paths:
        if path in suspects and (said := run(command, [path])):
            bad += 1
            print(f"MISMATCH {path}\n{said[:600]}", flush=True)
        else:
            os.remove(path)
    return bad


def run(command, paths):
    """What `aviary wast` says where it fails, else nothing."""
    done = subprocess.run([*command, *paths], capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stdout + done.stderr or f"status {done.returncode}")


if __name__ == "__main__":
    main()
