// float: spectral norm, division and conversion from integers in the inner loop.
#include "kernel.h"
#define MAX 2000
static double u[MAX], v[MAX], t[MAX];
static inline double element(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }
static NOINLINE void multiply(int n, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double sum = 0;
    for (int j = 0; j < n; j++) sum += element(i, j) * x[j];
    y[i] = sum;
  }
}
static NOINLINE void transposed(int n, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double sum = 0;
    for (int j = 0; j < n; j++) sum += element(j, i) * x[j];
    y[i] = sum;
  }
}
RUN {
  if (n > MAX) n = MAX;
  for (int i = 0; i < n; i++) u[i] = 1;
  for (int i = 0; i < 6; i++) {
    multiply(n, u, t), transposed(n, t, v);
    multiply(n, v, t), transposed(n, t, u);
  }
  double uv = 0, vv = 0;
  for (int i = 0; i < n; i++) uv += u[i] * v[i], vv += v[i] * v[i];
  return bits_of(__builtin_sqrt(uv / vv));
}
