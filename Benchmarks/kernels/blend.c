// memory: bytes of two images blended into a third, loads and stores of single bytes.
#include "kernel.h"
#define SIZE (1 << 18)
static uint8_t a[SIZE], b[SIZE], out[SIZE];
RUN {
  seed_random();
  for (size_t i = 0; i < SIZE; i++) a[i] = (uint8_t)next_random(), b[i] = (uint8_t)(i * 7);
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    uint32_t alpha = (uint32_t)round & 255;
    for (size_t i = 0; i < SIZE; i++) out[i] = (uint8_t)((a[i] * alpha + b[i] * (255 - alpha) + 128) >> 8);
    for (size_t i = 0; i < SIZE; i += 64) sum = sum * 31 + out[i], a[i] ^= out[i];
  }
  return sum;
}
