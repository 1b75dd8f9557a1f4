#!/usr/bin/env python3
"""`aviary bench`, with Wasmtime's wheel underneath: same options, same JSON.

usage: peer.py bench --strategy cranelift|winch FILE --invoke NAME ARG... [--repeat N] [--epoch TICK] [--fuel N] --json
       peer.py bench --strategy cranelift|winch FILE --compile [--repeat N] [--threads 1] --json
"""
import argparse
import json
import pathlib
import sys
import time

import wasmtime


def use_winch(config):
    """The wheel's Python names two strategies; its library knows the third, too.

    Winch does not know these proposals, and refuses an engine that has them on.
    """
    for feature in ("gc", "function_references", "tail_call", "exceptions", "stack_switching", "threads", "relaxed_simd"):
        setattr(config, "wasm_" + feature, False)
    wasmtime._ffi.wasmtime_config_strategy_set(config.ptr(), 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["bench"])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("arguments", nargs="*", type=int)
    parser.add_argument("--strategy", default="cranelift")
    parser.add_argument("--invoke")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--epoch", help="checks of an epoch that never comes; the tick's length is for the other's use")
    parser.add_argument("--fuel", type=int, help="how much")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_intermixed_args()

    config = wasmtime.Config()
    if options.strategy == "winch":
        use_winch(config)
    if options.strategy == "cranelift":
        config.cranelift_opt_level = "speed"
    config.parallel_compilation = options.threads != 1
    config.epoch_interruption = options.epoch is not None
    config.consume_fuel = options.fuel is not None
    engine = wasmtime.Engine(config)
    data = options.file.read_bytes()
    out = {"file": options.file.name, "bytes": len(data)}

    def timed(body):
        start, cpu = time.perf_counter_ns(), time.thread_time_ns()
        result = body()
        cpu = time.thread_time_ns() - cpu
        return (time.perf_counter_ns() - start, cpu), result

    if options.compile:
        for phase, body in (("validate", wasmtime.Module.validate), ("compile", wasmtime.Module)):
            times = [timed(lambda: body(engine, data))[0] for _ in range(options.repeat)]
            out[phase + "_ns"], out[phase + "_cpu_ns"] = [t[0] for t in times], [t[1] for t in times]
        print(json.dumps(out))
        return

    (out["compile_ns"], _), module = timed(lambda: wasmtime.Module(engine, data))
    store = wasmtime.Store(engine)
    if options.epoch is not None:
        store.set_epoch_deadline(1 << 62)
    if options.fuel is not None:
        store.set_fuel(options.fuel)
    wasi = wasmtime.WasiConfig()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store.set_wasi(wasi)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    (out["instantiate_ns"], _), instance = timed(lambda: linker.instantiate(store, module))
    exports = instance.exports(store)
    if "_initialize" in exports:
        exports["_initialize"](store)
    function = exports[options.invoke]
    calls = []
    for _ in range(options.repeat):
        elapsed, result = timed(lambda: function(store, *options.arguments))
        calls.append(elapsed)
    out["calls_ns"], out["calls_cpu_ns"] = [t[0] for t in calls], [t[1] for t in calls]
    out["result"] = result
    print(json.dumps(out))


if __name__ == "__main__":
    sys.exit(main())
