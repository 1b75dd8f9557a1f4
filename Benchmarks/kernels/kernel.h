// Every kernel exports `run`: work that grows with n, and a result that depends
// on all of it, so that runtimes can be checked against each other.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define RUN __attribute__((export_name("run"))) int64_t run(int32_t n)
#define NOINLINE __attribute__((noinline))

// xorshift64*: input data without a library.
static uint64_t random_state = 0x2545F4914F6CDD1D;
static inline uint64_t next_random(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545F4914F6CDD1D;
}
static inline void seed_random(void) { random_state = 0x2545F4914F6CDD1D; }

static inline int64_t bits_of(double value) {
  union { double d; int64_t i; } u = {value};
  return u.i;
}
