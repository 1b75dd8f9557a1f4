# Shared by the scripts of this folder; sourced, not run.
#
# AVIARY_WORK  where sources are unpacked and built (default: .build/programs,
#              which git ignores); nothing of it is ever committed.
# RUNNER       the command under test, which takes
#              [--dir HOST::GUEST] [--env K=V] FILE.wasm ARG...
#              (default: the release build's `aviary run`).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${AVIARY_WORK:-$root/.build/programs}
RUNNER=${RUNNER:-$root/.build/release/aviary run}
mkdir -p "$work"
work=$(cd "$work" && pwd)

# The Python with `ziglang` (a C compiler for wasm32-wasi) and `wasmtime`.
python=$work/venv/bin/python
if [ ! -x "$python" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" -q install ziglang==0.17.0 wasmtime==50.0.1
fi
export ZIG_GLOBAL_CACHE_DIR=$work/zig-cache ZIG_LOCAL_CACHE_DIR=$work/zig-cache

# sdist NAME VERSION: unpacks a source distribution of PyPI to $work/NAME.
sdist() {
  [ -d "$work/$1" ] && return
  (cd "$work" && "$work/venv/bin/pip" -q download --no-deps --no-binary :all: -d downloads "$1==$2")
  rm -rf "$work/$1.part"
  mkdir "$work/$1.part"
  tar xzf "$work"/downloads/${1//[-.]/?}-"$2".tar.gz -C "$work/$1.part" --strip-components 1
  mv "$work/$1.part" "$work/$1"
}

wasm_cc() { "$python" -m ziglang cc -target wasm32-wasi "$@"; }
native_cc() { "${CC:-cc}" "$@"; }

# newer OUT IN...: whether OUT must be built again.
stale() {
  local out=$1 in
  shift
  [ -e "$out" ] || return 0
  for in in "$@"; do [ "$in" -nt "$out" ] && return 0; done
  return 1
}

# same NAME EXPECTED ACTUAL: compares two outputs byte for byte.
same() {
  if cmp -s "$2" "$3"; then
    echo "$1: same output as the reference, $(wc -c < "$3") bytes"
  else
    echo "$1: output DIFFERS from the reference"
    diff "$2" "$3" | head -20
    exit 1
  fi
}

# timed COMMAND...: runs it and says its wall time on stderr.
timed() {
  local from=$EPOCHREALTIME status=0
  "$@" || status=$?
  awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "  %.2f s\n", b - a }' >&2
  return $status
}
