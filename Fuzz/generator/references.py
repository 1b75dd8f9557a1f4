"""References, and what changes tables."""
from .values import REFERENCES

SLOTS = 32  # of the table of functions, at least
OTHERS = 6  # of a table of other references


class References:
    def reference(self, t, d):
        """A reference that is no typed function."""
        r, k = self.r, self.r.randrange(6)
        if t == "funcref":
            return self.anyref(d)
        if k == 0:
            return [f"ref.null {t[:-3]}"]
        if k == 1:
            return [f"global.get $g{t}"]
        if k == 2 and d > 0:
            u = "i32"
            index = [f"{u}.const {r.randrange(OTHERS)}"] if r.random() < 0.7 else self.expr(u, d - 1) + [f"{u}.const 3", f"{u}.and"]
            if r.random() < 0.005:
                index = [f"{u}.const {r.choice([OTHERS, -1, 2**31 - 1])}"]
            return index + [f"table.get $t{t}"]
        if t == "exnref" and d > 0 and k < 5 and self.has_tries:
            return self.caught(d)
        return self.leaf(t)

    def slot(self, d):
        t = self.s.table
        if self.r.random() < 0.5:
            return [f"{t}.const {self.r.randrange(SLOTS - 3)}"]
        return self.expr(t, d) + [f"{t}.const 15", f"{t}.and"]

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
            inner = self.typed(i, d - 1)
            if r.random() < 0.5:
                return [f"block (result (ref null $s{i}))", "block"] + inner + ["br_on_null 0", "br 1", "end", f"ref.func $f{i}", "end"]
            return [f"block (result (ref $s{i}))"] + inner + ["br_on_non_null 0", f"ref.func $f{i}", "end"]
        if k == 6 and r.random() < 0.05:
            return [f"ref.null $s{i}"]
        return [f"ref.func $f{i}"]

    def anyref(self, d):
        k = self.r.randrange(6)
        if k == 0:
            return ["ref.null func"]
        if k == 1:
            return [f"local.get {self.temporary('$any', 'funcref')}"]
        if k == 2 and d > 0:
            return self.slot(d - 1) + ["table.get $t"]
        if k == 3:
            return self.leaf("funcref")
        return self.typed(self.r.randrange(len(self.s.sigs)), d - 1)

    def tables(self, d):
        """Changes the end of the functions' table, or another one."""
        r, t, k = self.r, self.s.table, self.r.randrange(7)
        if k > 4:
            return self.other_tables(d)
        upper = [f"{t}.const {SLOTS - 8 + r.randrange(4)}"]
        if k == 0 or self.is_leaf:
            return upper + self.anyref(d - 1) + ["table.set $t"]
        if k == 1:
            return upper + self.anyref(d - 1) + [f"{t}.const {r.randrange(5)}", "table.fill $t"]
        if k == 2:
            return upper + self.slot(d - 1) + [f"{t}.const {r.randrange(3)}", "table.copy $t $t"]
        if k == 3:
            if r.random() < 0.05:
                return ["elem.drop $e"]
            return upper + ["i32.const 0", f"i32.const {r.randrange(3)}", "table.init $t $e"]
        return self.anyref(d - 1) + [f"{t}.const {r.choice([0, 1])}", "table.grow $t", "drop"]

    def other_tables(self, d):
        kinds = [t for t in self.s.kinds if t in REFERENCES and t != "funcref"]
        if not kinds:
            return []
        r, t = self.r, self.r.choice(kinds)
        at, k = [f"i32.const {r.randrange(OTHERS)}"], r.randrange(6)
        if k < 3 or self.is_leaf:
            return at + self.expr(t, d - 1) + [f"table.set $t{t}"]
        if k == 3:
            return at + self.expr(t, d - 1) + [f"i32.const {r.randrange(2)}", f"table.fill $t{t}"]
        if k == 4:
            return at + [f"i32.const {r.randrange(3)}", f"i32.const {r.randrange(2)}", f"table.copy $t{t} $t{t}"]
        return self.expr(t, d - 1) + [f"i32.const {r.choice([0, 1])}", f"table.grow $t{t}", "drop"]
