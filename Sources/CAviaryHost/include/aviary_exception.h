// WebAssembly exceptions: what they are, and how one gets to its handler.
//
//   guest stack        throw: the frames are walked from the throwing one outwards, by rbp
//   │ entry thunk    │
//   │ f   (try)      │ <- its table has a handler around the call of g: f's landing pad goes on, with rbp alone
//   │ g              │
//   │ h   throws     │ <- guest_rsp, guest_rbp
//
// Nothing is done where nothing is thrown: which part of the code which handler looks after stands in a table of
// the module, found by the return address. No register but rbp is restored: functions with handlers keep all else in
// their frames, their caller's registers included.
//
// A throw writes its values to the store's `current` exception. A clause that wants the values alone reads them from
// there at once, and nothing is left to free. One that wants a reference makes it one of `objects`, which
// are collected: marked from the guest's stack, from what the runtime adds (tables, globals, handles), and from the
// values of marked ones, conservatively, and never moved.
#pragma once
#include "aviary_host.h"

typedef struct AviaryException {
  const AviaryTag *tag;
  uint32_t count;     // of values
  uint32_t capacity;
  uint32_t holds;     // atomic: of the host's handles; kept while there are any
  uint32_t is_object; // one of `objects`
  uint64_t is_marked; // while they are collected
  AviaryValue values[];
} AviaryException;

_Static_assert(offsetof(AviaryException, values) == AVIARY_EXCEPTION_VALUES, "values");

// What all exceptions of a store may take that a collection finds referred to. More is AVIARY_TRAP_ALLOCATION. It bounds
// how long a collection takes, too: some tens of milliseconds.
enum { AVIARY_EXCEPTION_LIMIT = 16 << 20 };

// MARK: Throwing

// The builtins. A handler or AVIARY_TRAP_UNCAUGHT_EXCEPTION is left pending.
void aviary_throw(AviaryVMContext *context, const AviaryTag *tag, const AviaryValue *values);
void aviary_throw_ref(AviaryVMContext *context, AviaryException *exception);

// The store's current exception, with room for a tag's values, which the caller writes; null without memory.
AviaryException *aviary_exception_make(AviaryHostStore *store, const AviaryTag *tag);

// Throws the store's current exception into the innermost activation, which is in a host function or suspended in one:
// true where it has a handler, which runs when the host function returns (or the fiber is resumed).
bool aviary_exception_throw(AviaryHostStore *store);

// MARK: References

// Makes the current exception one that references may exist to. Null: without memory, or beyond the limit.
AviaryException *aviary_exception_keep(AviaryHostStore *store);

// A handle of the host's comes or goes: on any thread, since errors that carry some go wherever they are caught. 0 is
// not held. Contract: a reference of the store's that something keeps.
static inline void aviary_exception_hold(uint64_t reference, int32_t change) {
  if (reference == 0) return;
  __atomic_fetch_add(&((AviaryException *)(uintptr_t)reference)->holds, (uint32_t)change, __ATOMIC_ACQ_REL);
}

// Installs the builtins, and what is called while exceptions are collected, with the heap's marker: marks what words of
// a store refer to beside its stack. Once, by the runtime.
typedef struct AviaryMarker AviaryMarker;
void aviary_exception_install(void (*roots)(AviaryStoreContext *store, AviaryMarker *marker));
// Every `stride`-th of 64-bit words may be a reference.
void aviary_exception_mark(AviaryMarker *marker, const uint64_t *words, size_t count, size_t stride);

// Collects now.
void aviary_exception_collect(AviaryHostStore *store);
// Frees all of a store's exceptions. Contract: no guest runs, and no handle is left.
void aviary_exception_clear(AviaryHostStore *store);
