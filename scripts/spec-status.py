#!/usr/bin/env python3
"""Writes docs/spec-suite.md: what of the specification's test suite does not run yet, and why.

Usage: scripts/spec-status.py path/to/aviary path/to/spec-testsuite
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main() -> None:
    aviary, suite = sys.argv[1:3]
    groups = dict(
        line.split("\t") for line in (pathlib.Path(suite) / "groups.tsv").read_text().splitlines() if "\t" in line
    )
    known = ROOT / "Tests" / "known-failures.txt"
    output = subprocess.run(
        [aviary, "wast", "--causes", "--known-failures", str(known), suite], capture_output=True, text=True, check=True
    ).stdout
    rows, totals, current = [], {}, None
    for line in output.splitlines():
        if match := re.fullmatch(r"(\S+): (\d+) passed, (\d+) failed, (\d+) skipped", line):
            path = match[1]
            current = {"path": path, "group": groups[path], "passed": int(match[2]), "skipped": int(match[4]), "causes": set()}
            total = totals.setdefault(groups[path], [0, 0, 0])
            for index in range(3):
                total[index] += int(match[2 + index])
            if current["skipped"]:
                rows.append(current)
        elif current and (match := re.match(r"\s+\d+ skipped: (.*)", line)):
            cause = re.sub(r"^unsupported: |: at function \d+$| \(.*\)$", "", match[1])
            current["causes"].add(re.sub(r": at function \d+$", "", cause))
    text = ["# The specification's test suite", ""]
    text += ["Written by `scripts/spec-status.py`. Commands of all scripts:", ""]
    text += ["| Group | Passed | Failed | Skipped |", "|---|---|---|---|"]
    text += [f"| {group} | {a} | {b} | {c} |" for group, (a, b, c) in sorted(totals.items())]
    text += ["", "What is skipped, file by file:", "", "| File | Group | Passed | Skipped | Cause |", "|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["group"], row["path"])):
        causes = "; ".join(sorted(row["causes"]))
        text.append(f"| {row['path']} | {row['group']} | {row['passed']} | {row['skipped']} | {causes} |")
    (ROOT / "docs" / "spec-suite.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
