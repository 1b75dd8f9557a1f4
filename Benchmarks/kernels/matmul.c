// float: matrix product, a strided load beside a sequential one.
#include "kernel.h"
#define N 160
static double a[N][N], b[N][N], c[N][N];
RUN {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = (i - j) * 0.5, b[i][j] = (i + j) * 0.25, c[i][j] = 0;
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double sum = 0;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] += sum;
      }
  }
  double trace = 0;
  for (int i = 0; i < N; i++) trace += c[i][N - 1 - i];
  return bits_of(trace);
}
