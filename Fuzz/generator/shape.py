"""What a random module has."""
from .values import NUMBERS


class Memory:
    """Two pages and room for one more; of bytes, a little more of each."""

    def __init__(self, index, shared=False, bytewise=False):
        self.index, self.shared, self.bytewise = index, shared, bytewise

    def limits(self):
        index = "i64 " if self.index == "i64" else ""
        sizes = "131075 196700" if self.bytewise else "2 3"
        return index + sizes + (" shared" if self.shared else "") + (" (pagesize 1)" if self.bytewise else "")


class Shape:
    """Functions by index, imports first; memories, the table's index type, tags, and the families in use."""

    FAMILIES = {"vectors": 0.75, "relaxed": 0.5, "exceptions": 0.5, "legacy": 0.3, "atomics": 0.45, "bytes": 0.2, "externals": 0.4}

    def __init__(self, r, other, only=None):
        self.r, self.other = r, other
        self.families = {f for f, share in self.FAMILIES.items() if r.random() < share} if only is None else set(only)
        if other:
            # What crosses from one module to the other is known to both.
            self.families = self.families | (other.families & {"vectors", "exceptions", "externals"})
        if "exceptions" not in self.families:
            self.families.discard("legacy")
        self.has = self.families.__contains__
        self.types = NUMBERS * 3 + ["v128"] * (r.choice([3, 6, 12]) if self.has("vectors") else 0)
        self.types += ["externref", "funcref"] * self.has("externals") + ["exnref"] * self.has("exceptions")
        # Which types globals have: all that a module may use.
        self.kinds = list(dict.fromkeys(self.types))
        single = r.random() < 0.6
        self.memories = [self.memory(single) for _ in range(1 if single else r.randrange(2, 4))]
        self.imports_memory = other is not None and r.random() < 0.5
        if self.imports_memory:
            self.memories[0] = other.memories[0]
        self.table = r.choice(["i32", "i32", "i32", "i64"])
        self.imports_table = other is not None and r.random() < 0.5
        if self.imports_table:
            self.table = other.table
        # Where a module's own functions are in the table; the last eight slots are overwritten at random.
        self.base = 12 if self.imports_table else 0
        self.open = r.random() < 0.25
        shared = [[self.type() for _ in range(r.choice([0, 1, 1, 2, 3, 12]))] for _ in range(2)]
        self.tags = self.make_tags(shared)
        self.sigs, self.imported = [], 0
        if other:
            self.picks = [r.randrange(len(other.sigs)) for _ in range(r.randrange(1, 4))]
            self.sigs = [other.sigs[i] for i in self.picks]
            self.imported = len(self.picks)
        for _ in range(r.randrange(3, 9)):
            params = [self.type() for _ in range(r.choice([0, 1, 2, 3, 6, 9, 20, 60]))]
            results = r.choice(shared) if r.random() < 0.7 else [self.type() for _ in range(r.choice([0, 1, 1, 1, 2, 3, 12]))]
            self.sigs.append((params, list(results)))

    def type(self):
        return self.r.choice(self.types)

    def memory(self, single):
        r = self.r
        shared = self.has("atomics") and r.random() < 0.7
        bytewise = self.has("bytes") and r.random() < 0.6 and not shared
        return Memory(r.choice(["i32", "i32", "i64"] if single else ["i32", "i64"]), shared, bytewise)

    def make_tags(self, shared):
        """Payloads by tag. Imports come first; two may be one tag of "a"."""
        if not self.has("exceptions"):
            self.imported_tags = []
            return []
        r = self.r
        count = len(self.other.tags) if self.other else 0
        self.imported_tags = [r.randrange(count) for _ in range(r.randrange(1, 4))] if count else []
        own = [list(r.choice(shared)) if r.random() < 0.4 else [self.type() for _ in range(r.choice([0, 1, 1, 2, 3, 8]))]
               for _ in range(r.randrange(1, 4))]
        return [self.other.tags[i] for i in self.imported_tags] + own
