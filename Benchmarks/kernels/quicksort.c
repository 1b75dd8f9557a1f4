// memory: recursive quicksort with insertion sort below 16.
#include "kernel.h"
#define SIZE 200000
static int32_t items[SIZE];
static NOINLINE void sort(int32_t *low, int32_t *high) {
  while (high - low > 16) {
    int32_t pivot = low[(high - low) / 2], *i = low, *j = high;
    while (i <= j) {
      while (*i < pivot) i++;
      while (*j > pivot) j--;
      if (i <= j) {
        int32_t t = *i;
        *i++ = *j, *j-- = t;
      }
    }
    if (j - low < high - i) sort(low, j), low = i;
    else sort(i, high), high = j;
  }
  for (int32_t *i = low + 1; i <= high; i++) {
    int32_t value = *i, *j = i;
    for (; j > low && j[-1] > value; j--) *j = j[-1];
    *j = value;
  }
}
RUN {
  uint32_t sum = 0;
  seed_random();
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < SIZE; i++) items[i] = (int32_t)next_random();
    sort(items, items + SIZE - 1);
    for (int i = 0; i < SIZE; i += 97) sum = sum * 31 + (uint32_t)items[i];
  }
  return sum;
}
