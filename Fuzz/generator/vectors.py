"""Vector operators, all that the table has, by their signatures."""
from .operators import of
from .pieces import Piece
from .values import SHAPES, integer, literal, vector

V = ("v128",)
# Those of one vector as the result; lanes' replacements, shuffles and relaxed ones have rules of their own.
PURE = [o for o in of("simd", immediates=("none", "lane", "shuffle"), results=V)]
RELAXED = of("relaxedSIMD")
TO_SCALAR = {t: of("simd", immediates=("none", "lane"), results=(t,)) for t in ("i32", "i64", "f32", "f64")}
LOADS = of("simd", immediates=("memarg", "memarg_lane"), results=V)
STORES = of("simd", immediates=("memarg", "memarg_lane"), results=())
# Floating-point operators that pass the bits of NaNs on.
BITWISE = {"abs", "neg", "pmin", "pmax", "splat", "replace_lane", "convert_i32x4_s", "convert_i32x4_u",
           "convert_low_i32x4_s", "convert_low_i32x4_u"}
COMPARISONS = {"eq", "ne", "lt", "gt", "le", "ge"}


def float_shape(name):
    """The shape of the floats that the operator reads, if it reads such."""
    lanes, op = name.split(".")
    for shape in ("f32x4", "f64x2"):
        if shape in op:
            return shape
    return lanes if lanes[0] == "f" and "i32x4" not in op and op not in ("splat", "replace_lane") else None


def makes_nans(name):
    lanes, op = name.split(".")
    return lanes if lanes[0] == "f" and op not in BITWISE and op not in COMPARISONS else None


FLOATING = {shape: [o for o in PURE if makes_nans(o.name) == shape] for shape in ("f32x4", "f64x2")}


class Vectors:
    def vector_constant(self):
        value, r = vector(self.r), self.r
        return ["v128.const " + literal(value, r.choice(list(SHAPES)), signed=r.random() < 0.7)]

    def canon_lanes(self, shape):
        if self.s.deterministic:
            return []
        x = self.temporary("$tv", "v128")
        return [f"local.tee {x}", f"v128.const {shape}" + " nan" * (128 // SHAPES[shape]), f"local.get {x}", f"local.get {x}",
                f"{shape}.eq", "v128.bitselect"]

    def vector(self, d, raw=False):
        """A vector from any operator, each as likely as all others."""
        r = self.r
        if self.s.has("relaxed") and r.random() < 0.12:
            return self.relaxed(r.choice(RELAXED), d)
        out, noisy = self.applied(r.choice(PURE), d)
        return out + (self.canon_lanes(noisy) if noisy else [])

    def floats(self, shape, d):
        """A vector of floats whose NaNs may be any, and the shape then."""
        r, own = self.r, FLOATING[shape]
        if d <= 0 or self.budget < 0 or r.random() < 0.4:
            return self.expr("v128", d - 1), None
        self.budget -= 1
        out, noisy = self.applied(r.choice(own), d - 1)
        # Cutting it off is allowed: zeroes are as good.
        return [Piece(["v128"], out)], noisy

    def applied(self, o, d):
        """The operator with its operands, and the shape in which its NaNs are to be made canonical."""
        r, e = self.r, lambda u: self.expr(u, d - 1)
        reads, noisy, out = float_shape(o.name), makes_nans(o.name), []
        lanes, op = o.name.split(".")
        if o.immediates == "shuffle":
            return self.shuffled(d), None
        if op == "swizzle" and r.random() < 0.4:
            return e("v128") + self.lane_numbers(d) + [o.name], None
        for i, t in enumerate(o.operands):
            if t == "v128" and i == len(o.operands) - 1 and r.random() < 0.12:
                # An instruction may read memory itself.
                m, u = self.memory()
                out += self.address(d - 1, u) + [self.access(LOADS[0], m, u)]
            elif t == "v128" and reads:
                code, raw = self.floats(reads, d)
                if raw and not noisy and lanes[0] == "f" and op not in COMPARISONS:
                    # What passes bits on makes of any NaN any NaN.
                    noisy = reads
                out += code
            elif t == "v128" and i == 1 and op == "swizzle" and r.random() < 0.5:
                out += ["v128.const " + literal(bytes(r.choice([r.randrange(16), r.randrange(256)]) for _ in range(16)), "i8x16", False)]
            elif t == "i32" and op in ("shl", "shr_s", "shr_u") and r.random() < 0.6:
                out += [f"i32.const {r.choice([0, 1, 3, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, -1, integer(r, 32)])}"]
            else:
                out += e(t)
        lane = f" {r.randrange(o.width)}" if o.immediates == "lane" else ""
        return out + [o.name + lane], noisy

    def lane_numbers(self, d):
        """Bytes that are less than 16 or at least 128, or nearly; in such ways as a compiler may see."""
        r, e = self.r, lambda: self.expr("v128", d - 1)
        if r.random() < 0.3:
            out = e() + [f"i32.const {r.choice([3, 4, 5, 7, 12, 20])}", f"{r.choice(['i8x16', 'i8x16', 'i16x8'])}.shr_u"]
        else:
            mask = [r.choice([15, 15, 7, 128, 0x8F, 31, 0x4F])] * 16 if r.random() < 0.5 else [r.choice([15, 3, 0x81]) for _ in range(15)] + [r.choice([15, 64])]
            mask = ["v128.const " + literal(bytes(mask), "i8x16", False)]
            out = (e() + mask if r.random() < 0.7 else mask + e()) + ["v128.and"]
        if r.random() < 0.4:
            more = r.choice([["v128.not"], ["i8x16.neg"], ["i32.const 77", "i8x16.replace_lane 3"], ["v128.and"], ["i8x16.add"], ["v128.or"]])
            out += (e() if more[0] in ("v128.and", "i8x16.add", "v128.or") else []) + more
        if r.random() < 0.3 and (x := self.local("v128")):
            out += [f"local.tee {x}"]
        return out

    def shuffled(self, d):
        r, e = self.r, lambda: self.expr("v128", d - 1)
        lanes = self.pattern()
        if r.random() < 0.6:
            operands = e() + e()
        elif r.random() < 0.3 and self.local("v128"):
            operands = [f"local.get {self.local('v128')}"] * 2
        elif r.random() < 0.5:
            x = self.temporary("$tv", "v128")
            operands = e() + [f"local.tee {x}", f"local.get {x}"]
        else:
            zero = ["v128.const i64x2 0 0"]
            operands = e() + zero if r.random() < 0.5 else zero + e()
        return operands + ["i8x16.shuffle" + "".join(f" {x}" for x in lanes)]

    def pattern(self):
        """16 lanes of 32, mostly such as CPUs have an instruction for."""
        r, k = self.r, self.r.randrange(10)
        size = r.choice([1, 2, 4, 8])
        n = 16 // size
        wide = lambda lanes: [lane * size + i for lane in lanes for i in range(size)]
        if k == 0:
            return [r.randrange(32) for _ in range(16)]
        if k == 1:
            return wide([r.randrange(2 * n) for _ in range(n)])
        if k == 2:
            # Unpacking, low and high.
            start = r.choice([0, n // 2])
            return wide([x for i in range(start, start + max(n // 2, 1)) for x in (i, i + n)][:n])
        if k == 3:
            start = r.randrange(17)
            return [start + i for i in range(16)]
        if k == 4:
            return wide([r.randrange(2 * n)] * n)
        if k == 5:
            return wide(list(range(n))[::-1])
        if k == 6:
            # A blend.
            return wide([i + r.choice([0, n]) for i in range(n)])
        if k == 7:
            # Even or odd ones.
            return wide([2 * i + r.randrange(1) for i in range(n)]) if r.random() < 0.5 else wide([2 * i + 1 for i in range(n)])
        if k == 8:
            # One half of 16-bit lanes moves.
            half = [r.randrange(4) for _ in range(4)]
            size = 2
            return wide(half + [4, 5, 6, 7] if r.random() < 0.5 else [0, 1, 2, 3] + [4 + x for x in half])
        base = r.choice([0, 16])
        turn = r.randrange(16)
        return [base + (i + turn) % 16 for i in range(16)]

    # Relaxed ones, with operands for which only one result is allowed

    def relaxed(self, o, d):
        lanes, op = o.name.split(".")
        e = lambda: self.expr("v128", d - 1)
        if self.s.deterministic and not op.endswith("madd"):
            # Wasmtime's deterministic mode rounds products and sums once, the specification's profile twice.
            return [x for _ in o.operands for x in e()] + [o.name]
        constant = lambda byte: "v128.const i8x16" + f" {byte}" * 16
        if op == "relaxed_swizzle":
            return e() + e() + [constant(0x8F), "v128.and", o.name]
        if op.startswith("relaxed_trunc"):
            return self.small(op.split("_")[2], op, e) + [o.name]
        if op.endswith("madd"):
            # Small integers, of which products and sums are exact: fused or not is the same.
            exact = lambda: e() + ["i16x8.extend_low_i8x16_s", "i32x4.extend_low_i16x8_s",
                                   "f32x4.convert_i32x4_s" if lanes == "f32x4" else "f64x2.convert_low_i32x4_s"]
            return exact() + exact() + exact() + [o.name]
        if op == "relaxed_laneselect":
            return e() + e() + e() + e() + [f"{lanes}.gt_s", o.name]
        if op in ("relaxed_min", "relaxed_max"):
            some = lambda: e() + ["f32x4.convert_i32x4_s" if lanes == "f32x4" else "f64x2.convert_low_i32x4_s"]
            return some() + some() + [o.name]
        if op == "relaxed_q15mulr_s":
            return e() + e() + [f"i32.const {self.r.randrange(1, 4)}", "i16x8.shr_s", o.name]
        assert "i7x16" in op
        return e() + e() + [constant(0x7F), "v128.and"] + (e() if op.endswith("add_s") else []) + [o.name]

    def small(self, shape, op, e):
        """Floats that fit in the integers to which `op` truncates them."""
        sign = op.split("_")[3]
        low = "" if shape == "f32x4" else "low_"
        return e() + [f"i32.const {self.r.randrange(8, 30)}", f"i32x4.shr_{sign}", f"{shape}.convert_{low}i32x4_{sign}",
                      f"v128.const {shape}" + f" {self.r.choice([1.0, 0.75, 0.3])}" * (128 // SHAPES[shape]), f"{shape}.mul"]

    # Between vectors and scalars

    def from_vector(self, t, d):
        r = self.r
        if t == "i32" and r.random() < 0.3:
            # Tests of a pair, some of which a compiler makes one.
            pair = r.choice(["v128.and", "v128.and", "v128.xor", "v128.or"] + [f"{shape}.{op}" for shape in list(SHAPES)[:4] for op in ("eq", "ne")])
            same = self.local("v128")
            right = [f"local.get {same}"] if same and r.random() < 0.3 else self.expr("v128", d - 1)
            return self.expr("v128", d - 1) + right + [pair, r.choice(["v128.any_true", "v128.any_true"] + [f"{shape}.all_true" for shape in list(SHAPES)[:4]])]
        o = r.choice(TO_SCALAR[t])
        lane = f" {r.randrange(o.width)}" if o.immediates == "lane" else ""
        return self.expr("v128", d - 1) + [o.name + lane] + self.canon(t)
