// simd: memchr over lines of some ten to some hundred bytes: comparison, the
// mask of the lanes as an integer, a count of zeros; many short calls.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>
#define SIZE (64 * 1024)
static uint8_t text[SIZE + 16];

static NOINLINE const uint8_t *find(const uint8_t *from, uint8_t byte, size_t count) {
  v128_t wanted = wasm_u8x16_splat(byte);
  const uint8_t *end = from + count;
  for (; from + 64 <= end; from += 64) {
    v128_t e0 = wasm_i8x16_eq(wasm_v128_load(from), wanted);
    v128_t e1 = wasm_i8x16_eq(wasm_v128_load(from + 16), wanted);
    v128_t e2 = wasm_i8x16_eq(wasm_v128_load(from + 32), wanted);
    v128_t e3 = wasm_i8x16_eq(wasm_v128_load(from + 48), wanted);
    if (wasm_v128_any_true(wasm_v128_or(wasm_v128_or(e0, e1), wasm_v128_or(e2, e3)))) break;
  }
  for (; from < end; from += 16) {
    uint32_t mask = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(from), wanted));
    if (mask) {
      from += __builtin_ctz(mask);
      return from < end ? from : NULL;
    }
  }
  return NULL;
}

RUN {
  seed_random();
  for (size_t i = 0; i < SIZE; i++) {
    uint64_t random = next_random();
    text[i] = random >> 56 < 2 ? '\n' : (uint8_t)(' ' + (random >> 40) % 90);
  }
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    const uint8_t *at = text, *end = text + SIZE, *found;
    while ((found = find(at, '\n', (size_t)(end - at)))) sum = sum * 31 + (uint32_t)(found - at), at = found + 1;
    text[(sum >> 8) % SIZE] = round & 1 ? '\n' : ' ';
  }
  return sum;
}
