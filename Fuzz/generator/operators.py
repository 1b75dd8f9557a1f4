"""The operators of the product's own table, so that none is forgotten."""
import os
from typing import NamedTuple

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Sources/AviaryCore/Opcodes/opcodes.tsv")


class Operator(NamedTuple):
    name: str
    immediates: str
    operands: tuple  # "p" is the memory's index type
    results: tuple
    width: int  # bytes of an access, lanes of a lane's operator
    feature: str


def read():
    rows = {}
    with open(TABLE) as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            _, _, name, immediates, signature, width, _, feature = line.rstrip("\n").split("\t")
            operands, results = ("*", "") if signature == "*" else signature.split(":")
            rows[name] = Operator(name, immediates, tuple(operands.split()), tuple(results.split()), int(width), feature)
    return rows


OPERATORS = read()

# Named here and in README.md alone: what no random function has.
LEFT_OUT = {
    name: "garbage collection" for name, o in OPERATORS.items() if o.feature == "garbageCollection"
}


def of(*features, immediates=None, results=None, operands=None):
    """The table's operators of those features (and immediates, and types)."""
    return [o for o in OPERATORS.values() if o.feature in features and (immediates is None or o.immediates in immediates)
            and (results is None or o.results == results) and (operands is None or o.operands == operands)]
