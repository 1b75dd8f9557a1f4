"""Calls: direct, by the table, by a reference, and each as a tail call."""
from .references import SLOTS


class Calls:
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
