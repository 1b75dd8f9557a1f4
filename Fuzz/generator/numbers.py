"""Scalar arithmetic and conversions."""

BINARY = "add sub mul and or xor shl shr_s shr_u rotl rotr div_s div_u rem_s rem_u".split()
COMPARISONS = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u".split()
FLOATS = "add sub mul div min max copysign".split()
UNARY_FLOATS = "abs neg sqrt ceil floor trunc nearest".split()
FLOAT_COMPARISONS = "eq ne lt gt le ge".split()


class Numbers:
    def canon(self, t, made=False):
        """Makes a NaN canonical; `made` says that it is an arithmetic operator's."""
        if t[0] != "f" or t == "funcref" or made and self.s.deterministic:
            return []
        x = self.temporary(f"$t{t}", t)
        return [f"local.tee {x}", f"{t}.const nan", f"local.get {x}", f"local.get {x}", f"{t}.eq", "select"]

    def scalar(self, t, d, raw=False):
        r, e = self.r, lambda u: self.expr(u, d - 1)
        # The operand of an operator to which all NaNs are one.
        any_nan = lambda u: self.expr(u, d - 1, raw=r.random() < 0.6)
        if self.vectors and r.random() < 0.15:
            return self.from_vector(t, d)
        if t[0] == "i" and self.s.has("atomics") and r.random() < 0.12:
            return self.load(t, d, atomic=True)
        if t[0] == "f":
            if r.random() < 0.3:
                out = any_nan(t) + [f"{t}.{r.choice(UNARY_FLOATS)}"]
            else:
                op = r.choice(FLOATS)
                out = any_nan(t) + (e(t) if op == "copysign" else any_nan(t)) + [f"{t}.{op}"]
            return out if raw else out + self.canon(t, made=True)
        k = r.randrange(10)
        if k == 0:
            return e(t) + [f"{t}.{r.choice(['clz', 'ctz', 'popcnt', 'extend8_s', 'extend16_s'])}"]
        if k == 1 and t == "i32":
            u = r.choice(["i32", "i64", "f32", "f64"])
            return any_nan(u) + any_nan(u) + [f"{u}.{r.choice(COMPARISONS if u[0] == 'i' else FLOAT_COMPARISONS)}"]
        if k == 2 and t == "i32":
            return e("i32") + ["i32.eqz"] * r.randrange(1, 4)
        if k == 2:
            op = r.choice(["add128", "sub128", "mul_wide_s", "mul_wide_u"])
            values = e(t) + e(t) + (e(t) + e(t) if op[3:] == "128" else [])
            return self.pick(values + [f"{t}.{op}"], [t, t], r.randrange(2))
        op = r.choice(BINARY) if r.random() < 0.6 else r.choice(BINARY[:11])
        return e(t) + self.divisor(t, d, op) + [f"{t}.{op}"]

    def divisor(self, t, d, op):
        """The right operand, which is seldom one that makes a division trap."""
        if self.r.random() < 0.4:
            right = self.const(t)
            return [f"{t}.const 7"] if op[:3] in ("div", "rem") and right in ([f"{t}.const 0"], [f"{t}.const -1"]) else right
        right = self.expr(t, d - 1)
        return right + [f"{t}.const 1", f"{t}.or"] if op[:3] in ("div", "rem") and self.r.random() < 0.99 else right

    def convert(self, t, d):
        if t == "v128" or t[-3:] == "ref":
            return self.arith(t, d)
        r, e = self.r, lambda u: self.expr(u, d - 1)
        f, s = r.choice(["f32", "f64"]), r.choice("su")
        if t in ("i32", "i64") and r.random() < 0.5:
            if r.random() < 0.3:
                # A float of the usual size, which converts without a trap mostly.
                source = r.choice(["i32", "i32", "i64"])
                out = e(source) + ([f"{source}.const 1", f"{source}.shr_u"] if r.random() < 0.9 else [])
                out += [f"{f}.convert_{source}_{'u' if s == 'u' else 's'}"]
                if source == "i64" and t == "i32" and r.random() < 0.9:
                    out += [f"{f}.const 0x1p-34", f"{f}.mul"]
                return out + [f"{t}.trunc_{f}_{s}"]
            trap = r.random() < 0.02
            return self.expr(f, d - 1, raw=True) + [f"{t}.trunc_{f}_{s}" if trap else f"{t}.trunc_sat_{f}_{s}"]
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
        return (e("f64") + ["f32.demote_f64"] if t == "f32" else e("f32") + ["f64.promote_f32"]) + self.canon(t, made=True)
