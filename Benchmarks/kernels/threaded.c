// indirect calls: an interpreter whose instructions are functions, one
// call_indirect an instruction.
#include "kernel.h"
typedef struct Machine { int64_t r[8]; int32_t pc, steps; } Machine;
typedef struct { void (*run)(Machine *, int, int, int); uint8_t a, b, c; } Instruction;
static void op_add(Machine *m, int a, int b, int c) { m->r[a] = m->r[b] + m->r[c]; m->pc++; }
static void op_sub(Machine *m, int a, int b, int c) { m->r[a] = m->r[b] - m->r[c]; m->pc++; }
static void op_mul(Machine *m, int a, int b, int c) { m->r[a] = m->r[b] * m->r[c]; m->pc++; }
static void op_xor(Machine *m, int a, int b, int c) { m->r[a] = m->r[b] ^ m->r[c]; m->pc++; }
static void op_shift(Machine *m, int a, int b, int c) { m->r[a] = (int64_t)((uint64_t)m->r[b] >> (c & 63)); m->pc++; }
static void op_const(Machine *m, int a, int b, int c) { m->r[a] = b * 256 + c; m->pc++; }
static void op_loop(Machine *m, int a, int b, int c) { (void)c; m->pc = --m->r[a] > 0 ? b : m->pc + 1; }
static void op_halt(Machine *m, int a, int b, int c) { (void)a, (void)b, (void)c; m->steps = 0; }
static const Instruction program[] = {
  {op_const, 1, 3, 7}, {op_const, 2, 0, 13}, {op_mul, 3, 1, 2}, {op_add, 4, 4, 3}, {op_xor, 5, 5, 4}, {op_shift, 6, 5, 3},
  {op_sub, 1, 1, 6}, {op_add, 2, 2, 1}, {op_mul, 4, 4, 2}, {op_xor, 4, 4, 1}, {op_loop, 0, 2, 0}, {op_halt, 0, 0, 0}};
RUN {
  Machine m = {.r = {n}, .steps = 1};
  while (m.steps) {
    const Instruction *i = &program[m.pc];
    i->run(&m, i->a, i->b, i->c);
  }
  return m.r[4] ^ m.r[5];
}
