#!/usr/bin/env bash
# Lua 5.4 (its sources are in PyPI's sdist of `lupa`) runs lua/script.lua,
# natively and as WebAssembly, and both must print the same.
# Needs Debian's `binaryen`: lua/guest_try.c says why.
source "$(dirname "$0")/common.sh"
sdist lupa 2.8
lua=$work/lupa/third-party/lua54
build=$work/lua
mkdir -p "$build"

common=(-std=gnu99 -O2 -DMAKE_LUA -I"$lua")
if stale "$build/native" "$lua/onelua.c"; then
  native_cc "${common[@]}" -DLUA_USE_POSIX -Wno-deprecated-declarations "$lua/onelua.c" -lm -o "$build/native"
fi
if stale "$build/lua.wasm" "$here"/lua{.sh,/guest_try.h,/guest_try.c}; then
  wasm_cc "${common[@]}" -mcpu=mvp+mutable_globals+sign_ext+nontrapping_fptoint \
    -Wno-invalid-noreturn -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -DL_tmpnam=20 \
    -I"$here/lua/guest" -include "$here/lua/guest_try.h" "$lua/onelua.c" "$here/lua/guest_try.c" \
    -lwasi-emulated-signal -lwasi-emulated-process-clocks \
    -Wl,--strip-debug -Wl,-z,stack-size=1048576 -o "$build/plain.wasm"
  wasm-opt --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals \
    -g --asyncify --pass-arg=asyncify-ignore-imports -O2 "$build/plain.wasm" -o "$build/lua.wasm"
fi

cd "$here"
"$build/native" lua/script.lua a b > "$build/native.txt"
timed $RUNNER --dir "$here::/" "$build/lua.wasm" lua/script.lua a b > "$build/guest.txt"
same lua "$build/native.txt" "$build/guest.txt"
