"""Exceptions: what throws, and tries with all four kinds of clauses."""
from .pieces import Piece


def words(keyword, types):
    return "".join(f" ({keyword} {t})" for t in types)


class Exceptions:
    def throw(self, d):
        """Throws some exception: new, caught before, or that of the handler it is in."""
        r = self.r
        if self.catching and r.random() < 0.5:
            return self.rethrow()
        if r.random() < 0.2:
            # Null traps; one that was kept is thrown again.
            x, name = self.temporary("$tx", "exnref"), self.fresh("L")
            if r.random() < 0.03:
                return self.expr("exnref", d - 1) + ["throw_ref"]
            return self.expr("exnref", d - 1) + [f"local.tee {x}", "ref.is_null", f"if {name}"] + self.thrown(d) + [
                "end", f"local.get {x}", "throw_ref"]
        return self.thrown(d)

    def thrown(self, d, i=None):
        i = self.r.randrange(len(self.s.tags)) if i is None else i
        return [x for t in self.s.tags[i] for x in self.expr(t, d - 1)] + [f"throw $e{i}"]

    def attempt(self, ts, d):
        """Values of `ts` from a try and from its handlers."""
        if self.s.has("legacy") and self.r.random() < 0.7:
            return self.old_try(ts, d)
        r = self.r
        from .body import Label
        done, clauses, handlers = self.fresh("L"), [], []
        for _ in range(r.choice([1, 1, 2, 2, 3, 5])):
            kind = r.choice(["catch", "catch", "catch_ref", "catch_ref", "catch_all", "catch_all_ref"])
            i = r.randrange(len(self.s.tags))
            payload = ([] if "all" in kind else self.s.tags[i]) + ["exnref"] * kind.endswith("ref")
            outer = [name for name, p in handlers if p == payload] + [l.name for l in self.matching(payload)]
            if outer and r.random() < 0.3:
                target = r.choice(outer)
            else:
                target = self.fresh("L")
                handlers.append((target, payload))
            clauses.append(f"({kind} {'' if 'all' in kind else f'$e{i} '}{target})")
        out = [f"block {done}" + words("result", ts)]
        self.labels.append(Label(done, ts))
        for name, payload in handlers:
            out += [f"block {name}" + words("result", payload)]
            self.labels.append(Label(name, payload))
        inner = self.fresh("L")
        out += [f"try_table {inner}" + words("result", ts) + "".join(" " + c for c in clauses)]
        out += self.inside(Label(inner, ts, "try_table"), lambda: self.risky(ts, d)) + ["end", f"br {done}"]
        for n, (name, payload) in enumerate(reversed(handlers)):
            self.labels.pop()
            out += ["end"] + self.handler(ts, payload, d) + ([f"br {done}"] if n < len(handlers) - 1 else [])
        self.labels.pop()
        return out + ["end"]

    def risky(self, ts, d):
        """Statements that may throw, and values of `ts`."""
        r = self.r
        out = self.statement(d - 1) if r.random() < 0.6 else []
        if r.random() < 0.7:
            name = self.fresh("L")
            from .body import Label
            throws = self.inside(Label(name, []), lambda: self.throw(d - 1))
            out += [Piece([], self.expr("i32", d - 1) + [f"if {name}"] + throws + ["end"])]
        if r.random() < 0.03:
            return out + self.thrown(d - 1)
        return out + self.multi(ts, d - 1) if ts else out + self.statement(d - 1)

    def handler(self, ts, payload, d, caught=None):
        """Takes what was caught, and leaves values of `ts`."""
        r, out, payload = self.r, [], list(payload)
        if payload[-1:] == ["exnref"]:
            x = self.temporary(self.fresh("x"), "exnref") if r.random() < 0.6 else self.local("exnref")
            if x:
                out += [f"local.set {x}"]
                if r.random() < 0.3:
                    name = self.fresh("L")
                    out += [Piece([], self.expr("i32", d - 1) + [f"if {name}", f"local.get {x}", "throw_ref", "end"])]
                if r.random() < 0.3:
                    out += [Piece([], ["i32.const 1", f"local.get {x}", "table.set $texnref"])]
            else:
                out += ["drop"]
            payload.pop()
        if payload == ts and r.random() < 0.8:
            return out + self.shuffle(ts, d - 1)
        # As much of the payload as is of the right types stays below.
        return out + self.store(payload) + ([Piece([], self.statement(d - 1))] if r.random() < 0.4 else []) + \
            [x for t in ts for x in self.expr(t, d - 1)]

    def caught(self, d):
        """An exception that was thrown for it."""
        name = self.fresh("L")
        i = self.r.randrange(len(self.s.tags))
        kind = "catch_all_ref" if self.s.tags[i] or self.r.random() < 0.5 else f"catch_ref $e{i}"
        return [f"block {name} (result exnref)", f"try_table ({kind} {name})"] + self.thrown(d - 1, i) + ["end", "unreachable", "end"]
