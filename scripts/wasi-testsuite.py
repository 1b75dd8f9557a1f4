#!/usr/bin/env python3
"""Runs the public wasi-testsuite's preview 1 programs and counts what passes.

usage: wasi-testsuite.py TREE [--filter TEXT] [--timeout S] [-v] -- RUNNER ...

TREE is an unpacked tree of the suite that holds prebuilt programs (its branch
prod/testsuite-base), kept outside this repository. RUNNER is a command that
takes [--env K=V] [--dir HOST::GUEST] FILE.wasm ARG..., such as `aviary run`.
Each test's .json says arguments, environment, root folder, exit code, stdout
and stderr; one without .json must just exit with 0. Every test gets a fresh
copy of its root folder, so the tree stays as it was.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile


def manifest_of(program):
    """The test's expectations, whichever of the two formats states them."""
    path = program.with_suffix(".json")
    config = json.loads(path.read_text()) if path.exists() else {}
    if "operations" not in config:
        return {**{"args": [], "env": {}, "root": None, "exit_code": 0}, **config}
    result = {"args": [], "env": {}, "root": None, "exit_code": 0}
    for operation in config["operations"]:
        kind = operation["type"]
        if kind == "run":
            result.update({k: v for k, v in operation.items() if k != "type"})
        elif kind == "wait":
            result["exit_code"] = operation.get("exit_code", 0)
        elif kind == "read":
            result[operation.get("id", "stdout")] = operation.get("payload", "")
        else:
            return None
    return result


def run(program, runner, timeout):
    """None where the test passed, else what was wrong."""
    test = manifest_of(program)
    if test is None:
        raise NotImplementedError("an operation that needs a network peer")
    command = list(runner)
    for key, value in test["env"].items():
        command += ["--env", f"{key}={value}"]
    with tempfile.TemporaryDirectory(prefix="wasi-testsuite-") as scratch:
        if test["root"]:
            root = pathlib.Path(scratch) / "root"
            shutil.copytree(program.parent / test["root"], root, symlinks=True)
            for leftover in root.glob("**/*.cleanup"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            command += ["--dir", f"{root}::/"]
        command += [str(program)] + test["args"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            return f"no end within {timeout} s"
    if done.returncode != test["exit_code"]:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        return f"exit code {done.returncode}, not {test['exit_code']}: {said[:400]}"
    for stream in ("stdout", "stderr"):
        if stream in test and getattr(done, stream).decode(errors="replace") != test[stream]:
            return f"{stream} is {getattr(done, stream)!r}, not {test[stream]!r}"
    return None


def main():
    arguments, runner = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, runner = arguments[:cut], arguments[cut + 1:]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args(arguments)
    if not runner:
        parser.error("no runner after --")

    programs = sorted(options.tree.glob("tests/*/testsuite/wasm32-wasip1/*.wasm"))
    if not programs:
        sys.exit(f"no preview 1 programs under {options.tree}")
    passed, failed, skipped = [], [], []
    for program in programs:
        name = f"{program.parts[-4]}/{program.stem}"
        if options.filter not in name:
            continue
        try:
            wrong = run(program, runner, options.timeout)
        except NotImplementedError as reason:
            skipped.append((name, str(reason)))
            continue
        (failed if wrong else passed).append((name, wrong))
        if options.verbose:
            print(("FAIL " if wrong else "pass ") + name, flush=True)
    for name, reason in skipped:
        print(f"skipped {name}: {reason}")
    for name, wrong in failed:
        print(f"failed {name}: {wrong}")
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
