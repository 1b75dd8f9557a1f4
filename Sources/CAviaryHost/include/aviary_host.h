// CAviaryHost: how a thread gets into the guest and out of it again.
//
//   enter.S       the switch of stacks, traps, host calls, builtin stubs
//   hoststack.S   host functions on the guest's stack
//   call.c        activations: entry and nested entry
//   host_function.c  host functions that are Swift closures; hostbody.S: on the host's stack, with nothing in between
//   fiber.c       guests that are suspended (aviary_fiber.h)
//   task.c        the Swift task that runs a call (aviary_task.h)
//   threads.c     what each thread needs once: signal stack, stack bounds
//   signals.c     faults of the guest become traps; all else is passed on
//   hostcheck.c, hostcheck.S  tests of how much stack host functions need (aviary_host_check.h)
//   overflow.c    what is said when a host function runs out of stack
//   stacks.c      guest stacks that open as they are used; probe.c: what an embedder gave as one
//   ranges.c      which addresses are machine code of a guest
//   interrupt.c   stopping a guest from another thread
//   epoch.c       the same by counting, for code that checks
//   park.c        threads that sleep in a guest's wait; shared.S: copies of bytes that are shared (aviary_shared.h)
//   unwind.c      exceptions on their way to a handler; exception.c: where they live (aviary_exception.h)
//   debugger.c    GDB's interface; cpu.c: what the CPU can do
//   system.c      system calls with errno as result
//   keys.c        protection keys (aviary_keys.h); pkru.S: their register
//
// It makes no policy and allocates nothing per call. The runtime (AviaryVM) is
// its only client.
#pragma once
#include "aviary_contract.h"

#define AVIARY_ACT_ENTRY_RBP 96
#define AVIARY_HOST_FUNCTION_CALL 16
#define AVIARY_HOST_FUNCTION_BODY 80
#define AVIARY_HOST_FUNCTION_BODY_CONTEXT 88
#define AVIARY_HOST_FUNCTION_THREW 96
#define AVIARY_HOST_STORE_EMBEDDER 160
#define AVIARY_BUILTIN_STUBS 20
#define AVIARY_EXHAUSTED 10
#define AVIARY_MXCSR_DEFAULT 0x1f80
#define AVIARY_MXCSR_CONTROL 0xffc0 // without the sticky exception flags

#ifndef __ASSEMBLER__
#include <signal.h>
#include <stdbool.h>

_Static_assert(offsetof(AviaryActivation, entry_rbp) == AVIARY_ACT_ENTRY_RBP, "act.entry_rbp");
_Static_assert(offsetof(AviaryHostFunction, call) == AVIARY_HOST_FUNCTION_CALL, "host.call");
_Static_assert(offsetof(AviaryHostFunction, body) == AVIARY_HOST_FUNCTION_BODY, "host.body");
_Static_assert(offsetof(AviaryHostFunction, body_context) == AVIARY_HOST_FUNCTION_BODY_CONTEXT, "host.body_context");
_Static_assert(offsetof(AviaryHostFunction, threw) == AVIARY_HOST_FUNCTION_THREW, "host.threw");
_Static_assert(AVIARY_TRAP_CALL_STACK_EXHAUSTED == AVIARY_EXHAUSTED, "exhausted");
_Static_assert(AVIARY_BUILTIN_COUNT <= AVIARY_BUILTIN_STUBS, "enter.S has too few stubs");

// Result of aviary_call beside the trap codes: the store runs on another thread,
// or its activation is not suspended in a host call. Nothing was executed.
enum { AVIARY_CALL_MISUSED = 0x10000 };

// What a trap left behind; valid until the store's next call.
typedef struct AviaryTrapReport {
  uint32_t code;
  uint32_t signal;         // 0 for a checked trap
  uintptr_t pc;
  uintptr_t rbp;
  uintptr_t rsp;           // of a signal, else 0
  uintptr_t fault_address;
  uintptr_t entry_rbp;     // end of the innermost activation's frames
  // The activation around the trapping one on this store, for the backtrace:
  // its guest frames start at outer_rbp, and so on through `outer`.
  const AviaryActivation *outer;
} AviaryTrapReport;

// Addresses that a guest of a store may fault on: a memory's reservation with
// its guards.
typedef struct AviaryRegion {
  uintptr_t start;
  uintptr_t end;
} AviaryRegion;

// A store's exceptions (aviary_exception.h).
typedef struct AviaryExceptionHeap {
  struct AviaryException *current;  // on its way, or the last one that was; null before the first. Not one of `objects`
  struct AviaryException **objects; // those that references may exist to
  size_t count;
  size_t capacity;
  size_t bytes;                     // of `objects`
  size_t threshold;                 // at which it is collected
  size_t collections;               // so far: for tests
} AviaryExceptionHeap;

// The runtime's part of a store context. Made zeroed by the runtime, one a store.
typedef struct AviaryHostStore {
  AviaryStoreContext context; // first: machine code sees only this
  uintptr_t guard_low;        // the guest stack: [guard_low, stack_low) faults
  uintptr_t stack_low;
  uintptr_t stack_high;
  uintptr_t stack_open;       // below it the stack is closed (aviary_stack.h); written by the signal handler too
  uint32_t stack_mode;        // AVIARY_STACK_*
  uint8_t stack_calm;         // guests in a row that left the stack's closed part alone
  uint32_t interrupted;       // AVIARY_INTERRUPT_*: set by aviary_interrupt, cleared by aviary_interrupt_clear
  int32_t thread;             // kernel id of the thread inside, or 0
  // Regions, unsorted. Replaced as a whole: written on the store's own thread
  // while no guest code runs, read by that thread's signal handler.
  const AviaryRegion *regions;
  size_t region_count;
  AviaryRegion first_regions[2]; // where `regions` points while they suffice
  void *embedder;                // the embedder's object of the store, unretained
  AviaryTrapReport report;
  void *watcher;                 // who is told of the cancellation of a task that runs the guest, unretained
  uint32_t has_checks;           // all code of the store has epoch checks; fixed
  uint64_t trap_epoch;           // of these, context.epoch_deadline is what comes first
  uint64_t yield_epoch;          // UINT64_MAX: guests do not yield
  uint32_t is_parked;            // the thread inside sleeps on `wake`, or is about to (aviary_shared.h)
  uint32_t wake;
  AviaryExceptionHeap exceptions;
} AviaryHostStore;

_Static_assert(offsetof(AviaryHostStore, context) == 0, "machine code sees the context first");
_Static_assert(offsetof(AviaryHostStore, embedder) == AVIARY_HOST_STORE_EMBEDDER, "store.embedder");

// MARK: Calls

// Installs the signal handlers, once per process. 0 or an errno.
int aviary_host_install(void);

// Enters the guest on the store's guest stack, or, from within a host call,
// below the suspended guest. Returns AVIARY_TRAP_NONE, a trap code (details in
// store->report), or AVIARY_CALL_MISUSED.
//
// Contract: thunk, vmctx, code and values belong together; the store is used
// by one thread at a time; nothing unwinds through this call.
uint32_t aviary_call(
    AviaryHostStore *store, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code,
    AviaryValue *values);

// `call` of host functions that are Swift closures: runs `body` for the store's present embedder.
uint32_t aviary_host_body_run(AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values);
// `call` of asynchronous host functions that do nothing before their guest is suspended.
uint32_t aviary_host_suspend(AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values);

// Makes a builtin or host function of the innermost activation trap when it returns.
static inline void aviary_set_pending(AviaryStoreContext *store, uint32_t code) {
  store->activation->pending = code;
}

// Entry points for machine code; never called from C.
extern const char aviary_raise[];
extern const char aviary_call_host[];
extern const char aviary_call_host_on_guest[];
extern const char aviary_call_body[]; // where `body` is set: aviary_call_host, with nothing in between

// What machine code's builtin table holds: stubs that switch to the host's stack.
extern const void *const aviary_builtin_stubs[AVIARY_BUILTIN_STUBS];
// What the stubs call: C functions with the builtin's arguments. Installed once
// by the runtime before the first entry.
void aviary_builtin_install(uint32_t builtin, const void *function);

// Addresses as values, for languages that cannot take them.
const void *aviary_raise_address(void);
const void *aviary_call_host_address(void);
const void *aviary_call_host_on_guest_address(void);
const void *aviary_call_body_address(void);
const void *const *aviary_builtin_table(void);

// MARK: Code ranges (async-signal-safe to look up)

typedef struct AviaryTrapEntry {
  uint32_t offset; // from the range's start; sorted
  uint32_t code;   // AviaryTrap
} AviaryTrapEntry;

// Where code is that a handler looks after: from `offset` on to the next segment's, `handler` is the innermost one.
typedef struct AviaryHandlerSegment {
  uint32_t offset; // from the range's start; sorted
  uint32_t handler;
} AviaryHandlerSegment;

// A try: its clauses in order, and the handler around it.
typedef struct AviaryHandler {
  uint32_t parent; // less than its own index, or AVIARY_NO_HANDLER
  uint32_t first;
  uint32_t count;
} AviaryHandler;

typedef struct AviaryHandlerClause {
  uint32_t tag;     // the tag's offset in the context, plus 1 where a pointer to it stands there; or AVIARY_ANY_TAG
  uint32_t landing; // the landing pad's offset, and AVIARY_CATCHES_REFERENCE
} AviaryHandlerClause;

enum {
  AVIARY_NO_HANDLER = 0xFFFFFFFF,
  AVIARY_ANY_TAG = 0xFFFFFFFF,
  AVIARY_CATCHES_REFERENCE = 0x80000000, // the code keeps the exception, and not just its values
};

// A module's. All indices are inside; AVIARY_NO_HANDLER stands behind the last try.
typedef struct AviaryHandlerTable {
  const AviaryHandlerSegment *segments;
  size_t segment_count;
  const AviaryHandler *handlers;
  const AviaryHandlerClause *clauses;
} AviaryHandlerTable;

// Registers [start, end) as guest code. `traps` and `handlers` stay valid until it is removed; null for thunks, `handlers`
// for code without any. False when out of memory or when it overlaps another.
bool aviary_code_add(
    uintptr_t start, uintptr_t end, const AviaryTrapEntry *traps, size_t count, const AviaryHandlerTable *handlers);
void aviary_code_remove(uintptr_t start);
bool aviary_code_contains(uintptr_t pc);

// MARK: Debugger

// Hands an ELF object that describes guest code to GDB; it stays readable until
// removed. NULL when out of memory.
void *aviary_debugger_add(const void *elf, size_t size);
void aviary_debugger_remove(void *registration);

// MARK: CPU

// The bits of CPUFeatures: what this machine has beyond the floor.
enum {
  AVIARY_CPU_LZCNT = 1 << 0,
  AVIARY_CPU_BMI1 = 1 << 1,
  AVIARY_CPU_BMI2 = 1 << 2,
  AVIARY_CPU_AVX = 1 << 3,
  AVIARY_CPU_AVX2 = 1 << 4,
  AVIARY_CPU_FMA = 1 << 5,
};
uint32_t aviary_cpu_features(void);
// What this machine lacks of the floor, x86-64-v2: bits 0 to 6 for SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT, CMPXCHG16B and
// LAHF in 64-bit mode.
uint32_t aviary_cpu_missing(void);
// After new code was written, before it is run.
void aviary_cpu_serialize(void);

// MARK: Interruption (any thread)

// Who interrupts: each clears its own.
enum {
  AVIARY_INTERRUPT_EMBEDDER = 1,     // an Interrupter, or a deadline around synchronous calls
  AVIARY_INTERRUPT_CANCELLATION = 2, // of the task that runs an asynchronous call
  AVIARY_INTERRUPT_DEADLINE = 4,     // of an asynchronous call
};

// Makes the store's guest trap with AVIARY_TRAP_INTERRUPTED, now or at its next
// entry, until all reasons are cleared. True while the guest is still inside: the caller then
// repeats after a pause, since the signal may have met a moment at which
// neither landing nor the pending flag stops it.
bool aviary_interrupt(AviaryHostStore *store, uint32_t reason);
void aviary_interrupt_clear(AviaryHostStore *store, uint32_t reasons);
bool aviary_interrupt_is_set(const AviaryHostStore *store);
// Whether one of these reasons is set.
static inline bool aviary_interrupt_has(const AviaryHostStore *store, uint32_t reasons) {
  return (__atomic_load_n(&store->interrupted, __ATOMIC_RELAXED) & reasons) != 0;
}

// MARK: Epochs

// Counts an engine's epoch up, and makes guests notice whose deadline has come. Any thread.
void aviary_epoch_increment(uint64_t *epoch, uint64_t count);
uint64_t aviary_epoch_now(const uint64_t *epoch);

// The rest is called by the thread that uses the store.

// After trap_epoch or yield_epoch was written: guests notice at their next check once the first of them has come.
// UINT64_MAX is never.
void aviary_epoch_look_out(AviaryHostStore *store);
// Makes an instance's context known, before its code runs. It stays until aviary_epoch_forget.
void aviary_epoch_adopt(AviaryHostStore *store, AviaryVMContext *context);
// Before the store's contexts go.
void aviary_epoch_forget(AviaryHostStore *store);

// MARK: System calls. Results are values or a negative errno.

enum {
  AVIARY_SYSTEM_RESERVE = 0,
  AVIARY_SYSTEM_PROTECT = 1,
  AVIARY_SYSTEM_UNMAP = 2,
  AVIARY_SYSTEM_MEMFD = 3,
  AVIARY_SYSTEM_MAP_FILE = 4,
  AVIARY_SYSTEM_ADVISE = 5,
};
// Tests make system calls fail: called before each with its number; a non-zero
// result is the errno to fail with. Null in production.
void aviary_system_set_injector(int (*injector)(int operation));

enum { AVIARY_PROTECT_NONE = 0, AVIARY_PROTECT_READ = 1, AVIARY_PROTECT_WRITE = 2, AVIARY_PROTECT_EXECUTE = 4 };
intptr_t aviary_system_reserve(size_t bytes, int protection);
intptr_t aviary_system_protect(uintptr_t address, size_t bytes, int protection);
intptr_t aviary_system_unmap(uintptr_t address, size_t bytes);
intptr_t aviary_system_memfd(const char *name, size_t bytes);
intptr_t aviary_system_map_file(int fd, size_t bytes, int protection);
intptr_t aviary_system_discard(uintptr_t address, size_t bytes);
void aviary_system_close(int fd);
const char *aviary_system_error_name(int error);

// Runs `body(context)` on a new detached thread that takes no signals. 0 or an errno.
int aviary_thread_start(void (*body)(void *context), void *context);
// The calling thread's timed waits end when they are to, not some 50 microseconds later.
void aviary_thread_be_punctual(void);
#endif
