// simd: product of matrices of 16-bit integers with sums of 32 bits, one row by
// four columns at a time: loads and `i32x4.dot_i16x8_s`.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>
#define SIZE 128
static int16_t a[SIZE][SIZE] __attribute__((aligned(16))), b[SIZE][SIZE] __attribute__((aligned(16)));
static int32_t c[SIZE][SIZE] __attribute__((aligned(16)));

// b is stored by column.
static NOINLINE void product(void) {
  for (size_t y = 0; y < SIZE; y++)
    for (size_t x = 0; x < SIZE; x += 4) {
      v128_t s0 = wasm_i32x4_const_splat(0), s1 = s0, s2 = s0, s3 = s0;
      for (size_t k = 0; k < SIZE; k += 8) {
        v128_t left = wasm_v128_load(&a[y][k]);
        s0 = wasm_i32x4_add(s0, wasm_i32x4_dot_i16x8(left, wasm_v128_load(&b[x][k])));
        s1 = wasm_i32x4_add(s1, wasm_i32x4_dot_i16x8(left, wasm_v128_load(&b[x + 1][k])));
        s2 = wasm_i32x4_add(s2, wasm_i32x4_dot_i16x8(left, wasm_v128_load(&b[x + 2][k])));
        s3 = wasm_i32x4_add(s3, wasm_i32x4_dot_i16x8(left, wasm_v128_load(&b[x + 3][k])));
      }
      // The sums of four vectors, by two rounds of interleaving and adding.
      v128_t t0 = wasm_i32x4_add(wasm_i32x4_shuffle(s0, s1, 0, 4, 1, 5), wasm_i32x4_shuffle(s0, s1, 2, 6, 3, 7));
      v128_t t1 = wasm_i32x4_add(wasm_i32x4_shuffle(s2, s3, 0, 4, 1, 5), wasm_i32x4_shuffle(s2, s3, 2, 6, 3, 7));
      v128_t sums = wasm_i32x4_add(wasm_i32x4_shuffle(t0, t1, 0, 1, 4, 5), wasm_i32x4_shuffle(t0, t1, 2, 3, 6, 7));
      wasm_v128_store(&c[y][x], sums);
    }
}

RUN {
  seed_random();
  for (size_t y = 0; y < SIZE; y++)
    for (size_t x = 0; x < SIZE; x++) a[y][x] = (int16_t)(next_random() >> 52), b[y][x] = (int16_t)(next_random() >> 50);
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    product();
    for (size_t y = 0; y < SIZE; y += 3) sum = sum * 31 + (uint32_t)c[y][(y * 7 + (size_t)round) % SIZE];
    a[round % SIZE][sum % SIZE] ^= (int16_t)(sum >> 20);
  }
  return sum;
}
