// float: a short dependent loop with an exit on a comparison of doubles.
#include "kernel.h"
RUN {
  int64_t total = 0;
  for (int32_t py = 0; py < n; py++)
    for (int32_t px = 0; px < n; px++) {
      double cx = 3.0 * px / n - 2.0, cy = 2.0 * py / n - 1.0, x = 0, y = 0;
      int i = 0;
      for (; i < 200 && x * x + y * y <= 4.0; i++) {
        double t = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = t;
      }
      total += i;
    }
  return total;
}
