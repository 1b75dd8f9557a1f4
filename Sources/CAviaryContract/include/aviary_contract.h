// The structs that machine code reads and writes: declared once, here.
//
// Compilers take the offsets from `offsetof` through the enums below, the
// runtime fills the structs in, assembly includes this file. docs/abi.md says
// in words what each field means; a change here is a change of the ABI.
//
// Invariant: no field of these structs is ever written by the guest, save
// `fuel` and global cells. They live outside of linear memory.
#pragma once

// Offsets used by assembly; checked against the structs below.
#define AVIARY_VMCTX_STORE 8
#define AVIARY_VMCTX_BUILTINS 16
#define AVIARY_VMCTX_TYPE_IDS 24
#define AVIARY_VMCTX_MEMORY0_BASE 32
#define AVIARY_VMCTX_RAISE 40
#define AVIARY_VMCTX_POLL 4
#define AVIARY_VMCTX_HEAD_SIZE 64

#define AVIARY_HOST_CALL 16
#define AVIARY_HOST_CALL_HOST 32

#define AVIARY_STORE_ACTIVATION 0
#define AVIARY_STORE_STACK_LIMIT 8
#define AVIARY_STORE_FUEL 32

#define AVIARY_ACT_PREVIOUS 0
#define AVIARY_ACT_STORE 8
#define AVIARY_ACT_HOST_RSP 16
#define AVIARY_ACT_GUEST_RSP 24
#define AVIARY_ACT_GUEST_RBP 32
#define AVIARY_ACT_TRAP_CODE 40
#define AVIARY_ACT_PENDING 44
#define AVIARY_ACT_TRAP_PC 48
#define AVIARY_ACT_TRAP_RBP 56
#define AVIARY_ACT_FAULT_ADDRESS 64
#define AVIARY_ACT_HOST_LOW 112
#define AVIARY_ACT_GUEST_PKRU 136
#define AVIARY_ACT_HOST_PKRU 140
#define AVIARY_ACT_IS_FIBER 144
#define AVIARY_ACT_IS_SUSPENDED 148
#define AVIARY_ACT_CALLEE 152

// In `pending`: the guest is to be suspended (aviary_fiber.h). Reaches nobody as a trap.
#define AVIARY_PENDING_SUSPEND 0x20000
// In `pending`: an exception was thrown, and a handler found (aviary_exception.h): trap_pc and trap_rbp are where it
// lands, fault_address is the exception. Reaches nobody as a trap.
#define AVIARY_PENDING_UNWIND 0x40000

// Where an exception's values begin: landing pads read them.
#define AVIARY_EXCEPTION_VALUES 32

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

// A value as it crosses between host and guest: 16 bytes, so that v128 fits.
// i32 and f32 occupy the low 4 bytes, the next 4 are zero; references are 64-bit.
typedef struct AviaryValue {
  uint64_t low;
  uint64_t high;
} AviaryValue;

struct AviaryStoreContext;
struct AviaryActivation;
struct AviaryVMContext;

// A function as a first-class value; a funcref is a pointer to one (null = 0).
// Immutable once published. Lives as long as its store.
typedef struct AviaryFuncRef {
  const void *code;              // wasm-ABI entry
  struct AviaryVMContext *vmctx; // callee's context (or an AviaryHostFunction)
  uint32_t type_id;              // canonical id, engine-wide; 0 is never a type
  uint32_t kind;                 // 0 = wasm, 1 = host
  void *owner;                   // runtime's own (unretained), never read by code
} AviaryFuncRef;

// One imported function: copied from its AviaryFuncRef at instantiation.
typedef struct AviaryFunctionImport {
  const void *code;
  struct AviaryVMContext *vmctx;
  AviaryFuncRef *ref;
} AviaryFunctionImport;

// A linear memory. `base` never changes during the memory's life: memories are
// grown in place within their reservation. `length` is in bytes, only grows.
typedef struct AviaryMemory {
  uint8_t *base;
  uint64_t length;
} AviaryMemory;

// A table: 8-byte elements (funcref: AviaryFuncRef *, other references: opaque
// 64-bit, null = 0). `base` may move on growth; `length` is in elements.
typedef struct AviaryTable {
  uint64_t *base;
  uint64_t length;
} AviaryTable;

// An exception tag. Its address is its identity: whoever imports it has the exporter's.
typedef struct AviaryTag {
  uint32_t type_id;     // canonical id of its function type
  uint32_t value_count; // parameters of that type
  uint64_t reserved;
} AviaryTag;

// What all instances of a store share and machine code reaches by [r15+8].
typedef struct AviaryStoreContext {
  struct AviaryActivation *activation; // innermost entry into the guest, or null
  uintptr_t stack_limit;               // lowest rsp of checked prologues, and of calls of host functions that run on the guest's stack
  const uint64_t *epoch;               // engine's epoch counter
  uint64_t epoch_deadline;             // checks notice when *epoch >= this; written by aviary_epoch_look_out
  uint64_t fuel;                       // left; while metered code runs it is in r13 instead
  void *owner;                         // the Swift store, unretained
  uint32_t guest_pkru;                 // while the guest runs (docs/abi.md); 0: keys are not used
  uint32_t is_metered;                 // all code of the store keeps its fuel in r13
  struct AviaryVMContext *first;       // where code has epoch checks: the instances' contexts, by `next`
} AviaryStoreContext;

// The fixed head of an instance's context (r15). The per-module tail follows at
// AVIARY_VMCTX_HEAD_SIZE, laid out by VMContextLayout. 16-byte aligned.
typedef struct AviaryVMContext {
  uint32_t magic; // AVIARY_MAGIC_*
  // 0, or UINT32_MAX: an epoch check calls AVIARY_BUILTIN_EPOCH. Written by any thread (CAviaryHost/epoch.c).
  uint32_t poll;
  AviaryStoreContext *store;
  const void *const *builtins;   // indexed by AviaryBuiltin
  const uint32_t *type_ids;      // module type index -> canonical id
  uint8_t *memory0_base;         // memory 0's base, or null; goes to r14
  const void *raise;             // address of aviary_raise: eax = trap code
  void *owner;                   // the Swift instance, unretained
  struct AviaryVMContext *next;  // of the store, where its code has epoch checks
} AviaryVMContext;

// What r15 points to inside a host function's thunk. Same fixed head (magic,
// store), so that the thunk reaches the activation like everybody else.
typedef struct AviaryHostFunction {
  uint32_t magic; // AVIARY_MAGIC_HOST
  uint32_t value_count;     // slots of the values array: max(parameters, results)
  AviaryStoreContext *store;
  // Called by `call_host` on the host's stack or the guest's. Returns 0, or a trap code
  // (AVIARY_TRAP_HOST: the error stands on the activation's Swift side).
  uint32_t (*call)(struct AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values);
  void *owner;              // the Swift closure's box
  const void *call_host;    // address of aviary_call_host or of one like it, for the thunk
  const void *raise;        // address of aviary_raise (same offset as in AviaryVMContext)
  AviaryFuncRef ref;        // this function as a funcref
  // Where `call` is aviary_host_body_run: a Swift closure's two words, and who takes over the error that it threw.
  const void *body;
  void *body_context;
  uint32_t (*threw)(struct AviaryHostFunction *self, void *error);
  const char *name;         // for messages, or NULL
  // Where `call` is aviary_host_suspend: what runs where the guest cannot be suspended.
  uint32_t (*blocked)(struct AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values);
  // Where `call` is aviary_host_check_run: what it checks, and what it calls.
  struct AviaryHostCheck *check;
  uint32_t (*checked)(struct AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values);
} AviaryHostFunction;

enum {
  AVIARY_MAGIC_CORE = 0x65726f63, // "core"
  AVIARY_MAGIC_HOST = 0x74736f68, // "host"
};

// One entry into the guest, linked from the store and from a thread-local. Of a synchronous call
// it lives on the host's native stack inside aviary_enter's caller, of an asynchronous one at the
// top of the guest's stack.
typedef struct AviaryActivation {
  struct AviaryActivation *previous; // of this thread
  AviaryStoreContext *store;
  uintptr_t host_rsp;      // host stack: where host calls and the landing pad run
  uintptr_t guest_rsp;     // set while the guest is in a host call or builtin
  uintptr_t guest_rbp;     // likewise
  uint32_t trap_code;      // AviaryTrap, set by raise or by the signal handler
  volatile uint32_t pending; // set from outside (interrupt, builtin): raise on return to the guest
  uintptr_t trap_pc;       // address inside guest code
  uintptr_t trap_rbp;      // frame of the trapping function
  uintptr_t fault_address; // of a signal, else 0
  // Bounds of the guest stack in use: [stack_low, stack_high); below stack_low
  // stands the guard [guard_low, stack_low).
  uintptr_t guard_low;
  uintptr_t stack_low;
  uintptr_t stack_high;
  uintptr_t entry_rbp;     // rbp of the enter frame on the guest stack: the walk's end
  struct AviaryActivation *store_previous; // next outer activation of the same store
  // On the guest's stack, where its host function has left it for the native one; else 0.
  uintptr_t host_low;
  uint64_t reserved[2];
  uint32_t guest_pkru;     // the store's; 0: the register is left alone
  uint32_t host_pkru;      // what the host had when it last went to the guest
  uint32_t is_fiber;       // the entry of an asynchronous call (CAviaryHost/fiber.c): may suspend
  uint32_t is_suspended;   // and is: it belongs to no thread
  // Of meaning while guest_rsp is set: the AviaryHostFunction that runs, or the context whose builtin does; the
  // first word of either tells which.
  const void *callee;
} AviaryActivation;

// C ABI of an entry thunk: loads arguments from `values`, calls `code` with
// r15 = vmctx, stores results to `values`.
typedef void (*AviaryEntryThunk)(AviaryVMContext *vmctx, const void *code, AviaryValue *values);

// Trap codes: AviaryContract/TrapCode.swift has the wording of the spec.
typedef enum AviaryTrap {
  AVIARY_TRAP_NONE = 0,
  AVIARY_TRAP_UNREACHABLE = 1,
  AVIARY_TRAP_MEMORY_OUT_OF_BOUNDS = 2,
  AVIARY_TRAP_TABLE_OUT_OF_BOUNDS = 3,
  AVIARY_TRAP_UNDEFINED_ELEMENT = 4,   // call_indirect index outside of the table
  AVIARY_TRAP_UNINITIALIZED_ELEMENT = 5,
  AVIARY_TRAP_INDIRECT_CALL_TYPE_MISMATCH = 6,
  AVIARY_TRAP_INTEGER_DIVIDE_BY_ZERO = 7,
  AVIARY_TRAP_INTEGER_OVERFLOW = 8,
  AVIARY_TRAP_INVALID_CONVERSION = 9,
  AVIARY_TRAP_CALL_STACK_EXHAUSTED = 10,
  AVIARY_TRAP_NULL_REFERENCE = 11,
  AVIARY_TRAP_NULL_FUNCTION_REFERENCE = 12,
  AVIARY_TRAP_NULL_STRUCTURE_REFERENCE = 13,
  AVIARY_TRAP_NULL_ARRAY_REFERENCE = 14,
  AVIARY_TRAP_NULL_I31_REFERENCE = 15,
  AVIARY_TRAP_CAST_FAILURE = 16,
  AVIARY_TRAP_ARRAY_OUT_OF_BOUNDS = 17,
  AVIARY_TRAP_NULL_EXCEPTION_REFERENCE = 18,
  AVIARY_TRAP_UNALIGNED_ATOMIC = 19,
  AVIARY_TRAP_EXPECTED_SHARED_MEMORY = 20,
  AVIARY_TRAP_OUT_OF_FUEL = 21,
  AVIARY_TRAP_INTERRUPTED = 22,        // epoch deadline, timeout or interrupt
  AVIARY_TRAP_HOST = 23,               // a host function or limiter threw; the error stands beside
  AVIARY_TRAP_GROWTH_DENIED = 24,
  AVIARY_TRAP_UNCAUGHT_EXCEPTION = 25,
  AVIARY_TRAP_ALLOCATION = 26,
  AVIARY_TRAP_COUNT = 27
} AviaryTrap;

// Functions of the runtime that machine code calls as
//   mov r11, [r15 + AVIARY_VMCTX_BUILTINS]; call [r11 + 8 * builtin]
// with rdi = r15 and further integer arguments in C order; result in rax.
// All registers that the C ABI does not preserve are lost. A builtin that
// traps does not return.
typedef enum AviaryBuiltin {
  AVIARY_BUILTIN_MEMORY_GROW = 0,   // (vmctx, memory, delta pages) -> old pages or -1 (64-bit)
  AVIARY_BUILTIN_MEMORY_FILL = 1,   // (vmctx, memory, dst, value, n)          may trap
  AVIARY_BUILTIN_MEMORY_COPY = 2,   // (vmctx, dst mem, src mem, dst, src, n)  may trap
  AVIARY_BUILTIN_MEMORY_INIT = 3,   // (vmctx, memory, segment, dst, src, n)   may trap
  AVIARY_BUILTIN_DATA_DROP = 4,     // (vmctx, segment)
  AVIARY_BUILTIN_TABLE_GROW = 5,    // (vmctx, table, delta, value) -> old length or -1 (64-bit)
  AVIARY_BUILTIN_TABLE_FILL = 6,    // (vmctx, table, start, value, n)         may trap
  AVIARY_BUILTIN_TABLE_COPY = 7,    // (vmctx, dst tab, src tab, dst, src, n)  may trap
  AVIARY_BUILTIN_TABLE_INIT = 8,    // (vmctx, table, segment, dst, src, n)    may trap
  AVIARY_BUILTIN_ELEM_DROP = 9,     // (vmctx, segment)
  AVIARY_BUILTIN_IS_SUBTYPE = 10,   // (vmctx, actual id, expected id) -> 0 or 1
  AVIARY_BUILTIN_EPOCH = 11,        // (vmctx): the poll word is set           may trap or suspend
  AVIARY_BUILTIN_OUT_OF_FUEL = 12,  // (vmctx)                                  may trap
  AVIARY_BUILTIN_THROW = 13,        // (vmctx, AviaryTag *, AviaryValue *values)   does not return
  AVIARY_BUILTIN_THROW_REF = 14,    // (vmctx, exception, not null)                does not return
  // 15 and 16 are free.
  AVIARY_BUILTIN_MEMORY_WAIT32 = 17, // (vmctx, memory, index, expected, timeout, offset) -> 0, 1 or 2   may trap or suspend
  AVIARY_BUILTIN_MEMORY_WAIT64 = 18, // likewise
  AVIARY_BUILTIN_MEMORY_NOTIFY = 19, // (vmctx, memory, index, count, offset) -> how many were woken  may trap
  AVIARY_BUILTIN_COUNT = 20
} AviaryBuiltin;

_Static_assert(sizeof(AviaryTag) == 16, "tags stand in contexts");
_Static_assert(offsetof(AviaryVMContext, store) == AVIARY_VMCTX_STORE, "store");
_Static_assert(offsetof(AviaryVMContext, builtins) == AVIARY_VMCTX_BUILTINS, "builtins");
_Static_assert(offsetof(AviaryVMContext, type_ids) == AVIARY_VMCTX_TYPE_IDS, "type_ids");
_Static_assert(offsetof(AviaryVMContext, memory0_base) == AVIARY_VMCTX_MEMORY0_BASE, "memory0");
_Static_assert(offsetof(AviaryVMContext, raise) == AVIARY_VMCTX_RAISE, "raise");
_Static_assert(offsetof(AviaryHostFunction, raise) == AVIARY_VMCTX_RAISE, "raise of host functions");
_Static_assert(offsetof(AviaryHostFunction, store) == AVIARY_VMCTX_STORE, "store of host functions");
_Static_assert(offsetof(AviaryHostFunction, call) == AVIARY_HOST_CALL, "call of host functions");
_Static_assert(offsetof(AviaryHostFunction, call_host) == AVIARY_HOST_CALL_HOST, "call_host");
_Static_assert(offsetof(AviaryVMContext, poll) == AVIARY_VMCTX_POLL, "poll");
_Static_assert(sizeof(AviaryVMContext) == AVIARY_VMCTX_HEAD_SIZE, "head");
_Static_assert(offsetof(AviaryStoreContext, activation) == AVIARY_STORE_ACTIVATION, "activation");
_Static_assert(offsetof(AviaryStoreContext, stack_limit) == AVIARY_STORE_STACK_LIMIT, "limit");
_Static_assert(offsetof(AviaryStoreContext, fuel) == AVIARY_STORE_FUEL, "fuel");
_Static_assert(offsetof(AviaryActivation, store) == AVIARY_ACT_STORE, "act.store");
_Static_assert(offsetof(AviaryActivation, host_rsp) == AVIARY_ACT_HOST_RSP, "act.host_rsp");
_Static_assert(offsetof(AviaryActivation, guest_rsp) == AVIARY_ACT_GUEST_RSP, "act.guest_rsp");
_Static_assert(offsetof(AviaryActivation, guest_rbp) == AVIARY_ACT_GUEST_RBP, "act.guest_rbp");
_Static_assert(offsetof(AviaryActivation, trap_code) == AVIARY_ACT_TRAP_CODE, "act.trap_code");
_Static_assert(offsetof(AviaryActivation, pending) == AVIARY_ACT_PENDING, "act.pending");
_Static_assert(offsetof(AviaryActivation, trap_pc) == AVIARY_ACT_TRAP_PC, "act.trap_pc");
_Static_assert(offsetof(AviaryActivation, trap_rbp) == AVIARY_ACT_TRAP_RBP, "act.trap_rbp");
_Static_assert(offsetof(AviaryActivation, fault_address) == AVIARY_ACT_FAULT_ADDRESS, "act.fault");
_Static_assert(offsetof(AviaryActivation, host_low) == AVIARY_ACT_HOST_LOW, "act.host_low");
_Static_assert(offsetof(AviaryActivation, guest_pkru) == AVIARY_ACT_GUEST_PKRU, "act.guest_pkru");
_Static_assert(offsetof(AviaryActivation, host_pkru) == AVIARY_ACT_HOST_PKRU, "act.host_pkru");
_Static_assert(offsetof(AviaryActivation, is_fiber) == AVIARY_ACT_IS_FIBER, "act.is_fiber");
_Static_assert(offsetof(AviaryActivation, is_suspended) == AVIARY_ACT_IS_SUSPENDED, "act.is_suspended");
_Static_assert(offsetof(AviaryActivation, callee) == AVIARY_ACT_CALLEE, "act.callee");
#endif
