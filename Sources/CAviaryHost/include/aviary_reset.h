// What the kernel knows of written pages, for bringing used memory back to its image.
// Results are values or a negative errno.
#pragma once
#include "aviary_slab.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { // continues aviary_system_*'s numbers
  AVIARY_SYSTEM_PAGEMAP_OPEN = 70,
  AVIARY_SYSTEM_PAGEMAP_SCAN = 71,
  AVIARY_SYSTEM_WRITE_PROTECT = 72,
  AVIARY_SYSTEM_FORK_MARK = 73,
};

// The address of a word that reads 1 in this process, and 0 in one that was forked from it.
intptr_t aviary_fork_mark_open(void);
void aviary_fork_mark_close(uintptr_t mark);

// MARK: PAGEMAP_SCAN (Linux 6.7; Documentation/admin-guide/mm/pagemap.rst)

// Of this process. ENOTTY where the kernel cannot scan.
intptr_t aviary_pagemap_open(void);

// Where the kernel writes what it found; as its own struct page_region.
typedef struct AviaryPageRegion {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
} AviaryPageRegion;

// Finds pages of the process's own, resident or swapped out: everything that was written
// since it was last dropped, and nothing that still is the file's or the common page of
// zeros. In order, neighbours joined; [start, *end) was looked at. A count.
intptr_t aviary_pagemap_scan(
    int pagemap, uintptr_t start, uintptr_t end, AviaryPageRegion *regions, size_t capacity,
    uintptr_t *walk_end);

// How many pages of the range are there, whoever's: also the file's and the common zeros.
intptr_t aviary_pagemap_present(int pagemap, uintptr_t start, uintptr_t end);

// MARK: Write protection (userfaultfd with SIGBUS: Linux 6.4)

// Of a range that was registered for it. Also pages that are not there yet.
intptr_t aviary_write_protect(int userfaultfd, uintptr_t address, size_t bytes, bool protect);

// In the SIGBUS handler, for an address of the slot's guest: opens the page and logs it.
// Async-signal-safe.
bool aviary_write_protect_resolve(
    AviarySlab *slab, AviarySlotRecord *record, uintptr_t address, uint64_t offset);
