// zstd compresses 1 MiB of generated text and decompresses it, n times.
#include "../kernels/kernel.h"
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#define SIZE (1 << 20)
static char original[SIZE], restored[SIZE];

RUN {
  static const char words[8][8] = {"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"};
  seed_random();
  for (size_t at = 0; at < SIZE;) {
    uint64_t r = next_random();
    for (const char *w = words[r >> 61]; *w && at < SIZE;) original[at++] = *w++;
    if (at < SIZE) original[at++] = r & 7 ? ' ' : (char)('0' + (r >> 8) % 10);
  }
  size_t bound = ZSTD_compressBound(SIZE), packed = 0;
  char *compressed = malloc(bound);
  for (int32_t round = 0; round < n; round++) {
    packed += ZSTD_compress(compressed, bound, original, SIZE, 1 + round % 6);
    if (ZSTD_decompress(restored, SIZE, compressed, bound < packed ? bound : ZSTD_findFrameCompressedSize(compressed, bound)) != SIZE) return -1;
    if (memcmp(original, restored, SIZE)) return -2;
  }
  free(compressed);
  return (int64_t)packed;
}
