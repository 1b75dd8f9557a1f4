// Memories that several threads use at a time. What other threads may write meanwhile is read and written by
// atomic instructions, or in assembly: a race of the guests' never is undefined behaviour of the host's.
#pragma once
#include "aviary_host.h"

// MARK: Length. It is published after the bytes can be touched, and only grows.

static inline uint64_t aviary_memory_length(const AviaryMemory *memory) {
  return __atomic_load_n(&memory->length, __ATOMIC_ACQUIRE);
}
static inline void aviary_memory_publish(AviaryMemory *memory, uint64_t length) {
  __atomic_store_n(&memory->length, length, __ATOMIC_RELEASE);
}

// MARK: Bytes (shared.S). Contract: both ranges can be touched. Each byte is copied once, in any order.

// The ranges may overlap.
void aviary_shared_copy(void *target, const void *source, size_t count);
void aviary_shared_fill(void *target, uint8_t byte, size_t count);

// MARK: Values of 1, 2, 4 or 8 bytes at any address: one move each, of which the compiler assumes nothing.

static inline uint64_t aviary_bytes_load(const void *address, uint32_t width) {
  uint64_t value;
  switch (width) {
  case 1: __asm__ volatile("movzbl (%1), %k0" : "=r"(value) : "r"(address) : "memory"); break;
  case 2: __asm__ volatile("movzwl (%1), %k0" : "=r"(value) : "r"(address) : "memory"); break;
  case 4: __asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address) : "memory"); break;
  default: __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory"); break;
  }
  return value;
}

static inline void aviary_bytes_store(void *address, uint32_t width, uint64_t value) {
  switch (width) {
  case 1: __asm__ volatile("movb %b1, (%0)" : : "r"(address), "r"(value) : "memory"); break;
  case 2: __asm__ volatile("movw %w1, (%0)" : : "r"(address), "r"(value) : "memory"); break;
  case 4: __asm__ volatile("movl %k1, (%0)" : : "r"(address), "r"(value) : "memory"); break;
  default: __asm__ volatile("movq %1, (%0)" : : "r"(address), "r"(value) : "memory"); break;
  }
}

// MARK: Integers of 1, 2, 4 or 8 bytes, little-endian as the machine. Contract: the address is a multiple of the width.

static inline uint64_t aviary_shared_load(const void *address, uint32_t width) {
  switch (width) {
  case 1: return __atomic_load_n((const uint8_t *)address, __ATOMIC_SEQ_CST);
  case 2: return __atomic_load_n((const uint16_t *)address, __ATOMIC_SEQ_CST);
  case 4: return __atomic_load_n((const uint32_t *)address, __ATOMIC_SEQ_CST);
  default: return __atomic_load_n((const uint64_t *)address, __ATOMIC_SEQ_CST);
  }
}

typedef enum AviaryAtomic {
  AVIARY_ATOMIC_EXCHANGE,
  AVIARY_ATOMIC_ADD,
  AVIARY_ATOMIC_SUB,
  AVIARY_ATOMIC_AND,
  AVIARY_ATOMIC_OR,
  AVIARY_ATOMIC_XOR,
} AviaryAtomic;

#define AVIARY_ATOMIC_OF(type) \
  switch (operation) { \
  case AVIARY_ATOMIC_EXCHANGE: return __atomic_exchange_n((type *)address, (type)value, __ATOMIC_SEQ_CST); \
  case AVIARY_ATOMIC_ADD: return __atomic_fetch_add((type *)address, (type)value, __ATOMIC_SEQ_CST); \
  case AVIARY_ATOMIC_SUB: return __atomic_fetch_sub((type *)address, (type)value, __ATOMIC_SEQ_CST); \
  case AVIARY_ATOMIC_AND: return __atomic_fetch_and((type *)address, (type)value, __ATOMIC_SEQ_CST); \
  case AVIARY_ATOMIC_OR: return __atomic_fetch_or((type *)address, (type)value, __ATOMIC_SEQ_CST); \
  default: return __atomic_fetch_xor((type *)address, (type)value, __ATOMIC_SEQ_CST); \
  }

// What was there before.
static inline uint64_t aviary_shared_modify(void *address, uint32_t width, AviaryAtomic operation, uint64_t value) {
  switch (width) {
  case 1: AVIARY_ATOMIC_OF(uint8_t)
  case 2: AVIARY_ATOMIC_OF(uint16_t)
  case 4: AVIARY_ATOMIC_OF(uint32_t)
  default: AVIARY_ATOMIC_OF(uint64_t)
  }
}

#define AVIARY_EXCHANGE_OF(type) { \
    type seen = (type)expected; \
    __atomic_compare_exchange_n((type *)address, &seen, (type)desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    return seen; \
  }

// What was there before; `desired` was stored where that is `expected`.
static inline uint64_t aviary_shared_compare_exchange(void *address, uint32_t width, uint64_t expected, uint64_t desired) {
  switch (width) {
  case 1: AVIARY_EXCHANGE_OF(uint8_t)
  case 2: AVIARY_EXCHANGE_OF(uint16_t)
  case 4: AVIARY_EXCHANGE_OF(uint32_t)
  default: AVIARY_EXCHANGE_OF(uint64_t)
  }
}

// MARK: Waiting (park.c)

// Sleeps until the word is no longer `seen`, or somebody wakes it, or the monotonic clock is at `deadline`
// (UINT64_MAX: never), or for no reason.
void aviary_word_wait(const uint32_t *word, uint32_t seen, uint64_t deadline);
// Changes the word, and wakes who sleeps on it.
void aviary_word_wake(uint32_t *word);
uint32_t aviary_word_read(const uint32_t *word);

// The store's thread is about to sleep on `wake`: from then on whoever wants something of the guest that it runs
// changes the word. What was wanted before is to be looked for after this.
void aviary_store_park(AviaryHostStore *store);
void aviary_store_unpark(AviaryHostStore *store);
// Wakes the thread, where it sleeps. Any thread, while the words exist.
void aviary_store_nudge(AviaryHostStore *store);
