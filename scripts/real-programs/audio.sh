#!/usr/bin/env bash
# miniaudio and stb_vorbis (PyPI's sdist of `miniaudio`) with -O3 and SIMD: decode
# WAV, FLAC, MP3 and Vorbis, resample, filter, convert. Native and WebAssembly must
# agree to the last bit. The native build has the same libm, and no fused or
# hand-written vector operations, since both would round differently.
source "$(dirname "$0")/common.sh"
sdist miniaudio 1.71
audio=$work/miniaudio
build=$work/audio
mkdir -p "$build"

common=(-O3 -g0 -w -ffp-contract=off -I"$audio/miniaudio" -DMA_NO_SSE2 -DMA_NO_AVX2 -DMA_NO_NEON -DMA_DR_MP3_NO_SIMD
  -DMA_DR_FLAC_NO_SIMD "$here/audio/driver.c")
if stale "$build/native" "$here"/audio{.sh,/driver.c}; then
  "$python" -m ziglang cc -target x86_64-linux-musl "${common[@]}" -o "$build/native"
fi
if stale "$build/audio.wasm" "$here"/audio{.sh,/driver.c}; then
  wasm_cc -mcpu=lime1+simd128 "${common[@]}" -Wl,--strip-debug -Wl,-z,stack-size=1048576 -o "$build/audio.wasm"
fi

cd "$audio/tests/audio"
files=(test.wav test.flac test.mp3 test.ogg)
timed "$build/native" 6 "${files[@]}" > "$build/native.txt"
timed $RUNNER --dir "$PWD::/" "$build/audio.wasm" 6 "${files[@]}" > "$build/guest.txt"
same "audio, SIMD" "$build/native.txt" "$build/guest.txt"
