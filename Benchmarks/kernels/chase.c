// memory: one dependent load after another in a 4 MiB ring.
#include "kernel.h"
#define SIZE (1 << 20)
static uint32_t next[SIZE];
RUN {
  seed_random();
  for (uint32_t i = 0; i < SIZE; i++) next[i] = i;
  for (uint32_t i = SIZE - 1; i > 0; i--) {  // Sattolo's shuffle: a single cycle
    uint32_t j = (uint32_t)(next_random() % i), t = next[i];
    next[i] = next[j], next[j] = t;
  }
  uint32_t at = 0, sum = 0;
  for (int32_t i = 0; i < n; i++) at = next[at], sum += at;
  return sum;
}
