// float: five bodies, additions, multiplications, square root and division.
#include "kernel.h"
typedef struct { double x, y, z, vx, vy, vz, mass; } Body;
static Body bodies[5];
static NOINLINE void advance(double dt) {
  for (int i = 0; i < 5; i++) {
    Body *a = &bodies[i];
    for (int j = i + 1; j < 5; j++) {
      Body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      double d2 = dx * dx + dy * dy + dz * dz;
      double mag = dt / (d2 * __builtin_sqrt(d2));
      a->vx -= dx * b->mass * mag, a->vy -= dy * b->mass * mag, a->vz -= dz * b->mass * mag;
      b->vx += dx * a->mass * mag, b->vy += dy * a->mass * mag, b->vz += dz * a->mass * mag;
    }
  }
  for (int i = 0; i < 5; i++) {
    Body *a = &bodies[i];
    a->x += dt * a->vx, a->y += dt * a->vy, a->z += dt * a->vz;
  }
}
RUN {
  for (int i = 0; i < 5; i++) {
    bodies[i] = (Body){i * 3.7 + 0.1, i * -1.9, i * 0.33, 0.1 * i, 0.57 - 0.2 * i, 0.01 * i, i ? 0.0009 * i : 39.47};
  }
  for (int32_t i = 0; i < n; i++) advance(0.001);
  double sum = 0;
  for (int i = 0; i < 5; i++) sum += bodies[i].x * bodies[i].vy + bodies[i].z;
  return bits_of(sum);
}
