// memory: heapsort of doubles, unpredictable loads and comparisons.
#include "kernel.h"
#define SIZE 200000
static double items[SIZE + 1];
static inline void sift(int root, int end) {
  double value = items[root];
  for (int child; (child = root * 2) <= end; root = child) {
    if (child < end && items[child] < items[child + 1]) child++;
    if (value >= items[child]) break;
    items[root] = items[child];
  }
  items[root] = value;
}
RUN {
  double sum = 0;
  seed_random();
  for (int32_t round = 0; round < n; round++) {
    for (int i = 1; i <= SIZE; i++) items[i] = (double)(int64_t)next_random();
    for (int i = SIZE / 2; i > 0; i--) sift(i, SIZE);
    for (int i = SIZE; i > 1; i--) {
      double t = items[1];
      items[1] = items[i], items[i] = t;
      sift(1, i - 1);
    }
    for (int i = 1; i <= SIZE; i += 101) sum = sum * 0.5 + items[i];
  }
  return bits_of(sum);
}
