#define _GNU_SOURCE
#include "aviary_stack.h"
#include "internal.h"
#include <errno.h>
#include <immintrin.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

enum { PAGE = 4096, LINE = 64, OPEN_FACTOR = 4 };

intptr_t aviary_system_guard_install(uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_GUARD_INSTALL);
  if (error != 0) return -error;
  return madvise((void *)address, bytes, MADV_GUARD_INSTALL) != 0 ? -errno : 0;
}

intptr_t aviary_system_guard_remove(uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_GUARD_REMOVE);
  if (error != 0) return -error;
  return madvise((void *)address, bytes, MADV_GUARD_REMOVE) != 0 ? -errno : 0;
}

intptr_t aviary_system_small_pages(uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_SMALL_PAGES);
  if (error != 0) return -error;
  return madvise((void *)address, bytes, MADV_NOHUGEPAGE) != 0 ? -errno : 0;
}

intptr_t aviary_stack_close(uintptr_t address, size_t bytes, uint32_t mode) {
  if (bytes == 0) return 0;
  if (mode == AVIARY_STACK_GUARDS) return aviary_system_guard_install(address, bytes);
  intptr_t result = aviary_system_discard(address, bytes);
  return result != 0 ? result : aviary_system_protect(address, bytes, AVIARY_PROTECT_NONE);
}

intptr_t aviary_stack_open(uintptr_t address, size_t bytes, uint32_t mode) {
  if (bytes == 0) return 0;
  if (mode == AVIARY_STACK_GUARDS) return aviary_system_guard_remove(address, bytes);
  return aviary_system_protect(address, bytes, AVIARY_PROTECT_READ | AVIARY_PROTECT_WRITE);
}

// Where the first line begins that is not zero.
static uintptr_t first_touched(uintptr_t at, uintptr_t high) {
  for (; at < high; at += LINE) {
    const uint64_t *words = (const uint64_t *)at;
    uint64_t any = 0;
    for (int i = 0; i < LINE / 8; i++) any |= words[i];
    if (any != 0) break;
  }
  return at;
}

__attribute__((target("avx2"))) static uintptr_t first_touched_avx2(uintptr_t at, uintptr_t high) {
  for (; high - at >= 4 * LINE; at += 4 * LINE) {
    const __m256i *words = (const __m256i *)at;
    __m256i any = _mm256_or_si256(_mm256_or_si256(words[0], words[1]), _mm256_or_si256(words[2], words[3]));
    __m256i more = _mm256_or_si256(_mm256_or_si256(words[4], words[5]), _mm256_or_si256(words[6], words[7]));
    any = _mm256_or_si256(any, more);
    if (!_mm256_testz_si256(any, any)) break;
  }
  return first_touched(at, high);
}

// Reading is cheaper than writing, and most of a stack's open part is never touched.
uintptr_t aviary_stack_clear(uintptr_t low, uintptr_t high) {
  uintptr_t at = __builtin_cpu_supports("avx2") ? first_touched_avx2(low, high) : first_touched(low, high);
  memset((void *)at, 0, high - at);
  return at;
}

AviaryStackFault aviary_stack_resolve(AviaryHostStore *store, int code, uintptr_t address, uintptr_t rsp) {
  uintptr_t low = store->stack_low, open = store->stack_open, high = store->stack_high;
  uintptr_t wanted;
  if (open <= low || open > high) return AVIARY_STACK_FAULT_OTHER;
  if (address >= low && address < open && code != SI_KERNEL) {
    // Whose access it is does not matter: entering the guest writes there too.
    wanted = address;
  } else if (code == SI_KERNEL && rsp >= low && rsp <= high && rsp < open + AVIARY_STACK_SIGNAL_ROOM) {
    // The kernel found no room for another signal's frame and turned it into this. That signal is lost,
    // as with every stack that is too small for it.
    wanted = open - 1;
  } else {
    return AVIARY_STACK_FAULT_OTHER;
  }
  // In growing steps, and never so that the next signal's frame has no room.
  uintptr_t below = wanted - low < AVIARY_STACK_SIGNAL_ROOM ? low : wanted - AVIARY_STACK_SIGNAL_ROOM;
  size_t next = OPEN_FACTOR * (high - open);
  uintptr_t step = next > high - low ? low : high - next;
  uintptr_t target = (below < step ? below : step) & ~(uintptr_t)(PAGE - 1);
  if (aviary_stack_open(target, open - target, store->stack_mode) != 0) return AVIARY_STACK_FAULT_FAILED;
  store->stack_open = target;
  return AVIARY_STACK_FAULT_OPENED;
}
