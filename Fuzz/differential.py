#!/usr/bin/env python3
"""Compares Aviary with PyPI's `wasmtime` on random modules.

Each module is valid and total by construction (fuel, counted loops). Wasmtime runs it and its
answers become the assertions of a script, which `aviary wast` runs. A module whose script fails is kept.
NaNs are made canonical where they arise, so that their bits cannot be observed.

    python differential.py --aviary PATH [--seed N] [--count N] [--out DIR]
"""
import argparse
import math
import os
import random
import subprocess
import sys

import wasmtime

TYPES = ["i32", "i64", "f32", "f64"]
TRAPS = {
    "STACK_OVERFLOW": "call stack exhausted", "MEMORY_OUT_OF_BOUNDS": "out of bounds memory access",
    "TABLE_OUT_OF_BOUNDS": "undefined element", "INDIRECT_CALL_TO_NULL": "uninitialized element",
    "BAD_SIGNATURE": "indirect call type mismatch", "INTEGER_OVERFLOW": "integer overflow",
    "INTEGER_DIVISION_BY_ZERO": "integer divide by zero",
    "BAD_CONVERSION_TO_INTEGER": "invalid conversion to integer", "UNREACHABLE": "unreachable",
}
IBIN = "add sub mul and or xor shl shr_s shr_u rotl rotr div_s div_u rem_s rem_u".split()
ICMP = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u".split()
FBIN = "add sub mul div min max copysign".split()
FUN = "abs neg sqrt ceil floor trunc nearest".split()
FCMP = "eq ne lt gt le ge".split()
LOADS = {"i32": ["", "8_s", "8_u", "16_s", "16_u"], "i64": ["", "8_s", "8_u", "16_s", "16_u", "32_s", "32_u"],
         "f32": [""], "f64": [""]}
STORES = {"i32": ["", "8", "16"], "i64": ["", "8", "16", "32"], "f32": [""], "f64": [""]}
OFFSETS = [0, 0, 1, 7, 64, 1000, 65528, 65536, 2**29, 2**31 - 1, 2**31, 2**32 - 1]


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
    v &= (1 << bits) - 1
    return v - (1 << bits) if v >> (bits - 1) else v


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


class Body:
    def __init__(self, r, module, index, params, results):
        self.r, self.m, self.index, self.params, self.results = r, module, index, params, results
        extra = r.choice([4, 10, 30, 150])
        self.locals = [(f"$p{i}", t) for i, t in enumerate(params)]
        self.locals += [(f"$l{i}", r.choice(TYPES)) for i in range(extra)]
        self.hidden = [("$tf32", "f32"), ("$tf64", "f64")]
        self.labels, self.budget, self.counter = [], r.choice([60, 150, 400]), 0

    def local(self, t):
        c = [n for n, u in self.locals if u == t]
        return self.r.choice(c) if c else None

    def const(self, t):
        return [f"{t}.const {text(number(self.r, t), t)}"]

    def canon(self, t):
        return [f"local.tee $t{t}", f"{t}.const nan", f"local.get $t{t}", f"local.get $t{t}", f"{t}.eq", "select"]

    def address(self, d):
        r = self.r
        if r.random() < 0.995:
            return self.expr("i32", d) + [f"i32.const {r.choice([255, 4095, 65535])}", "i32.and"]
        return self.expr("i32", d)

    def offset(self):
        return self.r.choice(OFFSETS[:6]) if self.r.random() < 0.995 else self.r.choice(OFFSETS)

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
        e, other = lambda u: self.expr(u, d - 1), r.choice(TYPES)
        k = r.randrange(16)
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
            op = f"{t}.load{r.choice(LOADS[t])} offset={self.offset()}"
            return self.address(d - 1) + [op] + (self.canon(t) if t[0] == "f" else [])
        if k == 10:
            return e("i32") + [f"if (result {t})"] + self.scoped([t], d) + ["else"] + self.scoped([t], d) + ["end"]
        if k == 11:
            ps = [r.choice(TYPES) for _ in range(r.randrange(4))]
            out = [x for p in ps for x in e(p)]
            sig = "".join(f" (param {p})" for p in ps) + f" (result {t})"
            return out + ["block" + sig] + ["drop"] * len(ps) + self.scoped([t], d) + ["end"]
        if k == 12:
            return self.call(t, d)
        if k == 13 and self.labels:
            same = [i for i, l in enumerate(reversed(self.labels)) if l == [t]]
            if same and r.random() < 0.5:
                return e(t) + e("i32") + [f"br_if {r.choice(same)}"]
            return self.convert(t, d)
        if k == 14:
            n = r.randrange(2, 5)
            out = [f"block (result {t})"]
            self.labels.append([t])
            out += [f"block (result {t})"]
            self.labels.append([t])
            out += e(t) + e("i32") + [f"i32.const {n}", "i32.rem_u"]
            out += ["br_table " + " ".join(str(r.randrange(2)) for _ in range(n))]
            self.labels.pop()
            out += ["end"] + (self.arith_on(t, d) if r.random() < 0.7 else [])
            self.labels.pop()
            return out + ["end"]
        return self.convert(t, d)

    def arith_on(self, t, d):
        op = self.r.choice(IBIN[:11]) if t[0] == "i" else self.r.choice(FBIN)
        return self.expr(t, d - 2) + [f"{t}.{op}"] + (self.canon(t) if t[0] == "f" else [])

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
            return e(r.choice(["i32"])) + ["i32.eqz"] * r.randrange(1, 4)
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
        if t == "i32":
            return r.choice([lambda: e("i64") + ["i32.wrap_i64"], lambda: e(f) + [f"i32.trunc_sat_{f}_{s}"],
                             lambda: e("f32") + ["i32.reinterpret_f32"], lambda: e("i64") + ["i64.eqz"],
                             lambda: e("f64") + (["i32.trunc_f64_" + s] if r.random() < 0.02 else ["i32.trunc_sat_f64_" + s])])()
        if t == "i64":
            return r.choice([lambda: e("i32") + [f"i64.extend_i32_{s}"], lambda: e(f) + [f"i64.trunc_sat_{f}_{s}"],
                             lambda: e("f64") + ["i64.reinterpret_f64"], lambda: e("i64") + ["i64.extend32_s"]])()
        i = r.choice(["i32", "i64"])
        if r.random() < 0.6:
            return e(i) + [f"{t}.convert_{i}_{s}"]
        if r.random() < 0.5:
            return e("i" + t[1:]) + [f"{t}.reinterpret_i{t[1:]}"] + self.canon(t)
        return (e("f64") + ["f32.demote_f64"] if t == "f32" else e("f32") + ["f64.promote_f32"]) + self.canon(t)

    def call(self, t, d):
        r = self.r
        c = [i for i in range(self.index + 1, len(self.m)) if t in self.m[i][1]]
        if not c:
            return self.leaf(t)
        i = r.choice(c)
        ps, rs = self.m[i]
        out = [x for p in ps for x in self.expr(p, d - 2)]
        k = r.randrange(3)
        if k == 0:
            out += [f"call $f{i}"]
        elif k == 1:
            slot = i if r.random() < 0.995 else r.randrange(len(self.m) + 4)
            out += [f"i32.const {slot}", f"call_indirect (type $s{i})"]
        else:
            out += [f"ref.func $f{i}", f"call_ref $s{i}"]
        at = max(j for j, u in enumerate(rs) if u == t)
        out += ["drop"] * (len(rs) - 1 - at)
        if at:
            out += [f"local.set $x{t}"] + ["drop"] * at + [f"local.get $x{t}"]
        return out

    def scoped(self, results, d):
        self.labels.append(results)
        out = []
        for _ in range(self.r.randrange(3)):
            out += self.statement(d - 1)
        for t in results:
            out += self.expr(t, d - 1)
        self.labels.pop()
        return out

    def statement(self, d):
        r, t = self.r, self.r.choice(TYPES)
        if d <= 0 or self.budget < 0:
            return []
        k = r.randrange(9)
        n = self.local(t)
        if k < 3 and n:
            return self.expr(t, d) + [f"local.set {n}"]
        if k == 3:
            return self.address(d) + self.expr(t, d) + [f"{t}.store{r.choice(STORES[t])} offset={self.offset()}"]
        if k == 4:
            return self.expr(t, d) + [f"global.set $g{t}"]
        if k == 5:
            rs = [r.choice(TYPES) for _ in range(r.randrange(4))]
            out = ["block" + "".join(f" (result {u})" for u in rs)] + self.scoped(rs, d) + ["end"]
            for u in reversed(rs):
                m = self.local(u)
                out += [f"local.set {m}" if m else "drop"]
            return out
        if k == 6:
            c = f"$c{self.counter}"
            self.counter += 1
            self.hidden.append((c, "i32"))
            out = [f"i32.const {r.randrange(1, 6)}", f"local.set {c}", "loop"]
            out += self.loop(d)
            return out + [f"local.get {c}", "i32.const 1", "i32.sub", f"local.tee {c}", "br_if 0", "end"]
        if k == 7:
            op = r.choice(["memory.fill", "memory.copy"])
            mid = self.expr("i32", d - 1) + ([] if op == "memory.fill" else ["i32.const 65535", "i32.and"])
            return self.address(d - 1) + mid + [f"i32.const {r.choice([0, 1, 7, 33, 300])}", op]
        return self.expr("i32", d) + ["if"] + self.scoped([], d) + ["end"]

    def loop(self, d):
        self.labels.append(["loop"])
        out = [x for _ in range(self.r.randrange(1, 4)) for x in self.statement(d - 1)]
        self.labels.pop()
        return out

    def scoped_body(self):
        self.labels.append(list(self.results))
        out = [x for _ in range(self.r.randrange(1, 8)) for x in self.statement(5)]
        for t in self.results:
            self.budget = max(self.budget, 25)
            out += self.expr(t, 5)
        self.labels.pop()
        return out


def module(r):
    """The text of a module, and its functions' signatures."""
    sigs = []
    for _ in range(r.randrange(3, 10)):
        params = [r.choice(TYPES) for _ in range(r.choice([0, 1, 2, 3, 6, 9, 20]))]
        sigs.append((params, [r.choice(TYPES) for _ in range(r.choice([0, 1, 1, 1, 2, 3, 12]))]))
    words = lambda k, ts: "".join(f" ({k} {t})" for t in ts)
    out = ["(module"] + [f"(type $s{i} (func{words('param', p)}{words('result', q)}))" for i, (p, q) in enumerate(sigs)]
    out += ["(memory 2 3)", f"(table {len(sigs) + 3} funcref)", '(global $fuel (mut i32) (i32.const 300))']
    out += [f'(global $g{t} (export "g{t}") (mut {t}) ({t}.const 1))' for t in TYPES]
    out += ["(elem (i32.const 0) func " + " ".join(f"$f{i}" for i in range(len(sigs))) + ")"]
    out += ['(func (export "reset") i32.const 300 global.set $fuel)', HASH]
    for i, (params, results) in enumerate(sigs):
        b = Body(r, sigs, i, params, results)
        code = b.scoped_body()
        named = "".join(f" (param $p{j} {t})" for j, t in enumerate(params))
        out += [f'(func $f{i} (export "f{i}") (type $s{i}){named}{words("result", results)}']
        ls = b.locals[len(params):] + b.hidden + [(f"$x{t}", t) for t in TYPES]
        out += [" ".join(f"(local {n} {t})" for n, t in ls)]
        out += ["global.get $fuel i32.eqz if unreachable end global.get $fuel i32.const 1 i32.sub global.set $fuel"]
        out += code + [")"]
    return "\n".join(out + [")"]), sigs


HASH = """(func (export "hash") (result i64) (local $i i32) (local $h i64)
i64.const -3750763034362895579 local.set $h
loop local.get $h local.get $i i64.load8_u i64.xor i64.const 1099511628211 i64.mul local.set $h
local.get $i i32.const 1 i32.add local.tee $i i32.const 131072 i32.lt_u br_if 0 end local.get $h)"""


def expected(v, t):
    return f"({t}.const nan:canonical)" if t[0] == "f" and math.isnan(v) else f"({t}.const {text(v, t)})"


def script(engine, r):
    """A script of the module with Wasmtime's answers, and counts of functions, returns and traps."""
    wat, sigs = module(r)
    store = wasmtime.Store(engine)
    exports = wasmtime.Instance(store, wasmtime.Module(engine, wat), []).exports(store)
    lines, returns, traps = [wat], 0, 0
    for i, (params, results) in enumerate(sigs):
        for _ in range(4):
            args = [number(r, t) for t in params]
            exports["reset"](store)
            call = f'(invoke "f{i}"' + "".join(f" ({t}.const {text(v, t)})" for v, t in zip(args, params)) + ")"
            lines.append('(invoke "reset")')
            try:
                got = exports[f"f{i}"](store, *args)
                got = [] if got is None else got if isinstance(got, list) else [got]
                lines.append("(assert_return " + call + "".join(" " + expected(v, t) for v, t in zip(got, results)) + ")")
                returns += 1
            except wasmtime.Trap as trap:
                lines.append(f'(assert_trap {call} "{TRAPS[trap.trap_code.name]}")')
                traps += 1
            lines += [f'(assert_return (get "g{t}") {expected(exports["g" + t].value(store), t)})' for t in TYPES]
        lines.append(f'(assert_return (invoke "hash") (i64.const {exports["hash"](store)}))')
    return "\n".join(lines) + "\n", len(sigs), returns, traps


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aviary", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--batch", type=int, default=50)
    p.add_argument("--out", default="differential-out")
    o = p.parse_args()
    os.makedirs(o.out, exist_ok=True)
    config = wasmtime.Config()
    config.wasm_function_references = True
    engine, totals, bad, paths = wasmtime.Engine(config), [0, 0, 0], 0, []
    for n in range(o.seed, o.seed + o.count):
        body, *counts = script(engine, random.Random(n))
        totals = [a + b for a, b in zip(totals, counts)]
        paths.append(os.path.join(o.out, f"{n}.wast"))
        with open(paths[-1], "w") as f:
            f.write(body)
        if len(paths) == o.batch or n == o.seed + o.count - 1:
            suspects = paths if run(o.aviary, paths) else []
            for path in paths:
                if path in suspects and (said := run(o.aviary, [path])):
                    bad += 1
                    print(f"MISMATCH {path}\n{said[:600]}", flush=True)
                else:
                    os.remove(path)
            paths = []
    print(f"seeds {o.seed}..<{o.seed + o.count}: {totals[0]} functions, {totals[1]} returns, {totals[2]} traps, {bad} mismatches")
    sys.exit(bad > 0)


def run(aviary, paths):
    """What `aviary wast` says where it fails, else nothing."""
    done = subprocess.run([aviary, "wast", *paths], capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stdout + done.stderr or f"status {done.returncode}")


if __name__ == "__main__":
    main()
