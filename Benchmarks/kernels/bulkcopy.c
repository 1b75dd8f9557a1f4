// memory: memory.copy and memory.fill of blocks from 8 bytes to 64 KiB.
#include "kernel.h"
static uint8_t from[1 << 17], to[1 << 17];
RUN {
  seed_random();
  for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)next_random();
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    size_t length = (size_t)8 << (next_random() % 14), at = next_random() % (sizeof from - length + 1);
    __builtin_memcpy(to + at, from + at / 2, length);
    __builtin_memmove(to + at / 3, to + at / 2, length / 2);
    __builtin_memset(from + (at ^ 64) % 65536, round, length / 4);
    sum = sum * 33 + to[at + length / 2];
  }
  return sum;
}
