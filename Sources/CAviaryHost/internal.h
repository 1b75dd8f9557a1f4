// What the files of this target share.
#pragma once
#include "aviary_host.h"
#include <stdatomic.h>

#define AVIARY_LIKELY(x) __builtin_expect(!!(x), 1)
#define AVIARY_UNLIKELY(x) __builtin_expect(!!(x), 0)

// enter.S
uint32_t aviary_enter(
    AviaryActivation *activation, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code,
    AviaryValue *values, uintptr_t top);
extern const char aviary_land[];
extern const void *aviary_builtin_targets[AVIARY_BUILTIN_STUBS];

// threads.c: the state of one thread. `activation` is the innermost entry.
typedef struct ThreadState {
  AviaryActivation *activation;
  uintptr_t stack_low;     // native stack's lowest address, 0 if unknown
  uintptr_t stack_size;
  uintptr_t stack_reserve; // bytes that a host function is left with
  int32_t id;              // kernel's, or 0 before aviary_thread_prepare
} ThreadState;

// Never inlined: where code may wake up on another thread (fibers), the address
// of a thread-local must not be kept over the switch.
ThreadState *aviary_thread_state(void);
// Once a thread, before its first entry: signal stack, signal mask, bounds.
// 0 or an errno.
int aviary_thread_prepare(ThreadState *state);

// ranges.c; async-signal-safe. The code of the trap that `pc` is registered for,
// or AVIARY_TRAP_NONE. `*in_code`: whether pc is guest code at all.
uint32_t aviary_code_trap(uintptr_t pc, bool *in_code);

// signals.c
int aviary_interrupt_signal(void);
