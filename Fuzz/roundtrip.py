#!/usr/bin/env python3
"""Checks that random modules come through the text format: text -> binary -> text (plain and folded) -> the same binary,
which Aviary and Wasmtime find valid; and that of Wasmtime's encoder comes to the same.

    python roundtrip.py --aviary PATH [--seed N] [--count N]
"""
import argparse
import subprocess
import sys
import tempfile

import wasmtime

from generator import render
from peer import engine
from script import Program
from differential import SWITCHES

FEATURES = [x for name in SWITCHES for x in ("--feature", name)]


def output(*command):
    done = subprocess.run(command, capture_output=True, timeout=120)
    if done.returncode:
        raise ValueError(f"{' '.join(command[1:3])}: {done.stderr.decode(errors='replace')[:500]}")
    return done.stdout


def broken(aviary, peer, text, legacy, folder):
    """What is wrong with the module on its way, or nothing."""
    def path(name, content):
        with open(f"{folder}/{name}", "wb") as f:
            f.write(content)
        return f.name

    binary = output(aviary, "wat2wasm", path("0.wat", text.encode()), "-o", "-")
    output(aviary, "validate", *FEATURES, path("0.wasm", binary))
    for style in ([], ["--folded"]):
        printed = output(aviary, "print", *style, path("0.wasm", binary))
        if output(aviary, "wat2wasm", path("1.wat", printed), "-o", "-") != binary:
            return f"print {style} does not come back"
    if not legacy:
        # Wasmtime's encoder writes some things at more length, which another round takes away.
        theirs = bytes(wasmtime.wat2wasm(text))
        wasmtime.Module.validate(peer, binary)
        bare = output(aviary, "wat2wasm", "--strip-names", path("0.wat", text.encode()), "-o", "-")
        printed = output(aviary, "print", path("2.wasm", theirs))
        if output(aviary, "wat2wasm", "--strip-names", path("2.wat", printed), "-o", "-") != bare:
            return "the encoders differ"
    return ""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aviary", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=100)
    o = p.parse_args()
    peer, bad, modules = engine(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(o.seed, o.seed + o.count):
            for name, _, tree, shape in Program(seed).modules:
                for legacy in {False, shape.has("legacy")}:
                    modules += 1
                    try:
                        wrong = broken(o.aviary, peer, render(tree, legacy=legacy)[0], legacy, folder)
                    except (ValueError, wasmtime.WasmtimeError) as error:
                        wrong = str(error)[:800]
                    if wrong:
                        bad += 1
                        print(f"seed {seed} {name}{' legacy' * legacy}: {wrong}", flush=True)
    print(f"seeds {o.seed}..<{o.seed + o.count}: {modules} modules, {bad} broken")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
