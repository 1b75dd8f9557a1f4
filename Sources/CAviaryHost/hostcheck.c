#define _GNU_SOURCE
#include "aviary_host_check.h"
#include "aviary_stack.h"
#include "internal.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, GUARD = AVIARY_HOST_CHECK_GUARD, MARGIN = 16 * 1024 };
// Of a main stack without a limit, or with a huge one, the rest is left alone.
static const size_t LONGEST_STACK = 64 << 20;
static const uint64_t PATTERN = 0x5afe57acc0dea71a; // hostcheck.S

// What ThreadState.native_guard says.
enum { UNTRIED, IMPOSSIBLE, MARKED, PROTECTED };

static pthread_key_t key;
static int key_error;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

// MARK: What a thread keeps

static void remove_guard(ThreadState *thread) {
  void *low = (void *)thread->guard_low;
  intptr_t result = thread->native_guard == MARKED
      ? aviary_system_guard_remove(thread->guard_low, GUARD)
      : aviary_system_protect(thread->guard_low, GUARD, AVIARY_PROTECT_READ | AVIARY_PROTECT_WRITE);
  // The C library gives the stack to another thread, which must not find it.
  if (result != 0) {
    mmap(low, GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  }
  thread->stack_low = thread->guard_low;
  thread->guard_low = 0;
  thread->native_guard = UNTRIED;
}

static void end_thread(void *raw) {
  ThreadState *thread = raw;
  if (thread->guard_low != 0) remove_guard(thread);
  if (thread->spare != 0) munmap((void *)thread->spare, GUARD + thread->spare_bytes);
  thread->spare = 0;
}

static void make_key(void) { key_error = pthread_key_create(&key, end_thread); }

static bool ends_with(ThreadState *thread) {
  pthread_once(&key_once, make_key);
  return key_error == 0 && pthread_setspecific(key, thread) == 0;
}

// MARK: Where a squeezed host function runs

static bool is_main(const ThreadState *thread) { return thread->id == getpid(); }

// Makes the main thread's stack grow down to `address`, or finds out that it cannot, without a fault. Below the
// stack pointer nothing is lost.
static bool grow_main(uintptr_t address) { return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, address) == 0; }

// Where the guard is to begin, or 0.
static uintptr_t guard_place(const ThreadState *thread) {
  uintptr_t low = thread->stack_low, high = low + thread->stack_size;
  if (low == 0) return 0;
  if (thread->stack_size > LONGEST_STACK) low = high - LONGEST_STACK;
  low = (low + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
  if (is_main(thread)) low += PAGE; // the last one is not granted
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  if (here - low > high - low || here - low < GUARD + 2 * thread->stack_reserve) return 0;
  if (is_main(thread) && !grow_main(low)) return 0;
  return low;
}

static uint8_t install_guard(ThreadState *thread) {
  uintptr_t low = guard_place(thread);
  if (low == 0 || !ends_with(thread)) return IMPOSSIBLE;
  uint8_t how = MARKED;
  if (aviary_system_guard_install(low, GUARD) != 0) {
    how = PROTECTED;
    if (aviary_system_protect(low, GUARD, AVIARY_PROTECT_NONE) != 0) return IMPOSSIBLE;
  }
  thread->stack_size -= low + GUARD - thread->stack_low;
  thread->stack_low = low + GUARD;
  thread->guard_low = low;
  return how;
}

static bool uses_native(const Squeeze *squeeze) {
  for (; squeeze != NULL; squeeze = squeeze->previous) {
    if (squeeze->is_native) return true;
  }
  return false;
}

// Room for nested entries stays above the budget.
static bool place_on_native(ThreadState *thread, Squeeze *squeeze, size_t budget) {
  if (uses_native(thread->squeeze)) return false;
  if (thread->native_guard == UNTRIED) thread->native_guard = install_guard(thread);
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uintptr_t room = here - thread->stack_low;
  if (thread->native_guard == IMPOSSIBLE || room > thread->stack_size) return false;
  if (room < budget + 2 * thread->stack_reserve) return false;
  squeeze->is_native = true;
  squeeze->low = thread->stack_low;
  return true;
}

// The thread's spare one, or a new one.
static bool place_alone(ThreadState *thread, Squeeze *squeeze, size_t budget) {
  size_t bytes = (budget + PAGE - 1) & ~(size_t)(PAGE - 1);
  uintptr_t base = thread->spare;
  if (base != 0 && thread->spare_bytes >= bytes) {
    bytes = thread->spare_bytes;
    thread->spare = 0;
  } else {
    intptr_t reserved = aviary_system_reserve(GUARD + bytes, AVIARY_PROTECT_NONE);
    if (reserved < 0 && reserved > -4096) return false;
    base = (uintptr_t)reserved;
    if (aviary_system_protect(base + GUARD, bytes, AVIARY_PROTECT_READ | AVIARY_PROTECT_WRITE) != 0) {
      munmap((void *)base, GUARD + bytes);
      return false;
    }
  }
  squeeze->low = base + GUARD;
  squeeze->bytes = bytes;
  squeeze->is_alone = true;
  return true;
}

static void give_back_alone(ThreadState *thread, const Squeeze *squeeze) {
  uintptr_t base = squeeze->low - GUARD;
  if (thread->spare == 0 && ends_with(thread)) {
    thread->spare = base;
    thread->spare_bytes = squeeze->bytes;
  } else {
    munmap((void *)base, GUARD + squeeze->bytes);
  }
}

// MARK: The two ways to run

uint32_t aviary_return_to_native(ThreadState *thread, uint32_t (*body)(void *context), void *context) {
  if (aviary_on_guest_stack(thread, (uintptr_t)__builtin_frame_address(0))) {
    return aviary_on_native(thread->activation, body, context);
  }
  uintptr_t left;
  return aviary_run_on(thread->squeeze->resume, (AviaryRunFunction)body, context, NULL, NULL, &left);
}

static uint32_t squeeze(
    ThreadState *thread, AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values) {
  size_t budget = self->check->budget;
  Squeeze squeeze = {.previous = thread->squeeze, .activation = thread->activation};
  uintptr_t stack;
  if (self->call_host != aviary_call_host) {
    squeeze.low = thread->activation->stack_low;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    // The engine's settings promise the budget, and more: it is smaller only for a signal's sake.
    uintptr_t most = here - squeeze.low > MARGIN ? here - squeeze.low - MARGIN / 4 : 0;
    stack = squeeze.low + (budget < most ? budget : most);
  } else {
    if (!place_on_native(thread, &squeeze, budget) && !place_alone(thread, &squeeze, budget)) {
      return AVIARY_TRAP_ALLOCATION;
    }
    stack = squeeze.low + budget;
    // Nested entries find what is left of the native stack.
    if (squeeze.is_native) thread->stack_low = stack;
  }
  stack &= ~(uintptr_t)15;
  squeeze.high = stack;
  thread->squeeze = &squeeze;
  uint32_t status = aviary_run_on(stack, (AviaryRunFunction)self->checked, self, caller, values, &squeeze.resume);
  thread->squeeze = squeeze.previous;
  if (squeeze.is_native) thread->stack_low = squeeze.low;
  if (squeeze.is_alone) give_back_alone(thread, &squeeze);
  return status;
}

// The lowest word that is not as it was filled.
__attribute__((no_sanitize("address", "thread"))) static uintptr_t lowest_used(uintptr_t low, uintptr_t high) {
  const volatile uint64_t *at = (const volatile uint64_t *)low;
  while ((uintptr_t)at < high && *at == PATTERN) at++;
  return (uintptr_t)at;
}

// What is filled for a host function that another one's guest calls may be that one's, too: it is looked at before.
static void note_outer(Measure *outer) {
  if (outer != NULL) outer->used = lowest_used(outer->low, outer->used);
}

static void note_use(AviaryHostCheck *check, const Measure *measure) {
  uint64_t used = measure->high - measure->used;
  uint64_t most = __atomic_load_n(&check->most, __ATOMIC_RELAXED);
  while (most < used &&
         !__atomic_compare_exchange_n(&check->most, &most, used, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  if (measure->used == measure->low) __atomic_store_n(&check->is_all_used, 1, __ATOMIC_RELAXED);
}

// How many bytes below `here` are filled; 0: it cannot be measured.
static size_t depth_below(ThreadState *thread, bool is_native, uintptr_t here) {
  uintptr_t low = is_native ? thread->stack_low : thread->activation->stack_low;
  if (low == 0 || here - low < 2 * MARGIN) return 0;
  // A stack that is neither: nobody knows where it ends.
  if (is_native && here - low > thread->stack_size) return 0;
  size_t room = (here - low - MARGIN) & ~(size_t)15;
  size_t depth = room < AVIARY_HOST_CHECK_DEPTH ? room : AVIARY_HOST_CHECK_DEPTH;
  if (is_native && is_main(thread) && !grow_main((here - depth - MARGIN / 2) & ~(uintptr_t)15)) return 0;
  return depth;
}

static uint32_t measure(
    ThreadState *thread, AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values) {
  bool is_native = self->call_host == aviary_call_host;
  size_t depth = depth_below(thread, is_native, (uintptr_t)__builtin_frame_address(0));
  if (depth == 0) return self->checked(self, caller, values);
  Measure *outer = thread->measure;
  note_outer(outer);
  Measure measure = {0};
  thread->measure = &measure;
  AviaryRunFunction function = (AviaryRunFunction)self->checked;
  uint32_t status = aviary_run_filled(depth, function, self, caller, values, &measure);
  thread->measure = outer;
  measure.used = lowest_used(measure.low, measure.used);
  note_use(self->check, &measure);
  // On one stack, what an inner one used is the outer one's use.
  if (outer != NULL && measure.used >= outer->low && measure.used < outer->used) outer->used = measure.used;
  return status;
}

uint32_t aviary_host_check_run(AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values) {
  ThreadState *thread = aviary_thread_state();
  __atomic_fetch_add(&self->check->calls, 1, __ATOMIC_RELAXED);
  return self->check->budget != 0 ? squeeze(thread, self, caller, values) : measure(thread, self, caller, values);
}

AviaryHostCheck aviary_host_check_read(const AviaryHostCheck *check) {
  return (AviaryHostCheck){
      .budget = check->budget,
      .calls = __atomic_load_n(&check->calls, __ATOMIC_RELAXED),
      .most = __atomic_load_n(&check->most, __ATOMIC_RELAXED),
      .is_all_used = __atomic_load_n(&check->is_all_used, __ATOMIC_RELAXED),
  };
}
