// simd: four points of the Mandelbrot set at a time in floats: multiplications,
// comparisons, a test of the mask, all in registers.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>

RUN {
  int64_t total = 0;
  v128_t four = wasm_f32x4_const_splat(4.0f);
  for (int32_t py = 0; py < n; py++) {
    v128_t cy = wasm_f32x4_splat(2.0f * (float)py / (float)n - 1.0f);
    for (int32_t px = 0; px < n; px += 4) {
      v128_t at = wasm_i32x4_add(wasm_i32x4_splat(px), wasm_i32x4_const(0, 1, 2, 3));
      v128_t cx = wasm_f32x4_sub(wasm_f32x4_mul(wasm_f32x4_convert_i32x4(at), wasm_f32x4_splat(3.0f / (float)n)),
                                 wasm_f32x4_const_splat(2.0f));
      v128_t x = wasm_f32x4_const_splat(0), y = x, count = x;
      for (int32_t i = 0; i < 200; i++) {
        v128_t xx = wasm_f32x4_mul(x, x), yy = wasm_f32x4_mul(y, y);
        v128_t inside = wasm_f32x4_le(wasm_f32x4_add(xx, yy), four);
        if (!wasm_v128_any_true(inside)) break;
        count = wasm_i32x4_sub(count, inside);
        v128_t xy = wasm_f32x4_mul(x, y);
        y = wasm_f32x4_add(wasm_f32x4_add(xy, xy), cy);
        x = wasm_f32x4_add(wasm_f32x4_sub(xx, yy), cx);
      }
      total += wasm_i32x4_extract_lane(count, 0) + wasm_i32x4_extract_lane(count, 1) +
               wasm_i32x4_extract_lane(count, 2) + wasm_i32x4_extract_lane(count, 3);
    }
  }
  return total;
}
