#include "internal.h"

const void *aviary_builtin_targets[AVIARY_BUILTIN_STUBS];

void aviary_builtin_install(uint32_t builtin, const void *function) {
  if (builtin < AVIARY_BUILTIN_STUBS) aviary_builtin_targets[builtin] = function;
}

const void *aviary_raise_address(void) { return aviary_raise; }
const void *aviary_call_host_address(void) { return aviary_call_host; }
const void *aviary_call_host_on_guest_address(void) { return aviary_call_host_on_guest; }
const void *aviary_call_body_address(void) { return aviary_call_body; }
const void *const *aviary_builtin_table(void) { return aviary_builtin_stubs; }

uint32_t aviary_refuse(AviaryHostStore *store, AviaryActivation *outer, uint32_t code) {
  store->report = (AviaryTrapReport){.code = code, .outer = outer};
  return code;
}

// Out of the hot path: what a trap left is copied before the activation goes.
__attribute__((noinline)) uint32_t aviary_report(
    AviaryHostStore *store, const AviaryActivation *activation, uint32_t code) {
  store->report = (AviaryTrapReport){
      .code = code,
      .signal = (uint32_t)activation->reserved[0],
      .pc = activation->trap_pc,
      .rbp = activation->trap_rbp,
      .rsp = activation->reserved[1],
      .fault_address = activation->fault_address,
      .entry_rbp = activation->entry_rbp,
      .outer = activation->store_previous,
  };
  return code;
}

// `outer` is the store's innermost activation, `top` where the guest's frames begin.
static inline __attribute__((always_inline)) uint32_t enter_below(
    AviaryHostStore *store, AviaryActivation *outer, ThreadState *thread, AviaryEntryThunk thunk,
    AviaryVMContext *vmctx, const void *code, AviaryValue *values, uintptr_t top) {
  if (AVIARY_UNLIKELY(store->has_checks) && !aviary_epoch_prepare(thread)) {
    return aviary_refuse(store, outer, AVIARY_TRAP_ALLOCATION);
  }
  AviaryActivation activation;
  activation.previous = thread->activation;
  activation.store = &store->context;
  activation.guest_rsp = 0;
  activation.trap_code = AVIARY_TRAP_NONE;
  activation.pending = AVIARY_TRAP_NONE;
  activation.trap_pc = 0;
  activation.trap_rbp = 0;
  activation.fault_address = 0;
  activation.guard_low = store->guard_low;
  activation.stack_low = store->stack_low;
  activation.stack_high = store->stack_high;
  activation.store_previous = outer;
  activation.reserved[0] = 0;
  activation.reserved[1] = 0;
  activation.entry_rbp = 0;
  activation.host_low = 0;
  activation.guest_pkru = store->context.guest_pkru;
  activation.is_fiber = 0;
  activation.is_suspended = 0;
  // A signal handler of this thread sees an activation only when it is whole.
  atomic_signal_fence(memory_order_seq_cst);
  store->context.activation = &activation;
  thread->activation = &activation;
  __atomic_store_n(&store->thread, thread->id, __ATOMIC_RELAXED);
  if (AVIARY_UNLIKELY(store->has_checks)) aviary_epoch_follow(thread);
  // Pairs with aviary_interrupt, which sets the flag, makes every thread pass a
  // barrier, and then looks at `thread`: either it sees us or we see the flag.
  atomic_signal_fence(memory_order_seq_cst);
  uint32_t result = AVIARY_TRAP_INTERRUPTED;
  if (AVIARY_LIKELY(__atomic_load_n(&store->interrupted, __ATOMIC_RELAXED) == 0)) {
    result = aviary_enter(&activation, thunk, vmctx, code, values, top);
  }
  thread->activation = activation.previous;
  store->context.activation = outer;
  if (AVIARY_UNLIKELY(store->has_checks)) aviary_epoch_follow(thread);
  if (outer == NULL || outer->is_suspended) __atomic_store_n(&store->thread, 0, __ATOMIC_RELEASE);
  if (AVIARY_LIKELY(result == AVIARY_TRAP_NONE)) return AVIARY_TRAP_NONE;
  return aviary_report(store, &activation, result);
}

// `outer` waits in a host call. Never inlined: it is not the hot path.
__attribute__((noinline)) static uint32_t enter_nested(
    AviaryHostStore *store, AviaryActivation *outer, ThreadState *thread, AviaryEntryThunk thunk,
    AviaryVMContext *vmctx, const void *code, AviaryValue *values) {
  // Below the frames of a host function on this stack.
  uintptr_t used = outer->host_low != 0 ? outer->host_low : outer->guest_rsp;
  uintptr_t top = used & ~(uintptr_t)15;
  if (top < store->stack_low + AVIARY_NESTED_ROOM) {
    return aviary_refuse(store, outer, AVIARY_TRAP_CALL_STACK_EXHAUSTED);
  }
  return enter_below(store, outer, thread, thunk, vmctx, code, values, top);
}

typedef struct Call {
  AviaryHostStore *store;
  AviaryEntryThunk thunk;
  AviaryVMContext *vmctx;
  const void *code;
  AviaryValue *values;
} Call;

static uint32_t call_again(void *context) {
  const Call *call = context;
  return aviary_call(call->store, call->thunk, call->vmctx, call->code, call->values);
}

static uint32_t call_nested_again(void *context) {
  const Call *call = context;
  return aviary_call_nested(call->store, call->thunk, call->vmctx, call->code, call->values);
}

// Of a host function that does not run on the native stack.
__attribute__((noinline)) static uint32_t call_from_elsewhere(
    ThreadState *thread, uint32_t (*again)(void *), AviaryHostStore *store, AviaryEntryThunk thunk,
    AviaryVMContext *vmctx, const void *code, AviaryValue *values) {
  Call call = {store, thunk, vmctx, code, values};
  return aviary_return_to_native(thread, again, &call);
}

uint32_t aviary_call(
    AviaryHostStore *store, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code,
    AviaryValue *values) {
  ThreadState *thread = aviary_thread_state();
  if (AVIARY_UNLIKELY(aviary_off_native_stack(thread))) {
    return call_from_elsewhere(thread, call_again, store, thunk, vmctx, code, values);
  }
  AviaryActivation *outer = store->context.activation;
  uint32_t refusal = aviary_entry_refusal(thread);
  if (AVIARY_UNLIKELY(refusal != 0)) return aviary_refuse(store, outer, refusal);
  if (AVIARY_LIKELY(outer == NULL)) {
    return enter_below(store, NULL, thread, thunk, vmctx, code, values, store->stack_high);
  }
  // Of a suspended store `thread` is 0, which no thread has.
  if (store->thread != thread->id || outer->guest_rsp == 0) return AVIARY_CALL_MISUSED;
  return enter_nested(store, outer, thread, thunk, vmctx, code, values);
}

uint32_t aviary_call_nested(
    AviaryHostStore *store, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code,
    AviaryValue *values) {
  ThreadState *thread = aviary_thread_state();
  if (AVIARY_UNLIKELY(aviary_off_native_stack(thread))) {
    return call_from_elsewhere(thread, call_nested_again, store, thunk, vmctx, code, values);
  }
  AviaryActivation *outer = store->context.activation;
  if (outer == NULL || !outer->is_suspended) return aviary_call(store, thunk, vmctx, code, values);
  uint32_t refusal = aviary_entry_refusal(thread);
  if (AVIARY_UNLIKELY(refusal != 0)) return aviary_refuse(store, outer, refusal);
  return enter_nested(store, outer, thread, thunk, vmctx, code, values);
}
