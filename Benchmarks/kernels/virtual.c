// indirect calls: methods through tables of function pointers.
#include "kernel.h"
typedef struct Shape Shape;
typedef struct { double (*area)(const Shape *); void (*grow)(Shape *, double); int (*kind)(const Shape *); } Class;
struct Shape { const Class *class; double a, b; };
static double circle_area(const Shape *s) { return 3.14159 * s->a * s->a; }
static double square_area(const Shape *s) { return s->a * s->a; }
static double box_area(const Shape *s) { return s->a * s->b; }
static double triangle_area(const Shape *s) { return s->a * s->b * 0.5; }
static void grow_one(Shape *s, double k) { s->a *= k; }
static void grow_both(Shape *s, double k) { s->a *= k, s->b /= k; }
static int kind0(const Shape *s) { return s->a > 2; }
static int kind1(const Shape *s) { return s->b > s->a; }
static const Class classes[4] = {
  {circle_area, grow_one, kind0}, {square_area, grow_one, kind1}, {box_area, grow_both, kind1}, {triangle_area, grow_both, kind0}};
static Shape shapes[1024];
RUN {
  seed_random();
  for (int i = 0; i < 1024; i++) shapes[i] = (Shape){&classes[next_random() % 4], 1 + i * 0.001, 2 - i * 0.001};
  double sum = 0;
  int kinds = 0;
  for (int32_t round = 0; round < n; round++)
    for (int i = 0; i < 1024; i++) {
      Shape *s = &shapes[i];
      s->class->grow(s, round & 1 ? 1.25 : 0.8);
      sum = sum * 0.999 + s->class->area(s);
      kinds += s->class->kind(s);
    }
  return bits_of(sum) + kinds;
}
