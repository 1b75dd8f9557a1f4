#!/bin/sh
# Builds the fuzzers and runs one of them.
#
#   Fuzz/run.sh [module|text|wasi] [seconds] [libFuzzer's options]
#
# Inputs start from Corpus/; what is found is kept in .build-fuzzer/found (crashes too).
set -eu
cd "$(dirname "$0")"
what=${1:-module}
seconds=${2:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] && shift
case $what in
module) target=FuzzModule corpus=Corpus/modules ;;
text) target=FuzzText corpus=Corpus/text ;;
wasi) target=FuzzWASI corpus=Corpus/wasi ;;
*) echo "module, text or wasi" >&2; exit 2 ;;
esac
AVIARY_FUZZER=1 swift build -c release --scratch-path .build-fuzzer --product $target
found=.build-fuzzer/found/$what
mkdir -p "$found"
# The sanitizer prints the stack; Swift's own backtracer would wait for a process that it stopped.
export SWIFT_BACKTRACE=enable=no
exec .build-fuzzer/release/$target -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 \
  -artifact_prefix="$found/" -print_final_stats=1 "$@" "$found" "$corpus"
