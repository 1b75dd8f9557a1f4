#include "aviary_stack.h"
#include "internal.h"
#include <signal.h>

enum { LINE = 64 };

// The record and the values are written before the activation is the thread's, so no fault opens their pages.
static bool open_down_to(AviaryHostStore *store, uintptr_t address) {
  while (AVIARY_UNLIKELY(address < store->stack_open)) {
    if (aviary_stack_resolve(store, SEGV_ACCERR, address, address) != AVIARY_STACK_FAULT_OPENED) return false;
  }
  return true;
}

AviaryFiber *aviary_fiber_make(AviaryHostStore *store, uint32_t count, AviaryValue **values, uint32_t *status) {
  AviaryActivation *outer = store->context.activation;
  uintptr_t top = store->stack_high;
  if (outer != NULL) {
    if (!outer->is_suspended) {
      *status = AVIARY_CALL_MISUSED;
      return NULL;
    }
    top = outer->guest_rsp;
  }
  uintptr_t bytes = (uintptr_t)count * sizeof(AviaryValue) + sizeof(AviaryFiber) + LINE;
  if (top - store->stack_low < bytes + AVIARY_NESTED_ROOM) {
    *status = aviary_refuse(store, outer, AVIARY_TRAP_CALL_STACK_EXHAUSTED);
    return NULL;
  }
  uintptr_t first = (top - (uintptr_t)count * sizeof(AviaryValue)) & ~(uintptr_t)(LINE - 1);
  uintptr_t record = (first - sizeof(AviaryFiber)) & ~(uintptr_t)(LINE - 1);
  if (!open_down_to(store, record)) {
    *status = aviary_refuse(store, outer, AVIARY_TRAP_ALLOCATION);
    return NULL;
  }
  *values = (AviaryValue *)first;
  *status = AVIARY_TRAP_NONE;
  return (AviaryFiber *)record;
}

static uint32_t entry_refusal(AviaryHostStore *store, ThreadState *thread) {
  uint32_t refusal = aviary_entry_refusal(thread);
  if (refusal != 0) return refusal;
  return store->has_checks && !aviary_epoch_prepare(thread) ? AVIARY_TRAP_ALLOCATION : AVIARY_TRAP_NONE;
}

// The thread has the fiber while it runs.
static void link_up(AviaryFiber *fiber, AviaryHostStore *store, ThreadState *thread) {
  fiber->activation.previous = thread->activation;
  fiber->activation.is_suspended = 0;
  atomic_signal_fence(memory_order_seq_cst);
  store->context.activation = &fiber->activation;
  thread->activation = &fiber->activation;
  __atomic_store_n(&store->thread, thread->id, __ATOMIC_RELAXED);
  if (AVIARY_UNLIKELY(store->has_checks)) {
    aviary_epoch_renew(store);
    aviary_epoch_follow(thread);
  }
  // See aviary_call.
  atomic_signal_fence(memory_order_seq_cst);
}

// The guest is out: at its end, by a trap, or suspended. `thread` is the one that brought it in last: no
// other frame than that one's is under the guest.
static uint32_t leave(AviaryFiber *fiber, AviaryHostStore *store, ThreadState *thread, uint32_t result) {
  thread->activation = fiber->activation.previous;
  if (AVIARY_UNLIKELY(store->has_checks)) aviary_epoch_follow(thread);
  if (result == AVIARY_CALL_SUSPENDED) {
    fiber->activation.is_suspended = 1;
    fiber->activation.previous = NULL;
  } else {
    store->context.activation = fiber->activation.store_previous;
  }
  __atomic_store_n(&store->thread, 0, __ATOMIC_RELEASE);
  if (result == AVIARY_TRAP_NONE || result == AVIARY_CALL_SUSPENDED) return result;
  return aviary_report(store, &fiber->activation, result);
}

typedef struct Start {
  AviaryFiber *fiber;
  AviaryEntryThunk thunk;
  AviaryVMContext *vmctx;
  const void *code;
  AviaryValue *values;
} Start;

static uint32_t start_again(void *context) {
  const Start *start = context;
  return aviary_fiber_start(start->fiber, start->thunk, start->vmctx, start->code, start->values);
}

uint32_t aviary_fiber_start(
    AviaryFiber *fiber, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code, AviaryValue *values) {
  AviaryHostStore *store = (AviaryHostStore *)vmctx->store;
  AviaryActivation *outer = store->context.activation;
  ThreadState *thread = aviary_thread_state();
  if (AVIARY_UNLIKELY(aviary_off_native_stack(thread))) {
    // A host function that lets other tasks run on its thread.
    Start start = {fiber, thunk, vmctx, code, values};
    return aviary_return_to_native(thread, start_again, &start);
  }
  uint32_t refusal = entry_refusal(store, thread);
  if (AVIARY_UNLIKELY(refusal != 0)) return aviary_refuse(store, outer, refusal);
  AviaryActivation *activation = &fiber->activation;
  *activation = (AviaryActivation){
      .store = &store->context,
      .guard_low = store->guard_low,
      .stack_low = store->stack_low,
      .stack_high = store->stack_high,
      .store_previous = outer,
      .guest_pkru = store->context.guest_pkru,
      .is_fiber = 1,
  };
  fiber->request = AVIARY_REQUEST_NONE;
  link_up(fiber, store, thread);
  uint32_t result = AVIARY_TRAP_INTERRUPTED;
  if (AVIARY_LIKELY(__atomic_load_n(&store->interrupted, __ATOMIC_RELAXED) == 0)) {
    result = aviary_enter(activation, thunk, vmctx, code, values, (uintptr_t)fiber);
  }
  return leave(fiber, store, thread, result);
}

static bool is_innermost(const AviaryFiber *fiber) {
  return fiber->activation.is_suspended && fiber->activation.store->activation == &fiber->activation;
}

typedef struct Resumption {
  AviaryFiber *fiber;
  uint64_t result;
  uint32_t trap;
} Resumption;

static uint32_t resume_again(void *context) {
  const Resumption *resumption = context;
  return aviary_fiber_resume(resumption->fiber, resumption->result, resumption->trap);
}

uint32_t aviary_fiber_resume(AviaryFiber *fiber, uint64_t result, uint32_t trap) {
  if (!is_innermost(fiber)) return AVIARY_CALL_MISUSED;
  AviaryHostStore *store = (AviaryHostStore *)fiber->activation.store;
  ThreadState *thread = aviary_thread_state();
  if (AVIARY_UNLIKELY(aviary_off_native_stack(thread))) {
    Resumption resumption = {fiber, result, trap};
    return aviary_return_to_native(thread, resume_again, &resumption);
  }
  uint32_t refusal = entry_refusal(store, thread);
  // The guest is there, so it traps where it stands, with its frames.
  if (AVIARY_UNLIKELY(refusal != 0)) {
    aviary_fiber_abandon(fiber);
    return aviary_refuse(store, store->context.activation, refusal);
  }
  // One that was left when the guest was suspended already.
  if (trap != AVIARY_TRAP_NONE) fiber->activation.pending = trap;
  fiber->request = AVIARY_REQUEST_NONE;
  link_up(fiber, store, thread);
  if (AVIARY_UNLIKELY(__atomic_load_n(&store->interrupted, __ATOMIC_RELAXED) != 0)) {
    fiber->activation.pending = AVIARY_TRAP_INTERRUPTED;
  }
  return leave(fiber, store, thread, aviary_reenter(&fiber->activation, result));
}

bool aviary_fiber_abandon(AviaryFiber *fiber) {
  if (!is_innermost(fiber)) return false;
  AviaryStoreContext *store = fiber->activation.store;
  store->activation = fiber->activation.store_previous;
  fiber->activation.is_suspended = 0;
  return true;
}
