"""Wasmtime by PyPI's `wasmtime`, with what its Python layer lacks: vectors, and exceptions that nobody caught."""
import ctypes
import math
from collections import Counter

import wasmtime
from wasmtime import _ffi as ffi

from generator import REFERENCES, constant, literal

FEATURES = ("function_references gc tail_call memory64 multi_memory wide_arithmetic simd relaxed_simd threads exceptions "
            "custom_page_sizes").split()

TRAPS = {
    "STACK_OVERFLOW": "call stack exhausted", "MEMORY_OUT_OF_BOUNDS": "out of bounds memory access",
    "INDIRECT_CALL_TO_NULL": "uninitialized element", "BAD_SIGNATURE": "indirect call type mismatch",
    "INTEGER_OVERFLOW": "integer overflow", "NULL_REFERENCE": "null", "INTEGER_DIVISION_BY_ZERO": "integer divide by zero",
    "BAD_CONVERSION_TO_INTEGER": "invalid conversion to integer", "UNREACHABLE": "unreachable",
    "HEAP_MISALIGNED": "unaligned atomic", "ATOMIC_WAIT_NON_SHARED_MEMORY": "expected shared memory",
}

HOST = "(module " + "".join(f'(func (export "print_{t}") (param {t}))' for t in ("i32", "i64", "f32", "f64", "v128")) + ")"

KINDS = {"i32": ffi.WASMTIME_I32, "i64": ffi.WASMTIME_I64, "f32": ffi.WASMTIME_F32, "f64": ffi.WASMTIME_F64}


class Thrown(Exception):
    """An exception that nobody caught."""


class Trapped(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.message = message


class Unusable(Exception):
    """A module whose outcome depends on the size of the stack, or of another store."""


def engine(deterministic=False):
    config = wasmtime.Config()
    for name in FEATURES:
        setattr(config, "wasm_" + name, True)
    config.gc_support = True
    config.shared_memory = True
    # Its handler of faults does not know those of shared memories, and dies.
    config.signals_based_traps = False
    config.parallel_compilation = False
    config.cranelift_opt_level = "none"
    if deterministic:
        config.wasm_relaxed_simd_deterministic = True
        config.cranelift_nan_canonicalization = True
    return wasmtime.Engine(config)


class Peer:
    """A store with the instances of one script."""

    def __init__(self, engine):
        self.engine, self.store, self.linker = engine, wasmtime.Store(engine), wasmtime.Linker(engine)
        self.binaries, self.exports, self.all = {}, None, []
        self.linker.define_instance(self.store, "spectest", self.linker.instantiate(self.store, wasmtime.Module(engine, HOST)))

    def instantiate(self, text, name, module_name):
        binary = bytes(wasmtime.wat2wasm(text))
        self.binaries[module_name] = binary
        instance = self.linker.instantiate(self.store, wasmtime.Module(self.engine, binary))
        self.linker.define_instance(self.store, name, instance)
        self.exports = instance.exports(self.store)
        self.all.append(self.exports)

    def argument(self, raw, v, t):
        if t == "v128":
            raw.kind = ffi.WASMTIME_V128.value
            ctypes.memmove(ctypes.addressof(raw.of), v, 16)
        elif t == "externref":
            value = wasmtime.Val.externref(None if v is None else Host(v))._new_raw(self.store)
            ctypes.memmove(ctypes.byref(raw), ctypes.byref(value), ctypes.sizeof(raw))
        elif t in REFERENCES:
            assert t == "funcref" and v is None
            raw.kind = ffi.WASMTIME_FUNCREF.value
        else:
            raw.kind = KINDS[t].value
            setattr(raw.of, t, v)

    def expected(self, raw, t):
        """The pattern of a script that the value matches and no other does."""
        if t == "v128":
            return f"({constant(bytes(raw.of.v128), t)})"
        if t == "externref":
            value = wasmtime.Val._from_raw(self.store, raw)._val
            return "(ref.null extern)" if value is None else f"(ref.extern {value.number})"
        if t == "funcref":
            return "(ref.func)" if raw.of.funcref.store_id else "(ref.null func)"
        v = getattr(raw.of, t)
        return f"({t}.const nan:canonical)" if t[0] == "f" and math.isnan(v) else f"({constant(v, t)})"

    def call(self, name, params=(), results=(), values=()):
        """The patterns of the results."""
        function = self.exports[name]
        a, b, trap = (ffi.wasmtime_val_t * len(params))(), (ffi.wasmtime_val_t * len(results))(), ctypes.POINTER(ffi.wasm_trap_t)()
        for raw, v, t in zip(a, values, params):
            self.argument(raw, v, t)
        error = ffi.wasmtime_func_call(
            self.store._context(), ctypes.byref(function._func), a, len(params), b, len(results), ctypes.byref(trap))
        if error:
            raise wasmtime.WasmtimeError._from_ptr(error)
        if trap:
            self.failed(wasmtime.Trap._from_ptr(trap))
        return [self.expected(raw, t) for raw, t in zip(b, results)]

    def failed(self, trap):
        exception = ffi.wasmtime_exnref_t()
        if ffi.wasmtime_context_take_exception(self.store._context(), ctypes.byref(exception)):
            ffi.wasmtime_exnref_unroot(ctypes.byref(exception))
            raise Thrown
        code = trap.trap_code.name if trap.trap_code else None
        if code == "TABLE_OUT_OF_BOUNDS":
            # One code for two messages: the operator tells.
            frame = trap.frames[0]
            at = self.binaries[frame.module_name][frame.module_offset]
            raise Trapped("undefined element" if at in (0x11, 0x13) else "out of bounds table access")
        if code not in TRAPS or code == "STACK_OVERFLOW":
            raise Unusable(str(trap))
        raise Trapped(TRAPS[code])

    def get(self, name, t):
        raw = ffi.wasmtime_val_t()
        ffi.wasmtime_global_get(self.store._context(), ctypes.byref(self.exports[name]._global), ctypes.byref(raw))
        return self.expected(raw, t)

    def hits(self):
        """How often each operator was executed, by modules that count."""
        counts = Counter()
        for exports in self.all:
            self.exports = exports
            for name in list(exports):
                if name.startswith("hit_"):
                    counts[name[4:]] += int(self.get(name, "i64").split()[1][:-1])
        return counts


class Host:
    """An object of the host, by the number that scripts give it."""

    def __init__(self, number):
        self.number = number
