// Asynchronous calls: guests that are suspended and go on later, on any thread.
//
//   guest stack                                    stack_high
//   ├── guard ──┼── frames of the guest ── top ┼ record ┼ values ┤
//
// A guest runs on its store's stack in synchronous calls too; what makes an asynchronous one is that its
// activation does not lie in a native frame but beside the guest's frames, in a record with room for its
// registers. So nothing of a suspended guest is on a native stack: no frame of Swift or C, and whoever
// abandons it just forgets it.
//
// A host function or builtin that finds `activation.is_fiber` suspends its guest by writing down what it waits
// for (`request`) and leaving AVIARY_PENDING_SUSPEND in `activation.pending`. When it has returned, its stub
// (enter.S) keeps the guest's registers in the record, and aviary_fiber_start or aviary_fiber_resume returns
// AVIARY_CALL_SUSPENDED. The next resume goes on behind the host call or builtin.
#pragma once
#include "aviary_host.h"

#define AVIARY_CALL_SUSPENDED 0x20000
#define AVIARY_FIBER_RBX 160
#define AVIARY_FIBER_R12 168
#define AVIARY_FIBER_R13 176
#define AVIARY_FIBER_R14 184
#define AVIARY_FIBER_R15 192

#ifndef __ASSEMBLER__
// What a suspended guest waits for.
enum {
  AVIARY_REQUEST_NONE = 0,
  AVIARY_REQUEST_HOST_CALL = 1,   // function, caller, values
  AVIARY_REQUEST_YIELD = 2,       // that others have had their turn
  AVIARY_REQUEST_MEMORY_GROW = 3, // caller, index, amount
  AVIARY_REQUEST_TABLE_GROW = 4,  // caller, index, amount, fill
  AVIARY_REQUEST_WAIT = 5,        // caller, index: the width, amount: the host's address, fill: the expected value, timeout
};

typedef struct AviaryFiber {
  AviaryActivation activation; // first
  uint64_t saved[5];           // rbx, r12 to r15; rsp and rbp are in the activation
  uint32_t request;            // AVIARY_REQUEST_*
  uint32_t index;
  AviaryHostFunction *function;
  AviaryVMContext *caller;     // null where the host itself called the function
  AviaryValue *values;         // on the guest's stack: arguments, and room for results
  uint64_t amount;
  uint64_t fill;
  uint64_t timeout;            // nanoseconds; UINT64_MAX: none
} AviaryFiber;

_Static_assert(offsetof(AviaryFiber, activation) == 0, "a fiber starts with its activation");
_Static_assert(offsetof(AviaryFiber, saved) == AVIARY_FIBER_RBX, "fiber.rbx");
_Static_assert(offsetof(AviaryFiber, saved[4]) == AVIARY_FIBER_R15, "fiber.r15");

// Finds room for an asynchronous call with so many values, above the guest's frames or, where the store's
// guest is suspended, below them. Nothing is entered yet, and nothing has to be undone.
//
// NULL with the reason in `*status`: AVIARY_CALL_MISUSED (the store's guest runs), or a trap code.
// Contract: as aviary_call. `*values` is uninitialised, and valid until the call after this one's end.
AviaryFiber *aviary_fiber_make(AviaryHostStore *store, uint32_t count, AviaryValue **values, uint32_t *status);

// Enters the guest. AVIARY_TRAP_NONE, a trap code (details in store->report) or AVIARY_CALL_SUSPENDED.
//
// Contract: the fiber was just made, nothing was called on the store since, and no call of the store is in
// progress but suspended ones. Thunk, vmctx, code and the values given out belong together.
uint32_t aviary_fiber_start(
    AviaryFiber *fiber, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code, AviaryValue *values);

// Goes on behind the host call or builtin: with `result` of the builtin or, where `trap` is not 0, with that trap.
// As start; AVIARY_CALL_MISUSED where the fiber is not the innermost suspended one of its store.
uint32_t aviary_fiber_resume(AviaryFiber *fiber, uint64_t result, uint32_t trap);

// Ends a suspended fiber as it stands. False where it is not the innermost suspended one of its store.
bool aviary_fiber_abandon(AviaryFiber *fiber);

// As aviary_call, for who may enter a store whose guest is suspended.
uint32_t aviary_call_nested(
    AviaryHostStore *store, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code, AviaryValue *values);

// The innermost activation as the fiber that it is; NULL where it is a synchronous call's, or there is none.
static inline AviaryFiber *aviary_fiber_current(const AviaryStoreContext *store) {
  AviaryActivation *innermost = store->activation;
  return innermost != NULL && innermost->is_fiber ? (AviaryFiber *)innermost : NULL;
}

// Whether the store's guest is suspended: no thread is inside.
static inline bool aviary_fiber_is_suspended(const AviaryStoreContext *store) {
  return store->activation != NULL && store->activation->is_suspended;
}

// Makes the host function or builtin that calls this suspend its guest when it returns.
// Contract: `fiber` is the innermost activation.
static inline void aviary_fiber_suspend(AviaryFiber *fiber, uint32_t request) {
  fiber->request = request;
  fiber->activation.pending = AVIARY_PENDING_SUSPEND;
}
#endif
