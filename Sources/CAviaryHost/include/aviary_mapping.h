// Changing what is mapped inside of a reservation. Results are values or a negative errno.
//
// Contract of all: the range lies in a reservation of the caller's, in whole pages; what
// was mapped there is nobody else's, and the caller alone changes it meanwhile.
#pragma once
#include "aviary_slab.h"
#include <stddef.h>
#include <stdint.h>

// The injector's numbers.
enum {
  AVIARY_SYSTEM_MAP_IMAGE = 10,
  AVIARY_SYSTEM_CLEAR = 11,
  AVIARY_SYSTEM_ADVISE_RANGES = 12,
};

// As mprotect; the range gets the protection key unless it is negative: then it keeps its own.
intptr_t aviary_system_protect_key(uintptr_t address, size_t bytes, int protection, int key);
// Maps the file's bytes there, copy-on-write, in place of what was there. They have key 0.
intptr_t aviary_system_map_image(uintptr_t address, size_t bytes, int fd, uint64_t offset, int protection);
// Anonymous memory without access in place of what was there. It has key 0.
intptr_t aviary_system_clear(uintptr_t address, size_t bytes);
// Sets some of the process's mappings aside, for aviary_system_clear where there are none left. Any number of times.
void aviary_system_keep_spare_mappings(void);

// Keeps the kernel from backing the range with huge pages where it does so unasked: one written
// byte would take 2 MiB, which the next reset would have to bring back. Nothing where it does not.
intptr_t aviary_system_avoid_huge_pages(uintptr_t address, size_t bytes);

// The same layout as the kernel's iovec.
typedef struct AviaryRange {
  uintptr_t address;
  size_t bytes;
} AviaryRange;
enum { AVIARY_RANGES_PER_CALL = 1024 };

// As aviary_system_discard for many ranges at once, in order; `count` is at most
// AVIARY_RANGES_PER_CALL. 0, or an error: then any of them may have been dropped.
intptr_t aviary_system_discard_ranges(const AviaryRange *ranges, size_t count);
// Whether the kernel does so with one system call; else it takes one for each range.
int aviary_system_discards_together(void);

// vm.max_map_count, or 0 where it cannot be read.
uint64_t aviary_system_mapping_limit(void);

// Handlers on other threads may read it at any time.
static inline void aviary_slot_set_accessible(AviarySlotRecord *record, uint64_t bytes) {
  __atomic_store_n(&record->accessible, bytes, __ATOMIC_RELEASE);
}
