"""Loads and stores of all kinds, atomics, sizes, and whole ranges."""
from . import vectors
from .operators import of
from .values import wrap

LOADS = {t: [o for o in of("mvp", immediates=("memarg",), results=(t,))] for t in ("i32", "i64", "f32", "f64")}
STORES = {t: [o for o in of("mvp", immediates=("memarg",), operands=("p", t))] for t in ("i32", "i64", "f32", "f64")}
ATOMIC = {t: of("threads", immediates=("memarg",), results=(t,)) for t in ("i32", "i64")}
ATOMIC_STORES = of("threads", immediates=("memarg",), results=())
SMALL = [0, 0, 1, 7, 64, 1000]
EDGES = [65528, 65536, 131064, 131065, 131072, 2**29, 2**31 - 8, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1]
EDGES64 = EDGES + [2**32, 2**33, 2**62, 2**63 - 1, 2**63, 2**64 - 131072, 2**64 - 8, 2**64 - 1]


class Memories:
    def memory(self):
        m = self.r.randrange(len(self.s.memories))
        return m, self.s.memories[m].index

    def address(self, d, t, width=1):
        """An address in bounds mostly; a multiple of `width`."""
        r, k = self.r, self.r.random()
        if k < 0.002:
            return self.expr(t, d) + ([f"{t}.const {-width}", f"{t}.and"] if width > 1 else [])
        if k < 0.006:
            return [f"{t}.const {wrap(r.choice(EDGES64 if t == 'i64' else EDGES) // width * width, int(t[1:]))}"]
        if k < 0.1:
            return [f"{t}.const {(r.choice(SMALL) + r.randrange(65000)) // width * width}"]
        return self.expr(t, d) + self.within(t, width)

    def within(self, t, width):
        return [f"{t}.const {self.r.choice([255, 4095, 65535]) // width * width}", f"{t}.and"]

    def offset(self, t, width=1):
        if self.r.random() >= 0.996:
            return self.r.choice(EDGES64 if t == "i64" else EDGES) // width * width
        return self.r.choice(SMALL if width == 1 else [0, 0, 8, 64, 1000])

    def access(self, o, m, t, offset=None):
        r, align = self.r, ""
        if offset is None and r.random() < 0.2:
            align = f" align={r.choice([w for w in (1, 2, 4, 8, 16) if w <= o.width])}"
        lane = f" {r.randrange(16 // o.width)}" if o.immediates == "memarg_lane" else ""
        return f"{o.name} {m} offset={self.offset(t) if offset is None else offset}{align}{lane}"

    def load(self, t, d, atomic=False):
        r, (m, u) = self.r, self.memory()
        if t[-3:] == "ref":
            return self.reference(t, d)
        if t == "v128":
            o = r.choice(vectors.LOADS)
            return self.address(d - 1, u) + [x for v in o.operands[1:] for x in self.expr(v, d - 1)] + [self.access(o, m, u)]
        if t in ATOMIC and self.s.has("atomics") and (atomic or r.random() < 0.6):
            return self.atomic(r.choice(ATOMIC[t]), m, u, d)
        return self.address(d - 1, u) + [self.access(r.choice(LOADS[t]), m, u)] + self.canon(t)

    def atomic(self, o, m, u, d):
        waits = "wait" in o.name
        shared = [i for i, memory in enumerate(self.s.memories) if memory.shared]
        if waits and self.r.random() < 0.97:
            # A wait traps in any other memory.
            if not shared:
                return self.expr(o.results[0], d - 1) if o.results else []
            m = self.r.choice(shared)
            u = self.s.memories[m].index
        if o.width > 1 and self.r.random() < 0.01:
            # Not aligned, and in bounds, since either trap may come first.
            out, offset = self.expr(u, d - 1) + self.within(u, o.width), self.r.choice([1, 2, 4, 7])
        else:
            out, offset = self.address(d - 1, u, o.width), self.offset(u, o.width)
        for i, v in enumerate(o.operands[1:]):
            out += [f"i64.const {self.r.choice([0, 0, 1000])}"] if waits and i == 1 else self.expr(v, d - 1)
        return out + [self.access(o, m, u, offset)]

    def store_statement(self, t, d):
        r, (m, u) = self.r, self.memory()
        if t[-3:] == "ref":
            return self.tables(d)
        if t[0] == "i" and self.s.has("atomics") and r.random() < 0.6:
            return ["atomic.fence"] if r.random() < 0.1 else self.atomic(r.choice(ATOMIC_STORES), m, u, d)
        o = r.choice(vectors.STORES if t == "v128" else STORES[t])
        return self.address(d, u) + self.expr(t, d) + [self.access(o, m, u)]

    def sizes(self, t, d):
        """What depends on how large memories and tables are."""
        r, (m, u) = self.r, self.memory()
        if r.random() < 0.3 and self.s.table == t:
            return ["table.size $t"]
        if u != t:
            return self.convert(t, d)
        if self.is_leaf or r.random() < 0.5:
            return [f"memory.size {m}"]
        return [f"{t}.const {r.choice([0, 1, 1, 70000, -1])}", f"memory.grow {m}"]

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
