#!/usr/bin/env bash
# Passes the tests: the release build on a real program, the specification's
# suite where it is at hand, the example against its expected output, and last
# `swift test`, whose closing line counts.
set -euo pipefail
cd "$(dirname "$0")/.."

# What hangs ends, a crash's backtrace too.
limited() { timeout --kill-after=30 "$@"; }

echo "== release build"
swift build -c release --product aviary
aviary=.build/release/aviary

echo "== a real program"
expected="9 words, 5 different
     3 the              ########################################
     2 and              ##########################"
# On its thread, and suspended while it waits for what it reads.
for mode in "" --async; do
  out=$({ printf 'the bird and the '; sleep 0.1; echo 'other bird and the egg'; } | "$aviary" run $mode Examples/words/words.wasm -n 2)
  [ "$out" = "$expected" ] || { echo "words.wasm $mode printed:"; echo "$out"; exit 1; }
done

suite=${AVIARY_SPEC_TESTSUITE:-../shared/spec-testsuite}
if [ -d "$suite" ]; then
  echo "== the specification's test suite, release build"
  limited 300 "$aviary" wast --summary --known-failures Tests/known-failures.txt "$suite"
  for way in "--epoch 1ms" "--fuel 4611686018427387904" "--epoch 1ms --fuel 4611686018427387904"; do
    echo "== the suite with $way"
    # The options' words are meant to be split.
    out=$(limited 300 "$aviary" wast --summary $way --known-failures Tests/known-failures.txt "$suite") || { echo "$out"; exit 1; }
    tail -1 <<< "$out"
  done
  # The same from a pool, whose memories go from file to file. Without keys its stripes keep nothing apart,
  # but are laid out, taken and reset as with them.
  userfaultfd=(userfaultfd-signal userfaultfd-thread)
  # In containers it may not be permitted; then that is said here, and not passed over.
  "$aviary" run --pool --memory-init userfaultfd-thread --invoke f <(echo '(module (func (export "f")))') ||
    { echo "== NOT RUN on this machine: the suite with userfaultfd"; userfaultfd=(); }
  for way in cow eager "cow --reset adaptive" "cow --reset scan" "cow --reset keep-resident" "cow --reset decommit" \
    "${userfaultfd[@]}"; do
    for keys in off unenforced; do
      echo "== the suite from a pool: $way, protection keys $keys"
      known=(--known-failures Tests/known-failures.txt)
      [ $keys = off ] || known+=(--known-failures Tests/known-failures-without-keys.txt)
      # The options' words are meant to be split.
      out=$(limited 300 "$aviary" wast --summary --pool --protection-keys $keys --memory-init $way "${known[@]}" "$suite") ||
        { echo "$out"; exit 1; }
      tail -1 <<< "$out"
    done
  done
else
  echo "== no suite at $suite: set AVIARY_SPEC_TESTSUITE to a checkout of WebAssembly/testsuite"
fi

echo "== tenants that behave badly, over every way to allocate"
swift build -c release --product aviary-tenants
limited 600 .build/release/aviary-tenants 1 2000

echo "== suspended guests, a thousand at a time"
swift build -c release --product aviary-fibers
limited 600 .build/release/aviary-fibers 1 1000

echo "== the example that depends on the package"
limited 900 swift test --package-path Examples/stream-transform

echo "== paths named in comments and pages"
scripts/check-paths.sh

echo "== unit tests"
swift build --build-tests
limited 900 swift test --skip-build
