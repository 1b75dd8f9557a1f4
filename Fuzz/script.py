"""A script of random modules with Wasmtime's answers."""
import itertools
import random
from collections import Counter

from generator import Piece, constant, module, number, render
from peer import Peer, Thrown, Trapped


class Counts:
    def __init__(self):
        self.modules = self.functions = self.returns = self.traps = self.throws = 0
        self.generated, self.executed = Counter(), Counter()

    def __iadd__(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def __str__(self):
        return f"{self.modules} modules, {self.functions} functions, {self.returns} returns, {self.traps} traps, {self.throws} exceptions"


class Program:
    """The modules of a seed and what is called, before anything is cut off."""

    def __init__(self, seed, only=None, deterministic=False):
        r = random.Random(seed)
        Piece.numbers = itertools.count()
        self.modules, other = [], None
        if r.random() < 0.6:
            tree, other = module(r, None, "A", only, deterministic)
            self.modules.append(("a", "A", tree, other))
        tree, shape = module(r, other, "B", only, deterministic)
        self.modules.append(("b", "B", tree, shape))
        self.calls = [(i, [number(r, t) for t in shape.sigs[i][0]]) for i in range(shape.imported, len(shape.sigs)) for _ in range(4)]
        self.deep = {i for i, _ in self.calls if r.random() < 0.3}
        self.storm = r.choice([1, 50, 3000, 3000, 20000])

    def script(self, engine, counts, cut=frozenset(), chosen=None, counted=False):
        """The text, of the calls by number in `chosen` or of all."""
        peer, lines = Peer(engine), []
        for name, module_name, tree, shape in self.modules:
            text, names = render(tree, cut, counted=counted)
            peer.instantiate(text, name, module_name)
            if counted or shape.has("legacy"):
                text, others = render(tree, cut, legacy=True)
                names |= others
            counts.generated += names
            lines += [text, f'(register "{name}")']
            counts.modules += 1
            counts.functions += len(shape.sigs) - shape.imported
        for n, (i, values) in enumerate(self.calls):
            if chosen is None or n in chosen:
                lines += self.called(peer, shape, i, values, counts)
            if chosen is None and n + 1 < len(self.calls) and self.calls[n + 1][0] != i or n + 1 == len(self.calls):
                lines += [f'(assert_return (invoke "hash{m}") {x})' for m in range(len(shape.memories)) for x in peer.call(f"hash{m}", (), ["i64"])]
                if i in self.deep and chosen is None:
                    lines.append('(assert_exhaustion (invoke "deep") "call stack exhausted")')
        if shape.storms and chosen is None:
            for name, n in (("storm", self.storm), ("down", 90), ("down", 3), ("chain", self.storm)):
                lines += [f'(assert_return (invoke "{name}" (i32.const {n})) {x})' for x in peer.call(name, ["i32"], ["i64"], [n])]
        counts.executed += peer.hits()
        return "\n".join(lines) + "\n"

    def called(self, peer, shape, i, values, counts):
        """One call with its assertions, of the globals too."""
        params, results = shape.sigs[i]
        if "exnref" in params + results:
            # No script has such values.
            return []
        lines = ['(invoke "reset")']
        peer.call("reset")
        call = f'(invoke "f{i}"' + "".join(f" ({constant(v, t)})" for v, t in zip(values, params)) + ")"
        try:
            got = peer.call(f"f{i}", params, results, values)
            lines.append("(assert_return " + call + "".join(" " + x for x in got) + ")")
            counts.returns += 1
        except Trapped as trap:
            lines.append(f'(assert_trap {call} "{trap.message}")')
            counts.traps += 1
        except Thrown:
            lines.append(f"(assert_exception {call})")
            counts.throws += 1
        return lines + [f'(assert_return (get "g{t}") {peer.get("g" + t, t)})' for t in shape.kinds if t != "exnref"]
