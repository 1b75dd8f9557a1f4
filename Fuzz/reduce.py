"""Cuts a program that fails down: first to one call, then piece by piece to constants."""
import os
import re

import wasmtime

from generator import pieces
from peer import Trapped, Thrown, Unusable
from script import Counts, Program


def reduce(engine, seed, only, deterministic, out, says):
    """The path of the least script found that still fails with the same kind of message.

    `says` runs a script's path and tells what is wrong, or nothing.
    """
    path, program = os.path.join(out, f"{seed}-least.wast"), Program(seed, only, deterministic)
    trees = [tree for _, _, tree, _ in program.modules]

    def fails(cut, chosen):
        try:
            text = program.script(engine, Counts(), cut, chosen)
        except (Unusable, wasmtime.WasmtimeError, Trapped, Thrown):
            return None
        with open(path + ".try", "w") as f:
            f.write(text)
        said = says(path + ".try")
        return kind(said) if said else None

    wanted = fails(frozenset(), None)
    if wanted is None:
        return path
    # One call, else the first few, else all.
    chosen = None
    for n in range(len(program.calls)):
        if fails(frozenset(), {n}) == wanted:
            chosen = {n}
            break
    cut, size, changed = frozenset(), None, True
    while changed:
        changed = False
        left = [p for tree in trees for p in pieces(tree, cut) if len(p) > 0]
        size = max(1, len(left) // 4) if size is None else size
        at = 0
        while at < len(left):
            some = frozenset(p.number for p in left[at:at + size] if trivial(p) is False)
            if some and fails(cut | some, chosen) == wanted:
                cut, changed = cut | some, True
                inner = {q.number for p in left[at:at + size] for q in pieces(p)}
                left = [p for p in left if p.number not in some and p.number not in inner]
            else:
                at += size
        if size > 1:
            size, changed = max(1, size // 4), True
    fails(cut, chosen)
    os.replace(path + ".try", path)
    return path


def trivial(piece):
    """Whether a constant in its place would be no simplification."""
    return len(piece) == 1 and isinstance(piece[0], str) and (".const" in piece[0] or piece[0].startswith("ref.null"))


def kind(said):
    """A message without what differs from one script to the next."""
    for word in ("unsupported", "does not end", "Fatal", "fatal"):
        if word in said:
            return word
    found = re.search(r"said|expected|trapped|returned|status -?\d+", said)
    return found.group() if found else said[:30]
