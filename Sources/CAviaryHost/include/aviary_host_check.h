// How much stack host functions need: for an embedder's tests (docs/stacks.md).
//
// A host function under test has aviary_host_check_run as its `call`, and its own as `checked`. So the ways to
// call host functions know nothing of it.
//
// Squeezed, it runs with so many bytes of stack, and a guard of AVIARY_HOST_CHECK_GUARD below them: one that needs
// more ends the process (overflow.c). On the native stack, whose own guard is a page, which frames of Swift jump over:
//
//   native stack
//   ┌──────────────────────────┐
//   │ aviary_call_host         │
//   │ aviary_host_check_run    │ <- resume
//   │ guests that it calls     │    nested entries, with their builtins
//   ├──────────────────────────┤ <- high
//   │ host function            │    the budget
//   ├──────────────────────────┤ <- low
//   │ guard, once a thread     │    until the thread's end: its stack is used again
//   └──────────────────────────┘
//
// A thread whose stack is too small for that, or that is in a squeezed host function already, runs it on a mapping of
// its own. On a guest's stack `low` is that stack's end, whose guard is there already.
#pragma once
#include "aviary_host.h"

enum {
  AVIARY_HOST_CHECK_GUARD = 2 << 20,
  AVIARY_HOST_CHECK_DEPTH = 1 << 20, // so much is looked at
};

typedef struct AviaryHostCheck {
  uint64_t budget; // bytes, a multiple of 16; 0: what is used is measured
  uint64_t calls;  // these are counted by many threads: read them by aviary_host_check_read
  uint64_t most;   // bytes
  uint64_t is_all_used; // and perhaps more
} AviaryHostCheck;

// Contract: self->check and self->checked are set, and the host function runs.
uint32_t aviary_host_check_run(AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values);
AviaryHostCheck aviary_host_check_read(const AviaryHostCheck *check);
