"""Statements: code that leaves nothing."""
from .pieces import Piece


class Statements:
    def statement(self, d):
        return [Piece([], self.some_statement(d))] if d > 0 and self.budget >= 0 else []

    def store(self, ts):
        """Takes values of `ts` away."""
        out = []
        for u in reversed(ts):
            m = self.local(u)
            out += [f"local.set {m}" if m else "drop"]
        return out

    def some_statement(self, d):
        from .body import Label
        r, t = self.r, self.type()
        k, n = r.randrange(17), self.local(t)
        if k < 3 and n:
            return self.expr(t, d) + [f"local.set {n}"]
        if k == 3:
            return self.store_statement(t, d)
        if k == 4:
            return self.expr(t, d) + [f"global.set $g{t}"]
        if k == 5:
            rs = self.some(range(4))
            return self.block(rs, d) + self.store(rs)
        if k == 6:
            return self.loop(d)
        if k == 7:
            return self.bulk(d)
        if k in (8, 9):
            ts = self.some([0, 1, 2, 3, 5, 10])
            return self.multi(ts, d) + self.store(ts)
        if k == 10 and self.refs:
            n, i = r.choice(self.refs)
            return self.typed(i, d) + (["ref.as_non_null"] if r.random() < 0.1 else []) + [f"local.set {n}"]
        if k == 11:
            return self.anyref(d) + [f"local.set {self.temporary('$any', 'funcref')}"] if r.random() < 0.4 else self.tables(d)
        if k == 12:
            name = self.fresh("L")
            return self.expr("i32", d) + [f"if {name}"] + self.inside(Label(name, []), lambda: self.leave(d)) + ["end"]
        if k == 13 and r.random() < 0.5 and not self.is_leaf:
            t = t if t[-3:] != "ref" else "i32"
            return self.expr(t, d - 1) + [f"call $print_{t}"]
        if k == 14 and self.has_tries:
            return self.attempt([], d)
        if k == 15 and r.random() < 0.3:
            return self.forward(d) or ["nop"]
        name = self.fresh("L")
        return self.expr("i32", d) + [f"if {name}"] + self.scoped([], d, name) + ["end"]

    def loop(self, d):
        from .body import Label
        r, c, name, least = self.r, self.count(), self.fresh("L"), self.r.random() < 0.5
        label = Label(name, [], "loop", c if least else None)
        body = self.inside(label, lambda: [x for _ in range(r.randrange(1, 4)) for x in self.statement(d - 1)])
        return [f"i32.const {r.randrange(1, 6)}", f"local.set {c}", f"loop {name}"] + body + self.again(c, name, least) + ["end"]

    def forward(self, d):
        """Goes on with the next turn of some loop around."""
        loops = [l for l in self.labels if l.counter]
        if not loops:
            return []
        l = self.r.choice(loops)
        return self.again(l.counter, l.name, True)

    def leave(self, d):
        """Ends in a jump, with dead code behind it."""
        r, k = self.r, self.r.randrange(6)
        out = self.statement(d - 1)
        tails = [i for i in self.callees() if self.s.sigs[i][1] == self.results]
        if k == 0 and tails:
            out += self.invoke(r.choice(tails), d, "return_")
        elif k == 1:
            out += self.multi(list(self.results), d - 1) + ["return"]
        elif k == 2 and self.s.tags and (self.has_tries or r.random() < 0.3):
            out += self.throw(d)
        else:
            label = r.choice([l for l in self.labels if l.kind != "loop"])
            out += self.multi(list(label.types), d - 1) + [f"br {label.name}"]
        return out + self.dead()

    def dead(self):
        return self.r.choice([[], ["i32.add", "drop"], ["drop", "br 0"], ["block", "end"], ["i32.eqz", "if", "else", "end"],
                              ["loop", "br 0", "end"], ["i64.load 0", "drop"], ["select", "drop"], ["unreachable"],
                              ["br_table 0 0"], ["f64.const 1", "global.set $gf64"],
                              ["block (result i64)", "unreachable", "i32.clz", "br_if 1", "f32.abs", "drop", "i64.const 1", "end", "drop"]]
                             + ([["i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31", "drop"], ["v128.bitselect", "i64x2.extract_lane 1", "drop"],
                                 ["v128.store 0", "unreachable"], ["i32.const 1", "i8x16.shl", "drop"]] if self.vectors else [])
                             + ([["throw $e0"], ["block", "try_table (catch_all 0)", "end", "end"], ["throw_ref"]] if self.has_tries else []))
