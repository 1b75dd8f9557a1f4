// Threads that sleep in a guest's `memory.atomic.wait`.
#define _GNU_SOURCE
#include "aviary_shared.h"
#include "internal.h"
#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void aviary_word_wait(const uint32_t *word, uint32_t seen, uint64_t deadline) {
  struct timespec time = {.tv_sec = (time_t)(deadline / 1000000000), .tv_nsec = (long)(deadline % 1000000000)};
  // With a bit set the time is a point of the monotonic clock's.
  syscall(
      SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen, deadline == UINT64_MAX ? NULL : &time, NULL,
      FUTEX_BITSET_MATCH_ANY);
}

void aviary_word_wake(uint32_t *word) {
  __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

uint32_t aviary_word_read(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

void aviary_store_park(AviaryHostStore *store) { __atomic_store_n(&store->is_parked, 1, __ATOMIC_SEQ_CST); }

void aviary_store_unpark(AviaryHostStore *store) { __atomic_store_n(&store->is_parked, 0, __ATOMIC_SEQ_CST); }

void aviary_store_nudge(AviaryHostStore *store) {
  if (__atomic_load_n(&store->is_parked, __ATOMIC_SEQ_CST) != 0) aviary_word_wake(&store->wake);
}
