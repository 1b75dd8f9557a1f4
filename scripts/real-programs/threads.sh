#!/usr/bin/env bash
# zstd with its own threads (ZSTD_MULTITHREAD over pthreads): 50 MB compressed by
# two workers beside the main thread, natively and as WebAssembly with
# wasi-threads; both must give the same bytes. threads/pthread.c is the layer
# between. THREADS is the option that the runner needs for threads.
source "$(dirname "$0")/common.sh"
sdist zstandard 0.25.0
zstd=$work/zstandard/zstd
build=$work/threads
mkdir -p "$build/data"
THREADS=${THREADS:---wasi-threads}

common=(-O2 -I"$zstd" -DXXH_NAMESPACE=ZSTD_ -DZSTD_MULTITHREAD -DZSTD_DISABLE_ASM -w)
inputs=("$here"/threads{.sh,/pthread.c,/start.s} "$here/zstd/driver.c")
if stale "$build/native" "${inputs[@]}"; then
  native_cc "${common[@]}" "$zstd/zstd.c" "$here/zstd/driver.c" -lpthread -o "$build/native"
fi
if stale "$build/zstd.wasm" "${inputs[@]}"; then
  # `import-memory`: every thread is an instance of the same module around one memory.
  # pthread.c comes first, so that its functions count and not the libc's stubs.
  wasm_cc -mcpu=lime1+atomics+bulk_memory "${common[@]}" "$here"/threads/{pthread.c,start.s} "$zstd/zstd.c" "$here"/zstd/driver.c \
    -Wl,--import-memory,--export-memory,--shared-memory,--max-memory=1073741824,-z,stack-size=1048576 \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -Wl,--strip-debug -o "$build/zstd.wasm"
fi
guest() { $RUNNER $THREADS --dir "$build/data::/" "$build/zstd.wasm" "$@"; }

cd "$build/data"
[ -f original ] || "$build/native" generate original 50000000
timed "$build/native" compress original native.zst 3 2
timed guest compress original guest.zst 3 2
same "zstd compressed by two workers" native.zst guest.zst
"$build/native" decompress guest.zst native.out
same "zstd decompressed natively" original native.out
rm native.zst guest.zst native.out
