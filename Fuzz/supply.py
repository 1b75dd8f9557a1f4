"""Scripts from a process of its own, since Wasmtime may stop it for a bug of its own."""
import multiprocessing
import os
import sys

import wasmtime

from peer import Unusable, engine
from script import Counts, Program


def supply(seeds, out, only, deterministic, counted=False):
    """Of each seed: itself, the counts, and what is wrong with it ("" for a script that was written to `out`)."""
    seeds = list(seeds)
    while seeds:
        ours, theirs = multiprocessing.Pipe(False)
        child = multiprocessing.get_context("fork").Process(target=write, args=(theirs, seeds, out, only, deterministic, counted))
        child.start()
        theirs.close()
        try:
            while seeds:
                answer = ours.recv()
                yield answer
                seeds.pop(0)
        except EOFError:
            yield seeds.pop(0), Counts(), "PEER"
        child.join()


def write(pipe, seeds, out, only, deterministic, counted):
    # What Wasmtime says when it dies is not the caller's.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    peer = engine(deterministic)
    for seed in seeds:
        counts, wrong = Counts(), ""
        try:
            text = Program(seed, only, deterministic).script(peer, counts, counted=counted)
            if out:
                with open(os.path.join(out, f"{seed}.wast"), "w") as f:
                    f.write(text)
        except Unusable:
            wrong = "UNUSABLE"
        except wasmtime.WasmtimeError as error:
            wrong = f"INVALID {str(error)[:1500]}"
        pipe.send((seed, counts, wrong))
    sys.stdout.flush()
    os._exit(0)
