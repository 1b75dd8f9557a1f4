"""Random modules for differential.py: valid and total by construction (fuel, counted loops).

NaNs are made canonical where they arise, so that their bits cannot be observed. A pair of modules is
made: "a", whose functions, memory, table and globals the second one imports and calls back into by the table.
"""
import math

TYPES = ["i32", "i64", "f32", "f64"]
IBIN = "add sub mul and or xor shl shr_s shr_u rotl rotr div_s div_u rem_s rem_u".split()
ICMP = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u".split()
FBIN = "add sub mul div min max copysign".split()
FUN = "abs neg sqrt ceil floor trunc nearest".split()
FCMP = "eq ne lt gt le ge".split()
LOADS = {"i32": ["", "8_s", "8_u", "16_s", "16_u"], "i64": ["", "8_s", "8_u", "16_s", "16_u", "32_s", "32_u"],
         "f32": [""], "f64": [""]}
STORES = {"i32": ["", "8", "16"], "i64": ["", "8", "16", "32"], "f32": [""], "f64": [""]}
SMALL = [0, 0, 1, 7, 64, 1000]
EDGES = [65528, 65536, 131064, 131065, 131072, 2**29, 2**31 - 8, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1]
EDGES64 = EDGES + [2**32, 2**33, 2**62, 2**63 - 1, 2**63, 2**64 - 131072, 2**64 - 8, 2**64 - 1]
SLOTS = 32  # of a table, at least


def wrap(v, bits):
    v &= (1 << bits) - 1
    return v - (1 << bits) if v >> (bits - 1) else v


def integer(r, bits):
    k = r.randrange(6)
    if k == 0:
        v = r.choice([0, 1, -1, 2, 3, 5, 7, 10, 100, 2**31, 2**32 - 1, -(2**31)])
    elif k == 1:
        v = r.choice([1, -1]) * (1 << r.randrange(bits)) + r.choice([-1, 0, 1])
    elif k == 2:
        v = r.getrandbits(bits)
    else:
        v = r.randrange(-70, 300)
    return wrap(v, bits)


def number(r, t):
    if t[0] == "i":
        return integer(r, int(t[1:]))
    edge = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, math.inf, -math.inf, math.nan, 2.0**31, -(2.0**31),
            2.0**32, 2.0**63, -(2.0**63), 2.0**64, 2.0**-149, 2.0**-126, 2147483520.0, 16777216.0]
    if t == "f64":
        edge += [5e-324, 1.7976931348623157e308, 2147483647.5, 4294967295.5, -2147483648.9, 0.1]
    return r.choice(edge) if r.random() < 0.7 else r.randrange(-99999, 99999) / 8


def text(v, t):
    if t[0] == "i":
        return str(v)
    return "nan" if math.isnan(v) else ("-inf" if v < 0 else "inf") if math.isinf(v) else v.hex()


def words(keyword, types):
    return "".join(f" ({keyword} {t})" for t in types)


class Shape:
    """What a module has: functions by index, imports first; memories' and the table's index types."""

    def __init__(self, r, other):
        self.r, self.other = r, other
        single = r.random() < 0.6
        self.memories = [r.choice(["i32", "i32", "i64"])] if single else [r.choice(["i32", "i64"]) for _ in range(r.randrange(2, 4))]
        self.imports_memory = other is not None and r.random() < 0.5
        if self.imports_memory:
            self.memories[0] = other.memories[0]
        self.table = r.choice(["i32", "i32", "i32", "i64"])
        self.imports_table = other is not None and r.random() < 0.5
        if self.imports_table:
            self.table = other.table
        # Where a module's own functions are in the table; the last eight slots are overwritten at random.
        self.base = 12 if self.imports_table else 0
        self.open = r.random() < 0.25
        shared = [[r.choice(TYPES) for _ in range(r.choice([0, 1, 1, 2, 3, 12]))] for _ in range(2)]
        self.sigs, self.imported = [], 0
        if other:
            self.picks = [r.randrange(len(other.sigs)) for _ in range(r.randrange(1, 4))]
            self.sigs = [other.sigs[i] for i in self.picks]
            self.imported = len(self.picks)
        for _ in range(r.randrange(3, 9)):
            params = [r.choice(TYPES) for _ in range(r.choice([0, 1, 2, 3, 6, 9, 20, 60]))]
            results = r.choice(shared) if r.random() < 0.7 else [r.choice(TYPES) for _ in range(r.choice([0, 1, 1, 1, 2, 3, 12]))]
            self.sigs.append((params, list(results)))


class Body:
    def __init__(self, r, shape, index):
        self.r, self.s, self.index = r, shape, index
        self.params, self.results = shape.sigs[index]
        extra = r.choice([4, 10, 30, 150])
        self.locals = [(f"$p{i}", t) for i, t in enumerate(self.params)]
        self.locals += [(f"$l{i}", r.choice(TYPES)) for i in range(extra)]
        self.refs = [(f"$r{i}", r.randrange(len(shape.sigs))) for i in range(r.choice([0, 2, 12]))]
        self.hidden = [("$tf32", "f32"), ("$tf64", "f64"), ("$u", "i32"), ("$any", "funcref")]
        # Without calls and builtins, save tail calls: more registers hold locals then.
        self.is_leaf = r.random() < 0.3
        self.labels, self.budget, self.counter = [], r.choice([60, 150, 400, 1500]), 0

    def local(self, t):
        c = [n for n, u in self.locals if u == t]
        return self.r.choice(c) if c else None

    def const(self, t):
        return [f"{t}.const {text(number(self.r, t), t)}"]

    def canon(self, t):
        return [f"local.tee $t{t}", f"{t}.const nan", f"local.get $t{t}", f"local.get $t{t}", f"{t}.eq", "select"] if t[0] == "f" else []

    # Addresses

    def memory(self):
        m = self.r.randrange(len(self.s.memories))
        return m, self.s.memories[m]

    def address(self, d, t):
        r, k = self.r, self.r.random()
        if k < 0.002:
            return self.expr(t, d)
        if k < 0.006:
            return [f"{t}.const {wrap(r.choice(EDGES64 if t == 'i64' else EDGES), int(t[1:]))}"]
        if k < 0.1:
            return [f"{t}.const {r.choice(SMALL) + r.randrange(65000)}"]
        return self.expr(t, d) + [f"{t}.const {r.choice([255, 4095, 65535])}", f"{t}.and"]

    def offset(self, t):
        return self.r.choice(SMALL if self.r.random() < 0.996 else EDGES64 if t == "i64" else EDGES)

    def slot(self, d):
        t = self.s.table
        if self.r.random() < 0.5:
            return [f"{t}.const {self.r.randrange(SLOTS - 3)}"]
        return self.expr(t, d) + [f"{t}.const 15", f"{t}.and"]

    # Expressions

    def leaf(self, t):
        n = self.local(t)
        if n and self.r.random() < 0.7:
            return [f"local.get {n}"]
        return [f"global.get $g{t}"] if self.r.random() < 0.15 else self.const(t)

    def expr(self, t, d=4):
        r = self.r
        self.budget -= 1
        if d <= 0 or self.budget < 0:
            return self.leaf(t)
        e = lambda u: self.expr(u, d - 1)
        k = r.randrange(20)
        if k < 6:
            return self.arith(t, d)
        if k == 6:
            return self.leaf(t)
        if k == 7:
            ts = f" (result {t})" if r.random() < 0.5 else ""
            return e(t) + e(t) + e("i32") + ["select" + ts]
        if k == 8:
            n = self.local(t)
            return e(t) + ([f"local.tee {n}"] if n else [])
        if k == 9:
            m, u = self.memory()
            op = f"{t}.load{r.choice(LOADS[t])} {m} offset={self.offset(u)}"
            return self.address(d - 1, u) + [op] + self.canon(t)
        if k == 10:
            return e("i32") + [f"if (result {t})"] + self.scoped([t], d) + ["else"] + self.scoped([t], d) + ["end"]
        if k == 11:
            ps = [r.choice(TYPES) for _ in range(r.randrange(4))]
            out = [x for p in ps for x in e(p)]
            return out + ["block" + words("param", ps) + f" (result {t})"] + ["drop"] * len(ps) + self.scoped([t], d) + ["end"]
        if k in (12, 13):
            return self.call(t, d)
        if k == 14:
            same = self.matching([t])
            if same and r.random() < 0.5:
                return e(t) + e("i32") + [f"br_if {r.choice(same)}"]
            return self.convert(t, d)
        if k == 15:
            ts = [r.choice(TYPES) for _ in range(r.randrange(1, 4))]
            at = r.randrange(len(ts))
            ts[at] = t
            return self.pick(self.multi(ts, d - 1), ts, at)
        if k == 16 and r.random() < 0.15 and t in ("i32", "i64"):
            m, u = self.memory()
            if u == t:
                return [f"memory.size {m}"] if self.is_leaf or r.random() < 0.5 else [f"{t}.const {r.choice([0, 1, 1, 70000, -1])}", f"memory.grow {m}"]
        if k == 17:
            return self.deep(t, d)
        if k == 18 and t == "i32" and r.random() < 0.5:
            return self.anyref(d) + ["ref.is_null"]
        return self.convert(t, d)

    def pick(self, code, ts, at):
        """Of the values that `code` leaves, that at `at` alone."""
        out = code + ["drop"] * (len(ts) - 1 - at)
        if at:
            out += [f"local.set $x{ts[at]}"] + ["drop"] * at + [f"local.get $x{ts[at]}"]
        return out

    def deep(self, t, d):
        """More values on the stack than the code generator keeps in sight."""
        r = self.r
        n, ops = r.choice([6, 12, 20, 45, 47, 48, 49, 70, 130]), ["add", "sub", "xor", "mul", "rotl", "shl", "shr_s"] if t[0] == "i" else ["add", "sub", "min", "max"]
        few = [[f"local.get {self.local(t)}"] if self.local(t) else self.leaf(t) for _ in range(r.choice([1, 3, 6]))]
        gets = [x for _ in range(n) for x in (r.choice(few) if r.random() < 0.85 else self.owned(t))]
        middle = self.call(t, d - 1, few=True) if r.random() < 0.8 else self.expr(t, d - 1)
        return gets + middle + [f"{t}.{r.choice(ops)}" for _ in range(n)] + self.canon(t)

    def owned(self, t):
        """A value that is in a register most likely."""
        if t[0] == "f":
            return self.leaf(t) + [f"{t}.sqrt"] + self.canon(t)
        if self.r.random() < 0.2:
            return self.leaf(t) + self.leaf(t) + [f"{t}.const 1", f"{t}.or", f"{t}.{self.r.choice(['rem_u', 'div_u', 'shl', 'rotr'])}"]
        return self.leaf(t) + [f"{t}.clz"]

    def arith(self, t, d):
        r, e = self.r, lambda u: self.expr(u, d - 1)
        if t[0] == "f":
            out = e(t) + [f"{t}.{r.choice(FUN)}"] if r.random() < 0.3 else e(t) + e(t) + [f"{t}.{r.choice(FBIN)}"]
            return out + self.canon(t)
        k = r.randrange(10)
        if k == 0:
            return e(t) + [f"{t}.{r.choice(['clz', 'ctz', 'popcnt', 'extend8_s', 'extend16_s'])}"]
        if k == 1 and t == "i32":
            u = r.choice(TYPES)
            return e(u) + e(u) + [f"{u}.{r.choice(ICMP if u[0] == 'i' else FCMP)}"]
        if k == 2 and t == "i32":
            return e("i32") + ["i32.eqz"] * r.randrange(1, 4)
        if k == 2:
            op = r.choice(["add128", "sub128", "mul_wide_s", "mul_wide_u"])
            values = e(t) + e(t) + (e(t) + e(t) if op[3:] == "128" else [])
            return self.pick(values + [f"{t}.{op}"], [t, t], r.randrange(2))
        op = r.choice(IBIN) if r.random() < 0.6 else r.choice(IBIN[:11])
        right = self.const(t) if r.random() < 0.4 else e(t)
        if op[:3] in ("div", "rem") and r.random() < 0.99 and not right[-1].startswith(t + ".const"):
            right = right + [f"{t}.const 1", f"{t}.or"]
        elif op[:3] in ("div", "rem") and right in ([f"{t}.const 0"], [f"{t}.const -1"]):
            right = [f"{t}.const 7"]
        return e(t) + right + [f"{t}.{op}"]

    def convert(self, t, d):
        r, e = self.r, lambda u: self.expr(u, d - 1)
        f, s = r.choice(["f32", "f64"]), r.choice("su")
        if t in ("i32", "i64") and r.random() < 0.5:
            # A float of the usual size converts without a trap now and then, too.
            trunc = r.random() < 0.1
            value = e(r.choice(["i32", "i64"])) if trunc and r.random() < 0.5 else None
            if value and r.random() < 0.9:
                return self.expr("i32", d - 1) + [f"{f}.convert_i32_{r.choice('su')}", f"{t}.trunc_{f}_{s}"] if s == "s" or True else value
            return e(f) + [f"{t}.trunc_{f}_{s}" if trunc and r.random() < 0.3 else f"{t}.trunc_sat_{f}_{s}"]
        if t == "i32":
            return r.choice([lambda: e("i64") + ["i32.wrap_i64"], lambda: e("f32") + ["i32.reinterpret_f32"],
                             lambda: e("i64") + ["i64.eqz"]])()
        if t == "i64":
            return r.choice([lambda: e("i32") + [f"i64.extend_i32_{s}"], lambda: e("f64") + ["i64.reinterpret_f64"],
                             lambda: e("i64") + ["i64.extend32_s"]])()
        i = r.choice(["i32", "i64"])
        if r.random() < 0.6:
            return e(i) + [f"{t}.convert_{i}_{s}"]
        if r.random() < 0.5:
            return e("i" + t[1:]) + [f"{t}.reinterpret_i{t[1:]}"] + self.canon(t)
        return (e("f64") + ["f32.demote_f64"] if t == "f32" else e("f32") + ["f64.promote_f32"]) + self.canon(t)

    # References

    def typed(self, i, d):
        """A nullable reference to a function of `$s{i}`."""
        r, same = self.r, [n for n, j in self.refs if j == i]
        k = r.randrange(12)
        if k < 4 and same:
            return [f"local.get {r.choice(same)}"]
        if k == 4 and d > 0:
            return self.typed(i, d - 1) + self.typed(i, d - 1) + self.expr("i32", d - 1) + [f"select (result (ref null $s{i}))"]
        if k == 5 and d > 0:
            # Null is replaced, in either of two ways.
            null, full = f"(ref null $s{i})", f"(ref $s{i})"
            if r.random() < 0.5:
                self.labels.append([null])
                inner = self.inside([], lambda: self.typed(i, d - 1))
                self.labels.pop()
                return [f"block (result {null})", "block"] + inner + ["br_on_null 0", "br 1", "end", f"ref.func $f{i}", "end"]
            return [f"block (result {full})"] + self.inside([full], lambda: self.typed(i, d - 1)) + ["br_on_non_null 0", f"ref.func $f{i}", "end"]
        if k == 6 and r.random() < 0.05:
            return [f"ref.null $s{i}"]
        return [f"ref.func $f{i}"]

    def anyref(self, d):
        k = self.r.randrange(5)
        if k == 0:
            return ["ref.null func"]
        if k == 1:
            return ["local.get $any"]
        if k == 2 and d > 0:
            return self.slot(d - 1) + ["table.get $t"]
        return self.typed(self.r.randrange(len(self.s.sigs)), d - 1)

    # Calls

    def callees(self):
        """Functions that may be called without recursion: imports and those behind this one."""
        return list(range(self.s.imported)) + list(range(self.index + 1, len(self.s.sigs)))

    def invoke(self, i, d, tail=""):
        """The call of a function of `$s{i}` with its arguments."""
        r, t = self.r, self.s.table
        out = [x for p in self.s.sigs[i][0] for x in self.expr(p, d - 2)]
        k = r.randrange(3)
        if k == 0:
            return out + [f"{tail}call $f{i}"]
        if k == 1:
            i0 = i + self.s.base
            slot = i0 if r.random() < 0.99 else r.choice([r.randrange(SLOTS + 4), -1, 2**31 - 1])
            index = [f"{t}.const {slot}"] if r.random() < 0.7 else self.expr(t, d - 2) + [f"{t}.const 0", f"{t}.and", f"{t}.const {i0}", f"{t}.add"]
            base = "b" if self.s.open and r.random() < 0.6 else "s"
            return out + index + [f"{tail}call_indirect $t (type ${base}{i})"]
        return out + self.typed(i, d - 2) + [f"{tail}call_ref $s{i}"]

    def call(self, t, d, few=False):
        r = self.r
        c = [i for i in self.callees() if t in self.s.sigs[i][1]]
        if few:
            # With more results than arguments the stack grows.
            c = [i for i in c if len(self.s.sigs[i][0]) < len(self.s.sigs[i][1])] or c
        if not c or self.is_leaf:
            return self.leaf(t)
        i = r.choice(c)
        rs = self.s.sigs[i][1]
        return self.pick(self.invoke(i, d), rs, max(j for j, u in enumerate(rs) if u == t))

    # Several values

    def matching(self, ts):
        return [i for i, l in enumerate(reversed(self.labels)) if l == ts]

    def inside(self, label, code):
        self.labels.append(label)
        out = code()
        self.labels.pop()
        return out

    def multi(self, ts, d):
        """Values of all of `ts`."""
        r, k = self.r, self.r.randrange(9)
        each = lambda: [x for t in ts for x in self.expr(t, d - 1)]
        if d <= 0 or self.budget < 0 or k < 2:
            return each()
        result, through = words("result", ts), words("param", ts) + words("result", ts)
        if k == 2:
            return [f"block{result}"] + self.scoped(ts, d) + ["end"]
        if k == 3:
            return each() + self.expr("i32", d - 1) + [f"if{through}"] + self.inside(list(ts), lambda: self.shuffle(ts, d)) + ["end"]
        if k == 4:
            a, b = (self.inside(list(ts), lambda: self.shuffle(ts, d)) for _ in range(2))
            return each() + self.expr("i32", d - 1) + [f"if{through}"] + a + ["else"] + b + ["end"]
        if k == 5:
            c = self.count()
            body = self.inside(["loop"], lambda: self.shuffle(ts, d))
            return [f"i32.const {r.randrange(1, 4)}", f"local.set {c}"] + each() + [f"loop{through}"] + body + self.again(c) + ["end"]
        if k == 6:
            outer = r.randrange(2, 5)
            n = r.choice([1, 2, 3, 4, 5, 40])
            out = [f"block{result}"] * outer
            self.labels += [list(ts)] * outer
            out += each() + self.expr("i32", d - 1) + [f"i32.const {n + 1}", "i32.rem_u"]
            out += ["br_table " + " ".join(str(r.choice(self.matching(list(ts)))) for _ in range(n + 1))]
            for _ in range(outer):
                self.labels.pop()
                out += ["end"] + (self.shuffle(ts, d) if r.random() < 0.5 else [])
            return out
        if k == 7:
            same = self.matching(list(ts))
            return each() + (self.expr("i32", d - 1) + [f"br_if {r.choice(same)}"] if same else [])
        c = [i for i in self.callees() if self.s.sigs[i][1] == list(ts)]
        return self.invoke(r.choice(c), d) if c and not self.is_leaf else each()

    def shuffle(self, ts, d):
        """Takes values of `ts` and leaves such."""
        r = self.r
        if not ts:
            return self.statement(d - 1)
        out = self.statement(d - 1) if r.random() < 0.5 else []
        t = ts[-1]
        if r.random() < 0.6:
            op = r.choice(IBIN[:11]) if t[0] == "i" else r.choice(FBIN)
            out += self.expr(t, d - 2) + [f"{t}.{op}"] + self.canon(t)
        if r.random() < 0.3:
            out += ["drop"] + self.expr(t, d - 1)
        return out

    def count(self):
        c = f"$c{self.counter}"
        self.counter += 1
        self.hidden.append((c, "i32"))
        return c

    def again(self, c):
        return [f"local.get {c}", "i32.const 1", "i32.sub", f"local.tee {c}", "br_if 0"]

    # Statements

    def scoped(self, results, d):
        def code():
            out = [x for _ in range(self.r.randrange(3)) for x in self.statement(d - 1)]
            return out + [x for t in results for x in self.expr(t, d - 1)]
        return self.inside(list(results), code)

    def store(self, ts):
        """Takes values of `ts` away."""
        out = []
        for u in reversed(ts):
            m = self.local(u)
            out += [f"local.set {m}" if m else "drop"]
        return out

    def statement(self, d):
        r, t = self.r, self.r.choice(TYPES)
        if d <= 0 or self.budget < 0:
            return []
        k, n = r.randrange(15), self.local(t)
        if k < 3 and n:
            return self.expr(t, d) + [f"local.set {n}"]
        if k == 3:
            m, u = self.memory()
            return self.address(d, u) + self.expr(t, d) + [f"{t}.store{r.choice(STORES[t])} {m} offset={self.offset(u)}"]
        if k == 4:
            return self.expr(t, d) + [f"global.set $g{t}"]
        if k == 5:
            rs = [r.choice(TYPES) for _ in range(r.randrange(4))]
            return ["block" + words("result", rs)] + self.scoped(rs, d) + ["end"] + self.store(rs)
        if k == 6:
            c = self.count()
            body = self.inside(["loop"], lambda: [x for _ in range(r.randrange(1, 4)) for x in self.statement(d - 1)])
            return [f"i32.const {r.randrange(1, 6)}", f"local.set {c}", "loop"] + body + self.again(c) + ["end"]
        if k == 7:
            return self.bulk(d)
        if k in (8, 9):
            ts = [r.choice(TYPES) for _ in range(r.choice([0, 1, 2, 3, 5, 10]))]
            return self.multi(ts, d) + self.store(ts)
        if k == 10 and self.refs:
            n, i = r.choice(self.refs)
            return self.typed(i, d) + (["ref.as_non_null"] if r.random() < 0.1 else []) + [f"local.set {n}"]
        if k == 11:
            return self.anyref(d) + ["local.set $any"] if r.random() < 0.4 else self.tables(d)
        if k == 12:
            return self.expr("i32", d) + ["if"] + self.inside([], lambda: self.leave(d)) + ["end"]
        if k == 13 and r.random() < 0.5 and not self.is_leaf:
            return self.expr(t, d - 1) + [f"call $print_{t}"]
        return self.expr("i32", d) + ["if"] + self.scoped([], d) + ["end"]

    def bulk(self, d):
        r = self.r
        if self.is_leaf:
            return []
        m, u = self.memory()
        k, n = r.randrange(4), r.choice([0, 1, 7, 33, 300])
        if k == 0:
            return self.address(d - 1, u) + self.expr("i32", d - 1) + [f"{u}.const {n}", f"memory.fill {m}"]
        if k == 1:
            s, v = self.memory()
            count = "i64" if (u, v) == ("i64", "i64") else "i32"
            return self.address(d - 1, u) + self.address(d - 1, v) + [f"{count}.const {n}", f"memory.copy {m} {s}"]
        if k == 2:
            source = self.expr("i32", d - 1) + ["i32.const 63", "i32.and"]
            return self.address(d - 1, u) + source + [f"i32.const {min(n, 33)}", f"memory.init {m} $d"]
        return ["data.drop $d"] if r.random() < 0.02 else []

    def tables(self, d):
        """Changes the table's end."""
        r, t, k = self.r, self.s.table, self.r.randrange(5)
        upper = [f"{t}.const {SLOTS - 8 + r.randrange(4)}"]
        if k == 0 or self.is_leaf:
            return upper + self.anyref(d - 1) + ["table.set $t"]
        if k == 1:
            return upper + self.anyref(d - 1) + [f"{t}.const {r.randrange(5)}", "table.fill $t"]
        if k == 2:
            return upper + self.slot(d - 1) + [f"{t}.const {r.randrange(3)}", "table.copy $t $t"]
        if k == 3:
            return upper + ["i32.const 0", f"i32.const {r.randrange(3)}", "table.init $t $e"]
        return self.anyref(d - 1) + [f"{t}.const {r.choice([0, 1])}", "table.grow $t", "drop"]

    def leave(self, d):
        """Ends in a jump, with dead code behind it."""
        r, k = self.r, self.r.randrange(4)
        out = self.statement(d - 1)
        tails = [i for i in self.callees() if self.s.sigs[i][1] == self.results]
        if k == 0 and tails:
            out += self.invoke(r.choice(tails), d, "return_")
        elif k == 1:
            out += self.multi(list(self.results), d - 1) + ["return"]
        else:
            depth = r.choice([i for i, l in enumerate(reversed(self.labels)) if not l or l[0] in TYPES])
            out += self.multi(list(self.labels[-1 - depth]), d - 1) + [f"br {depth}"]
        return out + self.dead()

    def dead(self):
        return self.r.choice([[], ["i32.add", "drop"], ["drop", "br 0"], ["block", "end"], ["i32.eqz", "if", "else", "end"],
                              ["loop", "br 0", "end"], ["i64.load 0", "drop"], ["select", "drop"], ["unreachable"],
                              ["br_table 0 0"], ["f64.const 1", "global.set $gf64"], ["block (result i64)", "unreachable", "i32.clz", "br_if 1", "f32.abs", "drop", "i64.const 1", "end", "drop"]])

    def code(self):
        def body():
            out = [x for _ in range(self.r.randrange(1, 8)) for x in self.statement(5)]
            self.budget = max(self.budget, 25 * (1 + len(self.results)))
            tails = [i for i in self.callees() if self.s.sigs[i][1] == self.results]
            if tails and self.r.random() < 0.15:
                return out + self.invoke(self.r.choice(tails), 4, "return_")
            return out + [x for t in self.results for x in self.expr(t, 5)]
        return self.inside(list(self.results), body)

    def function(self):
        code = self.code()
        named = "".join(f" (param $p{j} {t})" for j, t in enumerate(self.params))
        kind = "c" if self.s.open and self.index % 2 == 0 else "s"
        out = [f'(func $f{self.index} (export "f{self.index}") (type ${kind}{self.index}){named}{words("result", self.results)}']
        ls = self.locals[len(self.params):] + self.hidden + [(f"$x{t}", t) for t in TYPES]
        ls += [(n, f"(ref null $s{i})") for n, i in self.refs]
        out += [" ".join(f"(local {n} {t})" for n, t in ls)]
        out += ["global.get $fuel i32.eqz if unreachable end global.get $fuel i32.const 1 i32.sub global.set $fuel"]
        for n, i in self.refs:
            if self.r.random() < 0.95:
                out += [f"ref.func $f{i}", f"local.set {n}"]
        return out + code + [")"]


def deep_functions(r):
    """Functions that never return: frames and arguments of several sizes."""
    n = r.choice([0, 1, 30, 700, 6000])
    ts = [r.choice(TYPES) for _ in range(r.choice([0, 2, 20]))]
    uses = "".join(f"(drop (local.get {len(ts) + i}))" for i in range(n))
    again = "".join(f"(local.get {i})" for i in range(len(ts)))
    zeroes = "".join(f"({t}.const 0)" for t in ts)
    return [f"(func $deep{words('param', ts)} (result i64){words('local', ['i64'] * n)} {uses} {again} (call $deep) (i64.const 1) (i64.add))",
            f'(func (export "deep") (result i64) {zeroes} (call $deep))']


def hash_function(m, t):
    return f"""(func (export "hash{m}") (result i64) (local $i {t}) (local $h i64)
i64.const -3750763034362895579 local.set $h
loop local.get $h local.get $i i64.load {m} i64.xor i64.const 1099511628211 i64.mul local.tee $h i64.const 29 i64.rotl local.set $h
local.get $i {t}.const 8 {t}.add local.tee $i {t}.const 131072 {t}.lt_u br_if 0 end local.get $h)"""


def module(r, other=None):
    """The text of a module, and its shape. `other` is what it may import from "a"."""
    s = Shape(r, other)
    count = len(s.sigs)
    index = lambda t: "i64 " if t == "i64" else ""
    # Final types first: what is imported and exported has them, also where others are open.
    out = ["(module", "(type $unit (func))"] + [f"(type $print_{t} (func (param {t})))" for t in TYPES]
    out += [f"(type $x{i} (func{words('param', p)}{words('result', q)}))" for i, (p, q) in enumerate(s.sigs)]
    for i, (p, q) in enumerate(s.sigs):
        func = f"(func{words('param', p)}{words('result', q)})"
        if s.open and i >= s.imported:
            # Calls name $b or $s; the functions are of $s or of $c below it.
            out += [f"(type $b{i} (sub {func}))", f"(type $s{i} (sub $b{i} {func}))", f"(type $c{i} (sub $s{i} {func}))"]
        elif s.open:
            out += [f"(type $s{i} {func})", f"(type $b{i} {func})"]
        else:
            out += [f"(type $s{i} {func})"]
    out += [f'(import "spectest" "print_{t}" (func $print_{t} (type $print_{t})))' for t in TYPES]
    if other:
        out += [f'(import "a" "x{p}" (func $f{i} (type $s{i})))' for i, p in enumerate(s.picks)]
        out += ['(import "a" "reset" (func $areset (type $unit)))']
    if s.imports_memory:
        out += [f'(import "a" "m0" (memory {index(s.memories[0])}2 3))']
    if s.imports_table:
        out += [f'(import "a" "t" (table $t {index(s.table)}{SLOTS} funcref))']
    out += [f"(memory {index(t)}2 3)" for t in s.memories[1 if s.imports_memory else 0:]] + ['(export "m0" (memory 0))']
    if not s.imports_table:
        out += [f"(table $t {index(s.table)}{SLOTS} funcref)"]
    out += ['(export "t" (table $t))', "(global $fuel (mut i32) (i32.const 300))"]
    for t in TYPES:
        if other and r.random() < 0.4:
            out += [f'(import "a" "g{t}" (global $g{t} (mut {t})))']
        else:
            out += [f"(global $g{t} (mut {t}) ({t}.const 1))"]
        out += [f'(export "g{t}" (global $g{t}))']
    # Imports come before everything else.
    out = [out[0]] + [x for x in out[1:] if x.startswith("(type")] + [x for x in out if x.startswith("(import")] + \
        [x for x in out[1:] if not x.startswith(("(type", "(import"))]
    out += [f"(elem (table $t) ({s.table}.const {s.base}) func " + " ".join(f"$f{i}" for i in range(count)) + ")"]
    out += ["(elem $e func $f0 $f0)", '(data $d "' + "".join(f"\\{r.randrange(256):02x}" for _ in range(96)) + '")']
    out += ['(func (export "reset") (type $unit) i32.const 300 global.set $fuel' + (" call $areset" if other else "") + ")"]
    out += [hash_function(m, t) for m, t in enumerate(s.memories)] + deep_functions(r)
    for i in range(s.imported, count):
        out += Body(r, s, i).function()
    if other is None:
        # For importers, whose types are final.
        for i, (p, q) in enumerate(s.sigs):
            out += [f'(func (export "x{i}") (type $x{i}) ' + " ".join(f"local.get {j}" for j in range(len(p))) + f" {r.choice(['', 'return_'])}call $f{i})"]
    return "\n".join(out + [")"]), s
