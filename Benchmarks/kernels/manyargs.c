// calls: small leaf functions with many integer and float arguments.
#include "kernel.h"
static NOINLINE double mix(int a, int b, int64_t c, double d, float e, int f, double g, int64_t h) {
  return (a ^ b) + (double)c * d + e * (float)f - g + (double)(h & 7);
}
static NOINLINE int64_t fold(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h) {
  return (a + b * 3) ^ (c - d) ^ (e << (f & 7)) ^ (g + h);
}
RUN {
  double sum = 0;
  int64_t folded = 1;
  for (int32_t i = 0; i < n; i++) {
    sum = sum * 0.5 + mix(i, i * 3, folded & 255, 0.25, (float)i, i & 15, sum, i);
    folded = fold(folded, i, i + 1, i + 2, folded >> 3, i, 7, folded);
  }
  return bits_of(sum) ^ folded;
}
