// integer: xoshiro256**, 64-bit rotations and multiplications, all in registers.
#include "kernel.h"
#define ROL(x, k) ((x) << (k) | (x) >> (64 - (k)))
RUN {
  uint64_t a = 1, b = 2, c = 3, d = 4, sum = 0;
  for (int32_t i = 0; i < n; i++) {
    sum += ROL(b * 5, 7) * 9;
    uint64_t t = b << 17;
    c ^= a, d ^= b, b ^= c, a ^= d, c ^= t, d = ROL(d, 45);
  }
  return (int64_t)sum;
}
