"""The body of a random function: valid, and total by construction (fuel, counted loops).

Scalars' NaNs are made canonical where they arise, so that their bits cannot be observed; vectors may hold any
bits, and only what floating-point operators make is made canonical. A value that goes on into an operator to which
all NaNs are the same may be "raw".
"""
from . import exceptions, legacy, memories, numbers, references, calls, statements, vectors
from .pieces import Code, Piece
from .values import NUMBERS, REFERENCES, constant, number


class Label:
    def __init__(self, name, types, kind="block", counter=None):
        self.name, self.types, self.kind, self.counter = name, types, kind, counter


class Body(numbers.Numbers, vectors.Vectors, memories.Memories, references.References, calls.Calls,
           exceptions.Exceptions, legacy.Legacy, statements.Statements):
    def __init__(self, r, shape, index):
        self.r, self.s, self.index = r, shape, index
        self.params, self.results = shape.sigs[index]
        extra = r.choice([4, 10, 30, 150])
        # Some functions of a module with vectors have none of their own.
        self.types = shape.types if r.random() < 0.7 else [t for t in shape.types if t != "v128"]
        self.vectors = "v128" in self.types
        self.locals = [(f"$p{i}", t) for i, t in enumerate(self.params)]
        self.locals += [(f"$l{i}", self.type()) for i in range(extra)]
        self.of_type = {}
        for n, t in self.locals:
            self.of_type.setdefault(t, []).append(n)
        self.refs = [(f"$r{i}", r.randrange(len(shape.sigs))) for i in range(r.choice([0, 2, 12]))]
        self.hidden = {}
        # Without calls and builtins, save tail calls: more registers hold locals then.
        self.is_leaf = r.random() < 0.3
        self.labels, self.budget, self.names = [], r.choice([20, 60, 60, 150, 150, 400, 1500]), 0
        self.catching, self.escapes = [], False
        self.has_tries = shape.has("exceptions") and r.random() < 0.75

    def type(self):
        return self.r.choice(self.types)

    def some(self, counts):
        """Types, as many as one of `counts`."""
        return [self.type() for _ in range(self.r.choice(counts))]

    def local(self, t):
        c = self.of_type.get(t)
        return self.r.choice(c) if c else None

    def temporary(self, name, t):
        self.hidden[name] = t
        return name

    def fresh(self, prefix):
        self.names += 1
        return f"${prefix}{self.names}"

    def count(self):
        return self.temporary(self.fresh("c"), "i32")

    # Values

    def expr(self, t, d=4, raw=False):
        """Code that leaves a value of `t`."""
        self.budget -= 1
        return [Piece([t], self.leaf(t) if d <= 0 or self.budget < 0 else self.compound(t, d, raw))]

    def leaf(self, t):
        n = self.local(t)
        if n and self.r.random() < 0.7:
            return [f"local.get {n}"]
        return [f"global.get $g{t}"] if self.r.random() < 0.15 and t in self.s.kinds else self.const(t)

    def const(self, t):
        if t == "v128":
            return self.vector_constant()
        return [f"ref.null {t[:-3]}" if t in REFERENCES else constant(number(self.r, t), t)]

    def compound(self, t, d, raw):
        r, k = self.r, self.r.randrange(20)
        e = lambda u: self.expr(u, d - 1)
        if k < 6:
            return self.arith(t, d, raw)
        if k == 6:
            return self.leaf(t)
        if k == 7:
            ts = f" (result {t})" if r.random() < 0.5 or t in REFERENCES else ""
            return e(t) + e(t) + e("i32") + ["select" + ts]
        if k == 8:
            n = self.local(t)
            return e(t) + ([f"local.tee {n}"] if n else [])
        if k == 9:
            return self.load(t, d)
        if k == 10:
            name = self.fresh("L")
            a, b = (self.scoped([t], d, name) for _ in range(2))
            return e("i32") + [f"if {name} (result {t})"] + a + ["else"] + b + ["end"]
        if k == 11:
            ps, name = self.some(range(4)), self.fresh("L")
            out = [x for p in ps for x in e(p)]
            return out + [f"block {name}" + words("param", ps) + f" (result {t})"] + ["drop"] * len(ps) + self.scoped([t], d, name) + ["end"]
        if k in (12, 13):
            return self.call(t, d)
        if k == 14:
            same = self.matching([t])
            if same and r.random() < 0.5:
                return e(t) + e("i32") + [f"br_if {r.choice(same).name}"]
            return self.convert(t, d)
        if k == 15:
            ts = self.some(range(1, 4))
            at = r.randrange(len(ts))
            ts[at] = t
            return self.pick(self.multi(ts, d - 1), ts, at)
        if k == 16 and t in ("i32", "i64") and r.random() < 0.4:
            return self.sizes(t, d)
        if k == 17:
            return self.deep(t, d)
        if k == 18 and t == "i32" and r.random() < 0.5:
            return self.anyref(d) + ["ref.is_null"]
        return self.convert(t, d)

    def arith(self, t, d, raw=False):
        if t == "v128":
            return self.vector(d, raw)
        return self.reference(t, d) if t in REFERENCES else self.scalar(t, d, raw)

    def pick(self, code, ts, at):
        """Of the values that `code` leaves, that at `at` alone."""
        out = code + ["drop"] * (len(ts) - 1 - at)
        if at:
            x = self.temporary(f"$x{ts[at]}", ts[at])
            out += [f"local.set {x}"] + ["drop"] * at + [f"local.get {x}"]
        return out

    def deep(self, t, d):
        """More values on the stack than the code generator keeps in sight."""
        r = self.r
        if t in REFERENCES:
            return self.reference(t, d)
        n = r.choice([6, 12, 20, 45, 47, 48, 49, 70, 130])
        few = [[f"local.get {self.local(t)}"] if self.local(t) else self.leaf(t) for _ in range(r.choice([1, 3, 6]))]
        gets = [x for _ in range(n) for x in (r.choice(few) if r.random() < 0.85 else self.owned(t))]
        middle = self.call(t, d - 1, few=True) if r.random() < 0.8 else self.expr(t, d - 1)
        ops = ["add", "sub", "xor", "mul", "rotl", "shl", "shr_s"] if t[0] == "i" else ["add", "sub", "min", "max"]
        ops = [f"{t}.{op}" for op in ops] if t != "v128" else ["v128.xor", "i8x16.add", "i64x2.sub", "i16x8.mul", "i32x4.max_s", "i8x16.swizzle"]
        return gets + middle + [r.choice(ops) for _ in range(n)] + self.canon(t)

    def owned(self, t):
        """A value that is in a register most likely."""
        if t == "v128":
            return self.leaf(t) + [self.r.choice(["i8x16.popcnt", "i32x4.neg", "i16x8.abs", "v128.not"])]
        if t[0] == "f":
            return self.leaf(t) + [f"{t}.sqrt"] + self.canon(t)
        if self.r.random() < 0.2:
            return self.leaf(t) + self.leaf(t) + [f"{t}.const 1", f"{t}.or", f"{t}.{self.r.choice(['rem_u', 'div_u', 'shl', 'rotr'])}"]
        return self.leaf(t) + [f"{t}.clz"]

    # Several values

    def matching(self, ts):
        return [l for l in self.labels if l.types == ts and l.kind != "loop"]

    def inside(self, label, code):
        self.labels.append(label)
        out = code()
        self.labels.pop()
        return out

    def scoped(self, results, d, name, kind="block"):
        def code():
            out = [x for _ in range(self.r.randrange(3)) for x in self.statement(d - 1)]
            return out + [x for t in results for x in self.expr(t, d - 1)]
        return self.inside(Label(name, list(results), kind), code)

    def block(self, ts, d):
        name = self.fresh("L")
        return [f"block {name}" + words("result", ts)] + self.scoped(ts, d, name) + ["end"]

    def multi(self, ts, d):
        """Values of all of `ts`."""
        return [Piece(list(ts), self.several(list(ts), d))]

    def several(self, ts, d):
        r, k = self.r, self.r.randrange(11)
        each = lambda: [x for t in ts for x in self.expr(t, d - 1)]
        if d <= 0 or self.budget < 0 or k < 2:
            return each()
        through, name = words("param", ts) + words("result", ts), self.fresh("L")
        within = lambda: self.inside(Label(name, ts), lambda: self.shuffle(ts, d))
        if k == 2:
            return self.block(ts, d)
        if k == 3:
            return each() + self.expr("i32", d - 1) + [f"if {name}{through}"] + within() + ["end"]
        if k == 4:
            return each() + self.expr("i32", d - 1) + [f"if {name}{through}"] + within() + ["else"] + within() + ["end"]
        if k == 5:
            c, first = self.count(), each()
            body = self.inside(Label(name, [], "loop"), lambda: self.shuffle(ts, d))
            return [f"i32.const {r.randrange(1, 4)}", f"local.set {c}"] + first + [f"loop {name}{through}"] + body + self.again(c) + ["end"]
        if k == 6:
            return self.switch(ts, d, each)
        if k == 7:
            same = self.matching(ts)
            return each() + (self.expr("i32", d - 1) + [f"br_if {r.choice(same).name}"] if same else [])
        if k < 10 and self.has_tries:
            return self.attempt(ts, d)
        c = [i for i in self.callees() if self.s.sigs[i][1] == ts]
        return self.invoke(r.choice(c), d) if c and not self.is_leaf else each()

    def switch(self, ts, d, each):
        """A `br_table` to several blocks, which goes on behind each."""
        r = self.r
        n, own = r.choice([1, 2, 3, 4, 5, 40]), [self.fresh("L") for _ in range(r.randrange(2, 5))]
        out = [f"block {name}" + words("result", ts) for name in own]
        self.labels += [Label(name, ts) for name in own]
        out += each() + self.expr("i32", d - 1) + [f"i32.const {n + 1}", "i32.rem_u"]
        out += ["br_table " + " ".join(r.choice(self.matching(ts)).name for _ in range(n + 1))]
        for _ in own:
            self.labels.pop()
            out += ["end"] + (self.shuffle(ts, d) if r.random() < 0.5 else [])
        return out

    def shuffle(self, ts, d):
        """Takes values of `ts` and leaves such."""
        r = self.r
        if not ts:
            return self.statement(d - 1)
        out = self.statement(d - 1) if r.random() < 0.5 else []
        t = ts[-1]
        if r.random() < 0.6 and t not in REFERENCES:
            out += self.expr(t, d - 2) + [self.combining(t)] + self.canon(t)
        if r.random() < 0.3:
            out += ["drop"] + self.expr(t, d - 1)
        return out

    def combining(self, t):
        """An operator of two values of `t` that does not trap."""
        r = self.r
        if t == "v128":
            return r.choice(["v128.xor", "i8x16.add_sat_s", "i32x4.add", "i64x2.mul", "i16x8.avgr_u", "i8x16.swizzle"])
        return f"{t}." + r.choice(numbers.BINARY[:11] if t[0] == "i" else numbers.FLOATS)

    def again(self, c, name="0", least=False):
        """Goes back to the loop's beginning while the counter is not yet down."""
        return [f"local.get {c}", "i32.const 1", "i32.sub", f"local.tee {c}"] + (["i32.const 0", "i32.gt_s"] if least else []) + [f"br_if {name}"]

    # The function

    def code(self):
        def body():
            out = [x for _ in range(self.r.randrange(1, 8)) for x in self.statement(5)]
            self.budget = max(self.budget, 25 * (1 + len(self.results)))
            tails = [i for i in self.callees() if self.s.sigs[i][1] == self.results]
            if tails and self.r.random() < 0.15:
                return out + self.invoke(self.r.choice(tails), 4, "return_")
            return out + [x for t in self.results for x in self.expr(t, 5)]
        return self.outermost(self.inside(Label("$F", list(self.results), "function"), body))

    def function(self):
        """The function's head, its code, and its end."""
        code = ["global.get $fuel", "i32.eqz", "if", "unreachable", "end", "global.get $fuel", "i32.const 1", "i32.sub", "global.set $fuel"]
        for n, i in self.refs:
            if self.r.random() < 0.95:
                code += [f"ref.func $f{i}", f"local.set {n}"]
        code += self.code()
        named = "".join(f" (param $p{j} {t})" for j, t in enumerate(self.params))
        kind = "c" if self.s.open and self.index % 2 == 0 else "s"
        head = f'(func $f{self.index} (export "f{self.index}") (type ${kind}{self.index}){named}{words("result", self.results)}'
        ls = self.locals[len(self.params):] + list(self.hidden.items()) + [(n, f"(ref null $s{i})") for n, i in self.refs]
        return [head + "".join(f" (local {n} {t})" for n, t in ls), [Code(code)], ")"]


def words(keyword, types):
    return "".join(f" ({keyword} {t})" for t in types)
