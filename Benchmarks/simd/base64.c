// simd: base64 encoding, twelve bytes to sixteen characters a step: a shuffle,
// shifts and masks by lane, a table of sixteen offsets by swizzle.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>
#define SIZE (48 * 1024)
static uint8_t input[SIZE + 16];
static char output[SIZE / 3 * 4 + 16];

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static inline v128_t characters(v128_t six) {
  // The class of a value: 0 for a-z's values, 1 to 10 for digits, 11 for +, 12
  // for /, 13 for A-Z; the table says what to add.
  v128_t class = wasm_u8x16_sub_sat(six, wasm_i8x16_const_splat(51));
  v128_t upper = wasm_i8x16_lt(six, wasm_i8x16_const_splat(26));
  class = wasm_v128_or(class, wasm_v128_and(upper, wasm_i8x16_const_splat(13)));
  v128_t offsets = wasm_i8x16_const('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                    '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
  return wasm_i8x16_add(six, wasm_i8x16_swizzle(offsets, class));
}

static NOINLINE size_t encode(const uint8_t *from, size_t count, char *to) {
  char *start = to;
  size_t i = 0;
  for (; i + 16 <= count; i += 12, to += 16) {
    v128_t bytes = wasm_v128_load(from + i);
    // Every 32-bit lane gets its three bytes as one number, the first on top.
    v128_t lanes = wasm_i8x16_shuffle(bytes, bytes, 2, 1, 0, 0, 5, 4, 3, 3, 8, 7, 6, 6, 11, 10, 9, 9);
    v128_t c0 = wasm_v128_and(wasm_u32x4_shr(lanes, 18), wasm_i32x4_const_splat(0x3F));
    v128_t c1 = wasm_v128_and(wasm_u32x4_shr(lanes, 4), wasm_i32x4_const_splat(0x3F00));
    v128_t c2 = wasm_v128_and(wasm_i32x4_shl(lanes, 10), wasm_i32x4_const_splat(0x3F0000));
    v128_t c3 = wasm_v128_and(wasm_i32x4_shl(lanes, 24), wasm_i32x4_const_splat(0x3F000000));
    v128_t six = wasm_v128_or(wasm_v128_or(c0, c1), wasm_v128_or(c2, c3));
    wasm_v128_store(to, characters(six));
  }
  for (; i + 3 <= count; i += 3, to += 4) {
    uint32_t value = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];
    for (int k = 0; k < 4; k++) to[k] = alphabet[value >> (18 - 6 * k) & 63];
  }
  return (size_t)(to - start);
}

RUN {
  seed_random();
  for (size_t i = 0; i < SIZE; i++) input[i] = (uint8_t)(next_random() >> 48);
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    size_t length = encode(input, SIZE - 3 * (size_t)(round & 7), output);
    for (size_t i = (size_t)(round & 31); i < length; i += 509) sum = sum * 31 + (uint8_t)output[i];
    input[(uint32_t)round * 97 % SIZE] ^= (uint8_t)sum;
  }
  return sum;
}
