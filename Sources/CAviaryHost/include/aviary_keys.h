// Protection keys: whose memory the CPU lets the running thread touch, beside what the
// page tables say.
//
//   PKRU, one per thread     31 ............... 5 4   3 2   1 0
//                           │ key 15 │ ... │ key 2 │ key 1 │ key 0 │   bit 2k: no access,
//                                                                      bit 2k+1: no writing
//
// Key 0 is all ordinary memory. A pool gives each stripe of slots a key of its own. Guests run
// with key 0 and their stripe's alone (enter.S); the host may touch all of ours.
//
// A thread gets the rights of the one that made it. One that was there before a key was
// allocated is denied it: so whoever touches guest memory on the host's side calls
// aviary_keys_allow first, each time, since he may have come to another thread in between. What
// forgets that is mended by the SIGSEGV handler, slowly; in system calls it fails with EFAULT.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AVIARY_KEYS_MOST = 15 };
enum {
  AVIARY_SYSTEM_KEY_ALLOCATE = 50,
  AVIARY_SYSTEM_KEY_FREE = 51,
};

// Whether CPU and kernel have protection keys switched on.
bool aviary_keys_supported(void);
// The calling thread may touch memory of the new key; no other thread may. A key or a negative
// errno: ENOSPC when the process has none left.
intptr_t aviary_system_key_allocate(void);
// Nothing may be under the key any more.
intptr_t aviary_system_key_free(int key);

// PKRU's bits of all keys of our pools; 0 where there are none.
extern uint32_t aviary_keys_bits;
// Written by who allocated or freed keys, one at a time. Any thread reads.
static inline void aviary_keys_set_bits(uint32_t bits) { __atomic_store_n(&aviary_keys_bits, bits, __ATOMIC_SEQ_CST); }
static inline uint32_t aviary_keys_get_bits(void) { return __atomic_load_n(&aviary_keys_bits, __ATOMIC_RELAXED); }

// pkru.S. They fault where keys are not supported.
uint32_t aviary_pkru_read(void);
void aviary_pkru_write(uint32_t value);
void aviary_pkru_allow_ours(void);

// Lets the calling thread touch memory under any of our keys, until it ends. A load and a branch
// where there are none.
static inline void aviary_keys_allow(void) {
  if (__builtin_expect(aviary_keys_get_bits() != 0, 0)) aviary_pkru_allow_ours();
}

// Makes [start, start + bytes), which the calling thread's store may touch, ready for the kernel to
// read or write. The kernel does not raise signals for what it cannot touch, it fails with EFAULT:
// so keys are allowed, and pages that a signal handler has to fill or open are touched from here.
void aviary_prepare_for_kernel(uintptr_t start, size_t bytes, bool will_write);
// Whether the above has to touch each page of what lies there.
bool aviary_prepare_touches(uintptr_t address);
