#!/usr/bin/env bash
# A C++ program with the standard library that lives by exceptions (cxx/ledger.cpp),
# natively and as WebAssembly with both forms of exceptions: all must print the
# same and exit with the same code. LEGACY is the option that the runner
# needs for the legacy form; `LEGACY=none` leaves that form out.
source "$(dirname "$0")/common.sh"
source "$here/cxx-runtime.sh"
build=$work/cxx
mkdir -p "$build"
LEGACY=${LEGACY:---feature legacy-exceptions}

source=$here/cxx/ledger.cpp
if stale "$build/native" "$source"; then
  "${CXX:-c++}" -std=c++20 -O2 "$source" -o "$build/native"
fi
run() {
  local status=0
  "$@" || status=$?
  echo "exit code $status"
}
run "$build/native" > "$build/native.txt"
for form in new legacy; do
  [ "$form $LEGACY" = "legacy none" ] && continue
  if stale "$build/$form.wasm" "$source" "$here/cxx-runtime.sh"; then
    wasm_cxx "$form" "$build/$form.wasm" "$source" -std=c++20 -O2 -- -Wl,-z,stack-size=1048576
  fi
  options=()
  [ "$form" = legacy ] && options=($LEGACY)
  timed run $RUNNER "${options[@]}" "$build/$form.wasm" > "$build/$form.txt"
  same "C++, $form exceptions" "$build/native.txt" "$build/$form.txt"
done
