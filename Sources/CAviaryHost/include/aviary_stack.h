// Guest stacks that are opened as they are used.
//
//   guard_low           stack_low          stack_open           stack_high
//   ├─── guard: faults ──┼─ closed: faults ─┼─ open: read, write ─┤
//
// A fault in the closed part opens more and the access is tried again; one in the guard is an overflow. So
// what a guest can have written lies in the open part, and the store's end knows without a system call.
#pragma once
#include "aviary_host.h"

// How a range is kept from being touched.
enum {
  AVIARY_STACK_PROTECTION = 0, // mprotect: two mappings more a stack
  AVIARY_STACK_GUARDS = 1,     // MADV_GUARD_INSTALL (Linux 6.13): none
  // In a store's words only: all of the stack is open, always. Host functions run on it, whose system calls
  // would fail on what is closed; or it is an embedder's.
  AVIARY_STACK_WHOLE = 2,
};

// A signal handler that runs on the stack it interrupts (no SA_ONSTACK) needs so much below the guest's rsp.
enum { AVIARY_STACK_SIGNAL_ROOM = 16 * 1024 };

// Numbers for the injector, after those of aviary_host.h.
enum {
  AVIARY_SYSTEM_GUARD_INSTALL = 40,
  AVIARY_SYSTEM_GUARD_REMOVE = 41,
  AVIARY_SYSTEM_SMALL_PAGES = 42,
};
// Page-aligned ranges of one private anonymous mapping; 0 or a negative errno. Installing drops the contents.
intptr_t aviary_system_guard_install(uintptr_t address, size_t bytes);
intptr_t aviary_system_guard_remove(uintptr_t address, size_t bytes);
// No huge pages for the range.
intptr_t aviary_system_small_pages(uintptr_t address, size_t bytes);

// Makes a range fault, and read as zeros when it is opened again. After a failure part of it may be
// closed already; the contents of the rest stand. 0 or a negative errno.
intptr_t aviary_stack_close(uintptr_t address, size_t bytes, uint32_t mode);
// Makes it readable and writable; async-signal-safe. 0 or a negative errno.
intptr_t aviary_stack_open(uintptr_t address, size_t bytes, uint32_t mode);

// Zeroes [low, high), both multiples of 64. Returns where the part began that was not zero already, rounded
// down to 64; `high` where all was.
uintptr_t aviary_stack_clear(uintptr_t low, uintptr_t high);

// Whether the eight bytes at an address can be read, or written: asked of the kernel, so that nothing faults.
// `writable` leaves something there. The address is not 0.
bool aviary_probe_readable(uintptr_t address);
bool aviary_probe_writable(uintptr_t address);

typedef enum AviaryStackFault {
  AVIARY_STACK_FAULT_OTHER = 0,  // not of the closed part
  AVIARY_STACK_FAULT_OPENED = 1, // to be tried again
  AVIARY_STACK_FAULT_FAILED = 2, // the system gave nothing
} AviaryStackFault;
// Async-signal-safe: for a SIGSEGV on a thread that is inside of the store. `code` is si_code.
AviaryStackFault aviary_stack_resolve(AviaryHostStore *store, int code, uintptr_t address, uintptr_t rsp);
