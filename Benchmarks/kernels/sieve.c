// memory: strided byte stores and a counting scan.
#include "kernel.h"
#define MAX 4000000
static uint8_t composite[MAX];
RUN {
  int64_t total = 0;
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < MAX; i++) composite[i] = 0;
    for (int i = 2; i * i < MAX; i++)
      if (!composite[i])
        for (int j = i * i; j < MAX; j += i) composite[j] = 1;
    for (int i = 2; i < MAX; i++) total += !composite[i];
  }
  return total;
}
