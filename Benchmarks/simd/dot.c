// simd: dot product of two arrays of floats, four accumulators, as libraries of
// linear algebra write it: loads, multiplications, additions.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>
#define SIZE 8192
static float a[SIZE] __attribute__((aligned(16))), b[SIZE] __attribute__((aligned(16)));

static NOINLINE float dot(const float *x, const float *y, size_t count) {
  v128_t s0 = wasm_f32x4_const_splat(0), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    s0 = wasm_f32x4_add(s0, wasm_f32x4_mul(wasm_v128_load(x + i), wasm_v128_load(y + i)));
    s1 = wasm_f32x4_add(s1, wasm_f32x4_mul(wasm_v128_load(x + i + 4), wasm_v128_load(y + i + 4)));
    s2 = wasm_f32x4_add(s2, wasm_f32x4_mul(wasm_v128_load(x + i + 8), wasm_v128_load(y + i + 8)));
    s3 = wasm_f32x4_add(s3, wasm_f32x4_mul(wasm_v128_load(x + i + 12), wasm_v128_load(y + i + 12)));
  }
  v128_t s = wasm_f32x4_add(wasm_f32x4_add(s0, s1), wasm_f32x4_add(s2, s3));
  float sum = wasm_f32x4_extract_lane(s, 0) + wasm_f32x4_extract_lane(s, 1) +
              wasm_f32x4_extract_lane(s, 2) + wasm_f32x4_extract_lane(s, 3);
  for (; i < count; i++) sum += x[i] * y[i];
  return sum;
}

RUN {
  seed_random();
  for (size_t i = 0; i < SIZE; i++) {
    a[i] = (float)(int32_t)(next_random() >> 40) / 8388608.0f - 1.0f;
    b[i] = (float)(int32_t)(next_random() >> 40) / 8388608.0f - 1.0f;
  }
  double sum = 0;
  for (int32_t round = 0; round < n; round++) {
    size_t from = (size_t)(round & 63);
    sum = sum * 0.5 + dot(a + from, b, SIZE - from);
  }
  return bits_of(sum);
}
