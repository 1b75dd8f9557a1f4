#!/usr/bin/env bash
# Runs every real program and says at the end which passed.
here=$(cd "$(dirname "$0")" && pwd)
passed=() failed=()
for program in ${*:-lua sqlite quickjs zstd yosys cxx audio threads}; do
  if "$here/$program.sh"; then passed+=("$program"); else failed+=("$program"); fi
done
echo "real programs: ${#passed[@]} passed (${passed[*]}), ${#failed[@]} failed (${failed[*]})"
[ ${#failed[@]} -eq 0 ]
