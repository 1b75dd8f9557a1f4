#!/usr/bin/env bash
# zstd (PyPI's sdist of `zstandard`) compresses 50 MB and decompresses it,
# natively and as WebAssembly: the compressed files must be equal, each must
# decompress the other's, and the result must be the original.
source "$(dirname "$0")/common.sh"
sdist zstandard 0.25.0
zstd=$work/zstandard/zstd
build=$work/zstd
mkdir -p "$build/data"

common=(-O2 -I"$zstd" -DXXH_NAMESPACE=ZSTD_ -w "$zstd/zstd.c" "$here/zstd/driver.c")
if stale "$build/native" "$here"/zstd{.sh,/driver.c}; then
  native_cc "${common[@]}" -DZSTD_DISABLE_ASM -lpthread -o "$build/native"
fi
if stale "$build/zstd.wasm" "$here"/zstd{.sh,/driver.c}; then
  wasm_cc "${common[@]}" -DZSTD_DISABLE_ASM -Wl,-z,stack-size=1048576 -o "$build/zstd.wasm"
fi
guest() { $RUNNER --dir "$build/data::/" "$build/zstd.wasm" "$@"; }

cd "$build/data"
[ -f original ] || "$build/native" generate original 50000000
"$build/native" compress original native.zst 3
timed guest compress original guest.zst 3
same "zstd compressed" native.zst guest.zst
timed guest decompress native.zst guest.out
same "zstd decompressed by the guest" original guest.out
"$build/native" decompress guest.zst native.out
same "zstd decompressed natively" original native.out
rm native.zst guest.zst guest.out native.out
