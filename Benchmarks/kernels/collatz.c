// integer: data-dependent branches, division and remainder by variables.
#include "kernel.h"
RUN {
  uint64_t steps = 0, mixed = 0;
  for (uint32_t start = 1; start <= (uint32_t)n; start++) {
    uint64_t x = start;
    while (x != 1) {
      x = x & 1 ? 3 * x + 1 : x / 2;
      steps++;
    }
    mixed += (steps * 2654435761u) % (start + 3) + steps / (start | 1);
  }
  return (int64_t)(steps ^ mixed << 32);
}
