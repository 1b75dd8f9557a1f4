// calls: Takeuchi's function, three arguments and deep recursion.
#include "kernel.h"
static NOINLINE int32_t tak(int32_t x, int32_t y, int32_t z) {
  return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}
RUN { return tak(n, n * 2 / 3, n / 3); }
