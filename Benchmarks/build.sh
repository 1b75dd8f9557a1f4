#!/usr/bin/env bash
# Builds every kernel, and the programs that time themselves inside one process,
# to Benchmarks/out/*.wasm. Sources of the programs come from PyPI by name
# (scripts/real-programs/common.sh), and stay out of the repository.
# `build.sh simd` builds only what simd.json lists.
source "$(dirname "$0")/../scripts/real-programs/common.sh"
source "$here/cxx-runtime.sh"
kernels=$root/Benchmarks
out=$kernels/out
mkdir -p "$out"

for source in "$kernels"/simd/*.c; do
  target=$out/$(basename "${source%.c}").wasm
  if stale "$target" "$source" "$kernels/kernels/kernel.h"; then
    wasm_cc -target wasm32-freestanding -mcpu=lime1+simd128 -O3 -nostdlib -Wl,--no-entry "$source" -o "$target"
  fi
done
if stale "$out/throw.wasm" "$kernels/exceptions/throw.cpp" "$kernels/kernels/kernel.h" "$here/cxx-runtime.sh"; then
  wasm_cxx new "$out/throw.wasm" "$kernels/exceptions/throw.cpp" -O3 -- -mexec-model=reactor
fi
[ "${1:-}" = simd ] && exit

for source in "$kernels"/kernels/*.c; do
  target=$out/$(basename "${source%.c}").wasm
  if stale "$target" "$source" "$kernels/kernels/kernel.h"; then
    wasm_cc -target wasm32-freestanding -O2 -nostdlib -Wl,--no-entry "$source" -o "$target"
  fi
done

# program NAME FLAGS...: a reactor that exports `run`.
program() {
  local name=$1
  shift
  if stale "$out/$name.wasm" "$kernels/programs/$name.c" "$kernels/build.sh"; then
    wasm_cc -O2 -mexec-model=reactor -w "$kernels/programs/$name.c" "$@" -Wl,-z,stack-size=1048576 -o "$out/$name.wasm"
  fi
}

sdist lupa 2.8
lua=$work/lupa/third-party/lua54
program lua -std=gnu99 -I"$lua" -DMAKE_LIB -I"$root/scripts/real-programs/lua/guest" \
  -include "$kernels/programs/lua_straight.h" "$lua/onelua.c" \
  -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -lwasi-emulated-signal -lwasi-emulated-process-clocks
sdist sqlean.py 3.50.4.5
sqlite=$work/sqlean.py/sqlite
program sqlite -I"$sqlite" "$sqlite/sqlite3.c" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
  -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN -lwasi-emulated-getpid -lwasi-emulated-mman
sdist zstandard 0.25.0
zstd=$work/zstandard/zstd
program zstd -I"$zstd" -DXXH_NAMESPACE=ZSTD_ -DZSTD_DISABLE_ASM "$zstd/zstd.c"
sdist quickjs 1.19.4
quickjs=$work/quickjs/upstream-quickjs
program quickjs -I"$quickjs" -D_GNU_SOURCE -DCONFIG_VERSION='"0"' -DEMSCRIPTEN -DCONFIG_STACK_CHECK \
  -Dmalloc_usable_size=no_usable_size -include "$root/scripts/real-programs/quickjs/wasi.h" \
  "$quickjs"/{quickjs,cutils,libregexp,libunicode}.c -D_WASI_EMULATED_SIGNAL -lwasi-emulated-signal
ls "$out"/*.wasm | wc -l | sed 's/$/ modules built/'
