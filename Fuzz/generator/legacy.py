"""Tries of before WebAssembly 3.0, each with what it means in today's form."""
from .exceptions import words
from .pieces import Form, Piece


class Legacy:
    def rethrow(self):
        name, x = self.r.choice(self.catching)
        return [Form(["@rethrow", f"local.get {x}", "throw_ref"], [f"rethrow {name}"])]

    def old_try(self, ts, d):
        from .body import Label
        r, name = self.r, self.fresh("L")
        targets = self.delegates()
        if targets and r.random() < 0.25:
            return self.delegated(ts, d, name, r.choice(targets))
        tags = [r.randrange(len(self.s.tags)) for _ in range(r.choice([0, 1, 1, 2, 3]))]
        tags += [None] if r.random() < 0.5 or not tags and r.random() < 0.9 else []
        payloads = [[] if i is None else list(self.s.tags[i]) for i in tags]
        handlers = [self.fresh("H") for _ in tags]
        inner, again, label = self.fresh("T"), self.fresh("R"), Label(name, ts, "try")
        label.again = again
        clauses = "".join(f" (catch_all_ref {h})" if i is None else f" (catch_ref $e{i} {h})" for i, h in zip(tags, handlers))
        opening = ["@try", f"block {name}" + words("result", ts)]
        opening += [f"block {h}" + words("result", p + ["exnref"]) for h, p in reversed(list(zip(handlers, payloads)))]
        opening += [f"try_table {inner}" + words("result", ts) + clauses, f"block {again} (result exnref)"]
        out = [Form(opening, [f"try {name}" + words("result", ts)])]
        out += self.inside(label, lambda: self.risky(ts, d))
        out += [Form([f"br {inner}", "end", "throw_ref", "end"], [])]
        label.kind = "catch"
        for i, payload in zip(tags, payloads):
            x = self.temporary(self.fresh("x"), "exnref")
            out += [Form([f"br {name}", "end", "@catch_all" if i is None else "@catch", f"local.set {x}"],
                         ["catch_all" if i is None else f"catch $e{i}"])]
            self.catching.append((name, x))
            out += self.inside(label, lambda: self.old_handler(ts, payload, d))
            self.catching.pop()
        return out + ["end"]

    def old_handler(self, ts, payload, d):
        from .body import Label
        r, out = self.r, []
        if payload == ts and r.random() < 0.6:
            out += self.shuffle(ts, d - 1)
            payload, ts = [], []
        out += self.store(payload)
        if r.random() < 0.5:
            name = self.fresh("L")
            throws = self.inside(Label(name, []), lambda: self.rethrow())
            out += [Piece([], self.expr("i32", d - 1) + [f"if {name}"] + throws + ["end"])]
        return out + self.statement(d - 1) + [x for t in ts for x in self.expr(t, d - 1)]

    # Delegation

    def delegates(self):
        """Labels that an exception can be handed to, with the label of today's form that it goes to."""
        out, current = [], "$R"
        for l in self.labels:
            if l.kind == "try":
                current = l.again
            if l.kind == "try_table":
                current = None
            if l.kind not in ("catch", "try_table") and current:
                out.append((l, current))
        return out

    def delegated(self, ts, d, name, target):
        from .body import Label
        outer, again = target
        if again == "$R":
            self.escapes = True
        here, label = self.fresh("R"), Label(name, ts, "try")
        label.again = here
        opening = ["@try", f"block {name}" + words("result", ts), f"block {here} (result exnref)",
                   f"try_table{words('result', ts)} (catch_all_ref {here})"]
        out = [Form(opening, [f"try {name}" + words("result", ts)])]
        out += self.inside(label, lambda: self.risky(ts, d))
        return out + [Form(["end", f"br {name}", "end", "@delegate", f"br {again}", "end"], [f"delegate {outer.name}"])]

    def outermost(self, code):
        """The code with where an exception leaves the function, if a delegation needs that."""
        if not self.escapes:
            return code
        return [Form(["block $R (result exnref)"], [])] + code + [Form(["return", "end", "throw_ref"], [])]
