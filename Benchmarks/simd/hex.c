// simd: hexadecimal encoding and checked decoding: swizzle, interleaving
// shuffles, comparisons, narrowing, a test of all lanes.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>
#define SIZE (16 * 1024)
static uint8_t input[SIZE], back[SIZE];
static char text[2 * SIZE];

static NOINLINE void encode(const uint8_t *from, size_t count, char *to) {
  v128_t digits = wasm_i8x16_const('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  for (size_t i = 0; i + 16 <= count; i += 16) {
    v128_t bytes = wasm_v128_load(from + i);
    v128_t high = wasm_i8x16_swizzle(digits, wasm_u8x16_shr(bytes, 4));
    v128_t low = wasm_i8x16_swizzle(digits, wasm_v128_and(bytes, wasm_i8x16_const_splat(15)));
    wasm_v128_store(to + 2 * i,
                    wasm_i8x16_shuffle(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    wasm_v128_store(to + 2 * i + 16,
                    wasm_i8x16_shuffle(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  }
}

// The values of sixteen digits; `bad` collects lanes that are none.
static inline v128_t values(v128_t text, v128_t *bad) {
  v128_t decimal = wasm_i8x16_sub(text, wasm_i8x16_const_splat('0'));
  v128_t is_decimal = wasm_u8x16_le(decimal, wasm_i8x16_const_splat(9));
  v128_t letter = wasm_i8x16_sub(wasm_v128_or(text, wasm_i8x16_const_splat(0x20)), wasm_i8x16_const_splat('a'));
  v128_t is_letter = wasm_u8x16_le(letter, wasm_i8x16_const_splat(5));
  *bad = wasm_v128_or(*bad, wasm_v128_not(wasm_v128_or(is_decimal, is_letter)));
  return wasm_v128_bitselect(decimal, wasm_i8x16_add(letter, wasm_i8x16_const_splat(10)), is_decimal);
}

static NOINLINE int decode(const char *from, size_t count, uint8_t *to) {
  v128_t bad = wasm_i8x16_const_splat(0);
  for (size_t i = 0; i + 16 <= count; i += 16) {
    v128_t first = values(wasm_v128_load(from + 2 * i), &bad);
    v128_t second = values(wasm_v128_load(from + 2 * i + 16), &bad);
    // The even lanes are high nibbles, the odd ones low.
    first = wasm_v128_or(wasm_i16x8_shl(first, 4), wasm_u16x8_shr(first, 8));
    second = wasm_v128_or(wasm_i16x8_shl(second, 4), wasm_u16x8_shr(second, 8));
    v128_t mask = wasm_i16x8_const_splat(0xFF);
    wasm_v128_store(to + i, wasm_u8x16_narrow_i16x8(wasm_v128_and(first, mask), wasm_v128_and(second, mask)));
  }
  return wasm_v128_any_true(bad);
}

RUN {
  seed_random();
  for (size_t i = 0; i < SIZE; i++) input[i] = (uint8_t)(next_random() >> 48);
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    encode(input, SIZE, text);
    if (round % 16 == 15) text[(uint32_t)round * 31 % (2 * SIZE)] = 'g';
    sum = sum * 31 + (uint32_t)decode(text, SIZE, back);
    for (size_t i = (size_t)(round & 31); i < SIZE; i += 509) sum = sum * 31 + back[i];
    input[(uint32_t)round * 97 % SIZE] ^= (uint8_t)sum;
  }
  return sum;
}
