#define _GNU_SOURCE
#include "aviary_reset.h"
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// linux/fs.h's, which headers may be too old to have.
typedef struct ScanArgument {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t regions;
  uint64_t region_count;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
} ScanArgument;
#define SCAN_REQUEST _IOWR('f', 16, ScanArgument)

enum {
  PAGE_IS_FILE = 1 << 2,
  PAGE_IS_PRESENT = 1 << 3,
  PAGE_IS_SWAPPED = 1 << 4,
  PAGE_IS_PFNZERO = 1 << 5,
  PAGE_IS_GUARD = 1 << 8,
};

static intptr_t scan(
    int pagemap, uintptr_t start, uintptr_t end, uint64_t excluded, AviaryPageRegion *regions,
    size_t capacity, uintptr_t *walk_end) {
  ScanArgument argument = {
      .size = sizeof argument,
      .start = start,
      .end = end,
      .regions = (uintptr_t)regions,
      .region_count = capacity,
      // None of these, and one of those. Present alone would pass over a dirty page that
      // was swapped out, and show it to the next tenant.
      .category_inverted = excluded,
      .category_mask = excluded,
      .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
  };
  int count = ioctl(pagemap, SCAN_REQUEST, &argument);
  if (count < 0) return -errno;
  *walk_end = argument.walk_end;
  return count;
}

// Kernels before 6.15 do not know guard pages, and refuse a category that they do not know.
static atomic_int knows_guards = 1;

intptr_t aviary_pagemap_scan(
    int pagemap, uintptr_t start, uintptr_t end, AviaryPageRegion *regions, size_t capacity,
    uintptr_t *walk_end) {
  int error = aviary_system_injected(AVIARY_SYSTEM_PAGEMAP_SCAN);
  if (error != 0) return -error;
  uint64_t excluded = PAGE_IS_PFNZERO | PAGE_IS_FILE;
  if (atomic_load_explicit(&knows_guards, memory_order_relaxed)) {
    intptr_t result = scan(pagemap, start, end, excluded | PAGE_IS_GUARD, regions, capacity, walk_end);
    if (result != -EINVAL) return result;
    atomic_store_explicit(&knows_guards, 0, memory_order_relaxed);
  }
  return scan(pagemap, start, end, excluded, regions, capacity, walk_end);
}

intptr_t aviary_pagemap_present(int pagemap, uintptr_t start, uintptr_t end) {
  int error = aviary_system_injected(AVIARY_SYSTEM_PAGEMAP_SCAN);
  if (error != 0) return -error;
  AviaryPageRegion regions[64];
  intptr_t pages = 0;
  while (start < end) {
    uintptr_t walked;
    intptr_t count = scan(pagemap, start, end, 0, regions, 64, &walked);
    if (count < 0) return count;
    if (walked <= start) return -EIO;
    for (intptr_t i = 0; i < count; i++) pages += (intptr_t)((regions[i].end - regions[i].start) / 4096);
    start = walked;
  }
  return pages;
}

intptr_t aviary_pagemap_open(void) {
  int error = aviary_system_injected(AVIARY_SYSTEM_PAGEMAP_OPEN);
  if (error != 0) return -error;
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  // An empty range asks whether there is such a request at all.
  AviaryPageRegion region;
  uintptr_t walk_end;
  uintptr_t here = (uintptr_t)&region & ~(uintptr_t)4095;
  intptr_t result = scan(fd, here, here + 4096, PAGE_IS_FILE, &region, 1, &walk_end);
  if (result >= 0) return fd;
  close(fd);
  return result;
}
