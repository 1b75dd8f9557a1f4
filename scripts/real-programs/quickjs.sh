#!/usr/bin/env bash
# QuickJS (PyPI's sdist of `quickjs`) runs quickjs/script.js, natively and as
# WebAssembly, and both must print the same.
source "$(dirname "$0")/common.sh"
sdist quickjs 1.19.4
quickjs=$work/quickjs/upstream-quickjs
build=$work/quickjs-build
mkdir -p "$build"

common=(-O2 -D_GNU_SOURCE -DCONFIG_BIGNUM -I"$quickjs" -DCONFIG_VERSION="\"$(cat "$quickjs/VERSION")\"" -w
  "$quickjs"/{quickjs,cutils,libregexp,libunicode,libbf}.c "$here/quickjs/driver.c")
if stale "$build/native" "$here"/quickjs{.sh,/driver.c,/wasi.h}; then
  native_cc "${common[@]}" -lm -lpthread -o "$build/native"
fi
# EMSCRIPTEN is the engine's switch for hosts without atomics and threads.
if stale "$build/quickjs.wasm" "$here"/quickjs{.sh,/driver.c,/wasi.h}; then
  wasm_cc "${common[@]}" -DEMSCRIPTEN -DCONFIG_STACK_CHECK -D_WASI_EMULATED_SIGNAL -lwasi-emulated-signal \
    -Dmalloc_usable_size=no_usable_size -include "$here/quickjs/wasi.h" \
    -Wl,-z,stack-size=4194304 -o "$build/quickjs.wasm"
fi

cd "$here"
"$build/native" quickjs/script.js > "$build/native.txt"
timed $RUNNER --dir "$here::/" "$build/quickjs.wasm" quickjs/script.js > "$build/guest.txt"
same quickjs "$build/native.txt" "$build/guest.txt"
