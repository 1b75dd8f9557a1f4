"""The text of random modules. "a" has functions, memory, table, tags and globals that a second one imports; it
calls back by the table."""
from collections import Counter

from .body import Body, words
from .pieces import counting, flat, numbered, operator
from .references import OTHERS, SLOTS
from .shape import Shape
from .values import REFERENCES, constant, zero


def deep_functions(r, shape):
    """Functions that never return: frames and arguments of several sizes."""
    n = r.choice([0, 1, 1, 30, 30, 30, 700, 6000])
    ts = [shape.type() for _ in range(r.choice([0, 2, 20]))]
    kinds = [r.choice(["i64", "v128"] if shape.has("vectors") else ["i64"]) for _ in range(n)]
    uses = "".join(f"(drop (local.get {len(ts) + r.randrange(n)}))" for _ in range(min(n, 40)))
    again = "".join(f"(local.get {i})" for i in range(len(ts)))
    zeroes = "".join(f"({zero(t)})" for t in ts)
    call = "(call $deep)"
    if shape.has("exceptions") and r.random() < 0.5:
        call = "(try_table (param" + "".join(" " + t for t in ts) + ") (result i64) (catch_all 1) (call $deep))"
        call = f"(block $out (block $no {again} {call.replace('(catch_all 1)', '(catch_all $no)')} (br 1 (i64.const 1) (i64.add))) (unreachable))"
        call = call.replace("(block $out (block", "(block $out (result i64) (block")
        again = ""
    return [f"(func $deep{words('param', ts)} (result i64){' (local ' + ' '.join(kinds) + ')' if kinds else ''} {uses} {again} {call} (i64.const 1) (i64.add))",
            f'(func (export "deep") (result i64) {zeroes} (call $deep))']


def storm_functions(r):
    """Many exceptions, of which few are kept; such as come from deep below, some of them through other handlers; and a
    chain in which each holds the one before it."""
    k = [r.randrange(1, 10) for _ in range(4)]
    return [f"""(tag $storm (param i64))
(table $kept 4 exnref)
(func (export "storm") (param $n i32) (result i64) (local $h i64) (local $x exnref)
loop $again
  block $caught (result i64 exnref)
    try_table (catch_ref $storm $caught)
      local.get $n i64.extend_i32_u local.get $h i64.add throw $storm
    end
    unreachable
  end
  local.set $x
  local.get $h i64.const {2 * k[0] + 1} i64.mul i64.xor i64.const {k[1]} i64.rotl local.set $h
  local.get $n i32.const {2 ** k[2] - 1} i32.and i32.eqz if local.get $n i32.const 3 i32.and local.get $x table.set $kept end
  local.get $n i32.const 255 i32.and i32.eqz if
    block $old (result i64) try_table (catch $storm $old)
      local.get $n i32.const 8 i32.shr_u i32.const 3 i32.and table.get $kept local.tee $x ref.is_null
      if i64.const 5 throw $storm end local.get $x throw_ref
    end unreachable end
    local.get $h i64.add local.set $h
  end
  local.get $n i32.const 1 i32.sub local.tee $n br_if $again
end
i32.const 0 ref.null exn i32.const 2 table.fill $kept
local.get $h)""", f"""(func $down (param $k i32) (param $h i64) (result i64) (local $x exnref) (local $mine i64)
local.get $h i64.const 7 i64.mul local.set $mine
local.get $k i32.eqz if local.get $h throw $storm end
local.get $k i32.const 3 i32.and if
  local.get $k i32.const 1 i32.sub local.get $mine call $down local.get $mine i64.add return
end
block $caught (result i64 exnref)
  try_table (catch_ref $storm $caught)
    local.get $k i32.const 1 i32.sub local.get $h local.get $k i64.extend_i32_u i64.add call $down local.get $mine i64.sub return
  end
  unreachable
end
local.set $x local.get $mine i64.xor local.set $h
local.get $k i32.const 4 i32.and if local.get $h i64.const {k[3]} i64.rotl throw $storm end
local.get $k i32.const 60 i32.gt_u if local.get $x throw_ref end
local.get $h)
(func (export "down") (param $k i32) (result i64)
block $caught (result i64)
  try_table (catch $storm $caught) local.get $k i64.const {k[0]} call $down return end unreachable
end)""", f"""(tag $link (param i64 exnref))
(func (export "chain") (param $n i32) (result i64) (local $h i64) (local $x exnref)
loop $again
  block $caught (result i64 exnref exnref)
    try_table (catch_ref $link $caught)
      local.get $n i64.extend_i32_u local.get $x throw $link
    end
    unreachable
  end
  local.set $x drop
  local.get $h i64.const {2 * k[1] + 1} i64.mul i64.add local.set $h
  local.get $n i32.const 1 i32.sub local.tee $n br_if $again
end
loop $walk
  block $caught (result i64 exnref)
    try_table (catch $link $caught) local.get $x throw_ref end
    unreachable
  end
  local.set $x
  local.get $h i64.const {2 * k[2] + 1} i64.mul i64.xor local.set $h
  local.get $x ref.is_null i32.eqz br_if $walk
end
local.get $h)"""]


def hash_function(m, t):
    return f"""(func (export "hash{m}") (result i64) (local $i {t}) (local $h i64)
i64.const -3750763034362895579 local.set $h
loop local.get $h local.get $i i64.load {m} i64.xor i64.const 1099511628211 i64.mul local.tee $h i64.const 29 i64.rotl local.set $h
local.get $i {t}.const 8 {t}.add local.tee $i {t}.const 131072 {t}.lt_u br_if 0 end local.get $h)"""


def module(r, other=None, name="A", only=None, deterministic=False):
    """The tree of a module, and its shape. `other` is what it may import from "a".

    With `deterministic`, relaxed operators have any operands, and NaNs are as they come.
    """
    s = Shape(r, other, only)
    s.deterministic = deterministic
    count = len(s.sigs)
    out = types(s) + imports(r, s)
    for i, m in enumerate(s.memories[1 if s.imports_memory else 0:]):
        out += [f"(memory {m.limits()})"]
    out += ['(export "m0" (memory 0))']
    if not s.imports_table:
        out += [f"(table $t {'i64 ' if s.table == 'i64' else ''}{SLOTS} funcref)"]
    out += [f"(table $t{t} {OTHERS} {t})" for t in s.kinds if t in REFERENCES and t != "funcref"]
    out += ['(export "t" (table $t))', "(global $fuel (mut i32) (i32.const 300))"]
    for i, p in enumerate(s.tags):
        if i >= len(s.imported_tags):
            out += [f"(tag $e{i}{words('param', p)})"]
        out += [f'(export "e{i}" (tag $e{i}))']
    out += [f"(global $g{t} (mut {t}) ({zero(t) if t in REFERENCES or t == 'v128' else t + '.const 1'}))" for t in s.kinds if t not in s.imported_globals]
    out += [f'(export "g{t}" (global $g{t}))' for t in s.kinds]
    out += [f"(elem (table $t) ({s.table}.const {s.base}) func " + " ".join(f"$f{i}" for i in range(count)) + ")"]
    out += ["(elem $e func $f0 $f0)", '(data $d "' + "".join(f"\\{r.randrange(256):02x}" for _ in range(96)) + '")']
    out += segments(r, s)
    out += ['(func (export "reset") (type $unit) i32.const 300 global.set $fuel' + (" call $areset" if other else "") + ")"]
    out += [hash_function(m, t.index) for m, t in enumerate(s.memories)] + deep_functions(r, s)
    s.storms = s.has("exceptions") and r.random() < 0.2
    out += storm_functions(r) if s.storms else []
    for i in range(s.imported, count):
        out += Body(r, s, i).function()
    if other is None:
        # For importers, whose types are final.
        for i, (p, q) in enumerate(s.sigs):
            out += [f'(func (export "x{i}") (type $x{i}) ' + " ".join(f"local.get {j}" for j in range(len(p))) + f" {r.choice(['', 'return_'])}call $f{i})"]
    return [f"(module ${name}"] + out + [")"], s


def types(s):
    # Final types first: what is imported and exported has them, also where others are open.
    out = ["(type $unit (func))"] + [f"(type $print_{t} (func (param {t})))" for t in s.kinds if t not in REFERENCES]
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
    return out


def imports(r, s):
    out = [f'(import "spectest" "print_{t}" (func $print_{t} (type $print_{t})))' for t in s.kinds if t not in REFERENCES]
    s.imported_globals = []
    if not s.other:
        return out
    out += [f'(import "a" "x{p}" (func $f{i} (type $s{i})))' for i, p in enumerate(s.picks)]
    out += ['(import "a" "reset" (func $areset (type $unit)))']
    if s.imports_memory:
        out += [f'(import "a" "m0" (memory {s.memories[0].limits()}))']
    if s.imports_table:
        out += [f'(import "a" "t" (table $t {"i64 " if s.table == "i64" else ""}{SLOTS} funcref))']
    out += [f'(import "a" "e{p}" (tag $e{i}{words("param", s.tags[i])}))' for i, p in enumerate(s.imported_tags)]
    s.imported_globals = [t for t in s.kinds if t in s.other.kinds and r.random() < 0.4]
    return out + [f'(import "a" "g{t}" (global $g{t} (mut {t})))' for t in s.imported_globals]


def segments(r, s):
    """What a module does when it is instantiated."""
    out, size = [], 131072
    for _ in range(r.randrange(3)):
        m = r.randrange(len(s.memories))
        t, n, at = s.memories[m].index, r.randrange(40), r.choice([0, 8, 65530, size - 50])
        offset = f"({t}.const {at})" if r.random() < 0.5 else f"(offset {t}.const {at - 5} {t}.const 5 {t}.add)"
        out += [f'(data (memory {m}) {offset} "' + "".join(f"\\{r.randrange(256):02x}" for _ in range(n)) + '")']
    if r.random() < 0.5:
        out += [f"(elem (table $t) (offset {s.table}.const {SLOTS - 8}) funcref (ref.func $f0) (item ref.null func))"]
    if r.random() < 0.3:
        out += ["(elem declare func $f0)"]
    if r.random() < 0.5:
        out += [f"(table $typed 3 (ref null $s0) (ref.func $f0))"]
    if r.random() < 0.5:
        t = r.choice([t for t in s.kinds if t not in REFERENCES])
        out += [f"(func $begin {constant(bytes(range(16)) if t == 'v128' else 3 if t[0] == 'i' else 2.5, t)} global.set $g{t})", "(start $begin)"]
    return out


def instructions(code, cut=frozenset(), legacy=False, marked=False):
    lines = flat(code, cut, legacy)
    return numbered(lines if marked else [x for x in lines if x[0] != "@"])


def render(tree, cut=frozenset(), legacy=False, counted=False):
    """The module's text, and how often its functions have each operator."""
    lines, names = [], Counter()
    for x in tree:
        if isinstance(x, str):
            lines.append(x)
            continue
        code = instructions(x, cut, legacy, counted)
        names.update(operator(line.lstrip("@")) for line in code)
        lines += counting(code) if counted else code
    if counted:
        lines[-1:] = [f'(global $hit_{n} (export "hit_{n}") (mut i64) (i64.const 0))' for n in names] + [")"]
    return "\n".join(lines), names
