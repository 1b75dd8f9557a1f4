// simd: a Gaussian blur of five by five over an image of bytes, plain C that the
// compiler vectorises: widening, shifts, additions, narrowing.
#include "../kernels/kernel.h"
#define WIDTH 512
#define HEIGHT 128
static uint8_t image[HEIGHT + 4][WIDTH], out[HEIGHT][WIDTH];
static uint16_t row[WIDTH + 4];

static NOINLINE void vertical(size_t y, uint16_t *restrict to) {
  const uint8_t *restrict r0 = image[y], *restrict r1 = image[y + 1], *restrict r2 = image[y + 2],
                *restrict r3 = image[y + 3], *restrict r4 = image[y + 4];
  for (size_t x = 0; x < WIDTH; x++)
    to[x] = (uint16_t)(r0[x] + 4 * r1[x] + 6 * r2[x] + 4 * r3[x] + r4[x]);
}

static NOINLINE void horizontal(const uint16_t *restrict from, uint8_t *restrict to) {
  for (size_t x = 0; x < WIDTH; x++) {
    uint16_t sum = (uint16_t)(from[x] / 16 + from[x + 4] / 16 + (from[x + 1] / 16 + from[x + 3] / 16) * 4 +
                              from[x + 2] / 16 * 6);
    to[x] = (uint8_t)((sum + 8) >> 4);
  }
}

RUN {
  seed_random();
  for (size_t y = 0; y < HEIGHT + 4; y++)
    for (size_t x = 0; x < WIDTH; x++) image[y][x] = (uint8_t)(next_random() >> 56);
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    for (size_t y = 0; y < HEIGHT; y++) {
      vertical(y, row + 2);
      row[0] = row[1] = row[2], row[WIDTH + 2] = row[WIDTH + 3] = row[WIDTH + 1];
      horizontal(row, out[y]);
    }
    for (size_t y = 0; y < HEIGHT; y += 8) sum = sum * 31 + out[y][y * 3], image[y + 2][(y * 5 + (size_t)round) % WIDTH] ^= out[y][y];
  }
  return sum;
}
