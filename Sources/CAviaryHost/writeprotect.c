// Pages that report themselves when they are written: the slot's owner protects what it
// expects to stay clean, and finds in the log what did not.
#define _GNU_SOURCE
#include "aviary_reset.h"
#include "internal.h"
#include <errno.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

enum {
  PAGE = 4096,
  // A page that faults though it is open (a device that fails) does not get better: then the
  // process ends instead of spinning. No slot has so many pages to open between two resets
  // without having been scanned for overflow long before.
  MOST_FAULTS = 1 << 28,
};

static intptr_t protect(int userfaultfd, uintptr_t address, size_t bytes, bool on) {
  struct uffdio_writeprotect request = {
      .range = {.start = address, .len = bytes}, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0};
  while (ioctl(userfaultfd, UFFDIO_WRITEPROTECT, &request) != 0) {
    // The address space is being changed by a fork or the like: it passes.
    if (errno != EAGAIN && errno != EINTR) return -errno;
  }
  return 0;
}

intptr_t aviary_write_protect(int userfaultfd, uintptr_t address, size_t bytes, bool on) {
  int error = aviary_system_injected(AVIARY_SYSTEM_WRITE_PROTECT);
  if (error != 0) return -error;
  return protect(userfaultfd, address, bytes, on);
}

// Logged before it is opened: an open page that is in no log would reach the next tenant.
// Two threads that fault at once log it twice, which does no harm.
bool aviary_write_protect_resolve(
    AviarySlab *slab, AviarySlotRecord *record, uintptr_t address, uint64_t offset) {
  AviaryWriteLog *log = record->log;
  if (log == NULL) return false;
  uint32_t position = __atomic_fetch_add(&log->count, 1, __ATOMIC_SEQ_CST);
  if (position >= MOST_FAULTS) return false;
  if (position < AVIARY_WRITE_LOG_CAPACITY) log->pages[position] = (uint32_t)(offset / PAGE);
  if (protect(slab->userfaultfd, address & ~(uintptr_t)(PAGE - 1), PAGE, false) != 0) return false;
  __atomic_fetch_add(&slab->faults, 1, __ATOMIC_RELAXED);
  return true;
}
