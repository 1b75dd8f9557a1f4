// What the files of this target share.
#pragma once
#include "aviary_fiber.h"
#include "aviary_slab.h"
#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>

#define AVIARY_LIKELY(x) __builtin_expect(!!(x), 1)
#define AVIARY_UNLIKELY(x) __builtin_expect(!!(x), 0)

// enter.S
uint32_t aviary_enter(
    AviaryActivation *activation, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code,
    AviaryValue *values, uintptr_t top);
uint32_t aviary_reenter(AviaryActivation *activation, uint64_t result);
extern const char aviary_land[];
// Where the host's floating-point modes are probed on the way in, and where it goes on with other ones.
extern const char aviary_enter_probe[], aviary_enter_modes[];
extern const char aviary_reenter_probe[], aviary_reenter_modes[];
extern const void *aviary_builtin_targets[AVIARY_BUILTIN_STUBS];

// epoch.c: what a thread tells others of the guest that it runs.
typedef struct AviaryRunning AviaryRunning;

// hostcheck.S
typedef uint32_t (*AviaryRunFunction)(void *, void *, void *);
uint32_t aviary_run_on(uintptr_t stack, AviaryRunFunction function, void *a, void *b, void *c, uintptr_t *left);

// hostcheck.c: a host function that runs with its budget of stack, [low, high).
typedef struct Squeeze {
  struct Squeeze *previous; // of this thread
  AviaryActivation *activation;
  uintptr_t low;
  uintptr_t high;
  uintptr_t resume; // where the native stack may be gone on with
  size_t bytes;     // of a mapping of its own
  bool is_native;
  bool is_alone;
} Squeeze;

// hostcheck.c: a host function whose use of [low, high) is measured.
typedef struct Measure {
  uintptr_t low;
  uintptr_t high;
  uintptr_t used; // from here on it is known to be used
} Measure;
uint32_t aviary_run_filled(
    size_t bytes, AviaryRunFunction function, void *a, void *b, void *c, Measure *measure);

// threads.c: the state of one thread. `activation` is the innermost entry.
typedef struct ThreadState {
  AviaryActivation *activation;
  uintptr_t stack_low;     // native stack's lowest address, 0 if unknown
  uintptr_t stack_size;
  uintptr_t stack_reserve; // bytes that a host function is left with
  uintptr_t filled_page;   // slab.c: the page that was there when it last faulted, and how often
  uint32_t filled_repeats;
  int32_t id;              // kernel's, or 0 before aviary_thread_prepare
  AviaryRunning *running;  // null before the first entry to a store with epoch checks
  // hostcheck.c
  uint8_t native_guard;    // whether a guard was installed in the native stack, and how
  uintptr_t guard_low;     // and where; else 0. stack_low is its end
  Squeeze *squeeze;        // the innermost one
  Measure *measure;        // likewise
  uintptr_t spare;         // a mapping for the next one, guard first, or 0
  size_t spare_bytes;      // without its guard
} ThreadState;

// Never inlined: where code may wake up on another thread (fibers), the address
// of a thread-local must not be kept over the switch.
ThreadState *aviary_thread_state(void);
// Once a thread, before its first entry: signal stack, signal mask, bounds.
// 0 or an errno.
int aviary_thread_prepare(ThreadState *state);

// ranges.c; async-signal-safe. The code of the trap that `pc` is registered for,
// or AVIARY_TRAP_NONE. `*kind`: whether pc is guest code at all.
typedef enum AviaryCodeKind { AVIARY_CODE_NONE, AVIARY_CODE_THUNK, AVIARY_CODE_MODULE } AviaryCodeKind;
uint32_t aviary_code_trap(uintptr_t pc, AviaryCodeKind *kind);

// The same for an exception's walk: what aviary_code_begin gives stays readable until aviary_code_end.
typedef struct AviaryCodeHandlers {
  uintptr_t start;
  uintptr_t size; // 0: no code
  const AviaryHandlerTable *table;
} AviaryCodeHandlers;
const void *aviary_code_begin(void);
AviaryCodeHandlers aviary_code_handlers(const void *reading, uintptr_t pc);
void aviary_code_end(void);

// hoststack.S
uint32_t aviary_on_native(AviaryActivation *activation, uint32_t (*body)(void *), void *context);

// call.c
// Whether a host function of the thread's innermost activation runs on its guest's stack, and calls this.
static inline bool aviary_on_guest_stack(const ThreadState *thread, uintptr_t here) {
  const AviaryActivation *innermost = thread->activation;
  return here - innermost->stack_low < innermost->stack_high - innermost->stack_low;
}
// Whether it runs there or squeezed. Then whatever enters a guest does so by aviary_return_to_native.
static inline bool aviary_off_native_stack(const ThreadState *thread) {
  if (AVIARY_LIKELY(thread->activation == NULL)) return false;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  const Squeeze *squeeze = thread->squeeze;
  return aviary_on_guest_stack(thread, here) || (squeeze != NULL && here - squeeze->low < squeeze->high - squeeze->low);
}
// Runs body(context) on the native stack. Contract: aviary_off_native_stack.
uint32_t aviary_return_to_native(ThreadState *thread, uint32_t (*body)(void *context), void *context);
// Room on the guest's stack that a nested entry must find: its first frames and
// a signal frame without an alternate stack fit.
enum { AVIARY_NESTED_ROOM = 32 * 1024 };
// 0, or why this thread may not enter the guest now: a trap code.
static inline __attribute__((always_inline)) uint32_t aviary_entry_refusal(ThreadState *thread) {
  if (AVIARY_UNLIKELY(thread->id == 0) && aviary_thread_prepare(thread) != 0) return AVIARY_TRAP_ALLOCATION;
  // A guest that calls itself through host functions uses up the native stack,
  // which has no guard that we could recover from.
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uintptr_t native_room = here - thread->stack_low;
  return AVIARY_UNLIKELY(native_room < thread->stack_reserve) ? AVIARY_TRAP_CALL_STACK_EXHAUSTED : 0;
}
// Leaves why nothing was run, or what a trap left, in the store.
uint32_t aviary_refuse(AviaryHostStore *store, AviaryActivation *outer, uint32_t code);
uint32_t aviary_report(AviaryHostStore *store, const AviaryActivation *activation, uint32_t code);

// signals.c
int aviary_interrupt_signal(void);

// interrupt.c: every thread of the process passes a memory barrier. False where the system has none.
bool aviary_barrier(void);

// epoch.c. Before a thread's entry to a store that has checks; false without memory.
bool aviary_epoch_prepare(ThreadState *thread);
// After `thread->activation` has changed to or from one of such a store.
void aviary_epoch_follow(ThreadState *thread);
// A guest that starts, or goes on, in a fiber has an epoch to itself, however long it waited.
void aviary_epoch_renew(AviaryHostStore *store);
// The store's guest notices at its next check. Any thread, while the words exist.
void aviary_epoch_interrupt(AviaryHostStore *store);

// system.c: every wrapper of a system call asks first; non-zero is the errno to fail with.
int aviary_system_injected(int operation);

// overflow.c; async-signal-safe. Where a fault is a host function's stack overflow, says so on standard error.
void aviary_overflow_report(const siginfo_t *info, const ucontext_t *context);

// keys.c; async-signal-safe. Whether the fault was the host's, of a thread that has no rights to
// our keys yet: now it has, and the access is to be tried again.
bool aviary_keys_mend(int signal, const siginfo_t *info, ucontext_t *context);

// writeprotect.c; async-signal-safe. Opens the write-protected page at `address`, `offset`
// bytes into the slot and accessible, and logs it. False: it was not for it.
bool aviary_write_protect_resolve(AviarySlab *slab, AviarySlotRecord *record, uintptr_t address, uint64_t offset);
