"""Code as a tree, so that a failing program can be cut down by its parts, and as text.

A tree's items are instructions, Pieces and Forms. A Piece is a part with types that can stand for itself or be
replaced by constants of these types; its number is the same in every run of a seed. A Form is written in two ways.
"""
import itertools
import re

from .values import zero


class Piece(list):
    numbers = itertools.count()

    def __init__(self, types, code):
        super().__init__(code)
        self.types, self.number = types, next(Piece.numbers)


class Code(list):
    """All of a function's instructions. `$F` is the label of the function itself, which has no name in the text."""


class Form:
    """What is `plain` for every peer, or `legacy` with the exception handling of before WebAssembly 3.0.

    An item `@name` among the plain ones stands where the legacy operator of that name is executed.
    """

    def __init__(self, plain, legacy):
        self.plain, self.legacy = plain, legacy


def flat(tree, cut=frozenset(), legacy=False, out=None):
    """The instructions, with zeroes in place of the pieces in `cut`."""
    out = [] if out is None else out
    for x in tree:
        if isinstance(x, str):
            out.append(x)
        elif isinstance(x, Form):
            out += x.legacy if legacy else x.plain
        elif isinstance(x, Piece) and x.number in cut:
            out += map(zero, x.types)
        else:
            flat(x, cut, legacy, out)
    return out


OPENING = {"block", "loop", "if", "try", "try_table"}
CLOSING = {"end", "delegate"}


def numbered(lines):
    """The instructions with the number that `$F` has where it stands."""
    depth, out = 0, []
    for line in lines:
        word = line.partition(" ")[0]
        if word in CLOSING:
            depth -= 1
        out.append(re.sub(r"\$F\b", str(depth), line) if "$F" in line else line)
        if word in OPENING:
            depth += 1
    return out


def pieces(tree, cut=frozenset()):
    """The pieces that are left, outer ones before their inner ones."""
    for x in tree:
        if isinstance(x, (str, Form)) or isinstance(x, Piece) and x.number in cut:
            continue
        if isinstance(x, Piece):
            yield x
        yield from pieces(x, cut)


def operator(line):
    """The table's name of an instruction's operator."""
    word = line.partition(" ")[0]
    return "select_typed" if line.startswith("select (") else word


# No instruction can stand before these, or none that shows anything.
JOINTS = {"else", "end", "catch", "catch_all", "delegate"}


def counting(lines):
    """The same instructions, each counted before it is executed by a global of its operator's name."""
    for line in lines:
        name = operator(line.lstrip("@"))
        if name not in JOINTS or line.startswith("@"):
            yield from (f"global.get $hit_{name}", "i64.const 1", "i64.add", f"global.set $hit_{name}")
        if not line.startswith("@"):
            yield line
