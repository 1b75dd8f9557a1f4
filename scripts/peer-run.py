#!/usr/bin/env python3
"""Runs a WASI command under Wasmtime's wheel, with the command line of `aviary run`.

It is the reference that scripts compare with where no native build exists, and
the stand-in that lets them be tried without Aviary. It needs `pip install wasmtime`.

usage: peer-run.py [run] [--dir HOST::GUEST] [--env K=V] FILE.wasm [ARG ...]
"""
import sys

import wasmtime


def main(argv):
    if argv and argv[0] == "run":
        argv = argv[1:]
    directories, environment = [], []
    while argv and argv[0].startswith("--"):
        option, _, value = argv[0].partition("=")
        argv = argv[1:]
        if option == "--":
            break
        if not value:
            value, argv = argv[0], argv[1:]
        if option == "--dir":
            host, _, guest = value.partition("::")
            directories.append((host, guest or host))
        elif option == "--env":
            environment.append(tuple(value.split("=", 1)))
        else:
            sys.exit(f"unknown option {option}")

    config = wasmtime.Config()
    config.cache = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module.from_file(engine, argv[0])
    wasi = wasmtime.WasiConfig()
    wasi.argv = argv
    wasi.env = environment
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for host, guest in directories:
        wasi.preopen_dir(host, guest)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    try:
        instance = linker.instantiate(store, module)
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as exit:
        return exit.code
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        print(error, file=sys.stderr)
        return 134
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    sys.exit(main(sys.argv[1:]))
