#define _GNU_SOURCE
#include "aviary_mapping.h"
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(AviaryRange) == sizeof(struct iovec), "a range is an iovec");
_Static_assert(offsetof(AviaryRange, bytes) == offsetof(struct iovec, iov_len), "a range is an iovec");

static int native_protection(int protection) {
  return (protection & AVIARY_PROTECT_READ ? PROT_READ : 0) | (protection & AVIARY_PROTECT_WRITE ? PROT_WRITE : 0);
}

intptr_t aviary_system_protect_key(uintptr_t address, size_t bytes, int protection, int key) {
  int error = aviary_system_injected(AVIARY_SYSTEM_PROTECT);
  if (error != 0) return -error;
  int native = native_protection(protection);
  // pkey_mprotect fails where the CPU has no keys, even with -1.
  int result = key < 0 ? mprotect((void *)address, bytes, native) : pkey_mprotect((void *)address, bytes, native, key);
  return result != 0 ? -errno : 0;
}

intptr_t aviary_system_map_image(uintptr_t address, size_t bytes, int fd, uint64_t offset, int protection) {
  int error = aviary_system_injected(AVIARY_SYSTEM_MAP_IMAGE);
  if (error != 0) return -error;
  void *result = mmap((void *)address, bytes, native_protection(protection),
                      MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)offset);
  return result == MAP_FAILED ? -errno : 0;
}

static _Atomic int huge_pages_come_unasked = -1;

static bool avoids_huge_pages(void) {
  int known = atomic_load_explicit(&huge_pages_come_unasked, memory_order_relaxed);
  if (known >= 0) return known;
  char text[64] = "";
  int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    ssize_t count = read(fd, text, sizeof text - 1);
    text[count < 0 ? 0 : count] = 0;
    close(fd);
  }
  known = strstr(text, "[always]") != NULL;
  atomic_store_explicit(&huge_pages_come_unasked, known, memory_order_relaxed);
  return known;
}

intptr_t aviary_system_avoid_huge_pages(uintptr_t address, size_t bytes) {
  if (!avoids_huge_pages()) return 0;
  int error = aviary_system_injected(AVIARY_SYSTEM_ADVISE);
  if (error != 0) return -error;
  // A kernel without them does not know the advice.
  return madvise((void *)address, bytes, MADV_NOHUGEPAGE) != 0 && errno != EINVAL ? -errno : 0;
}

// Once other threads have taken the last mapping, the kernel refuses to replace mappings, even by fewer: a pool that
// is to give slots back could not, and nothing would ever become better. So some are kept that can be given up for
// the time of that: pages of a range that differ by turns, and are one mapping once they do not. That needs
// none.
enum { PAGE = 4096, SPARE_PAGES = 17, SPARE_PAUSE = 256 };
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static void *spare;
static atomic_bool is_spare_kept;
static unsigned spare_pause; // so many calls until the next attempt

// With the lock. All or nothing.
static bool keep_spare(void) {
  for (int i = 1; i < SPARE_PAGES; i += 2) {
    if (mprotect((char *)spare + i * PAGE, PAGE, PROT_READ) == 0) continue;
    mprotect(spare, SPARE_PAGES * PAGE, PROT_NONE);
    return false;
  }
  return true;
}

void aviary_system_keep_spare_mappings(void) {
  if (atomic_load_explicit(&is_spare_kept, memory_order_relaxed)) return;
  pthread_mutex_lock(&spare_lock);
  if (spare == NULL) {
    void *range = mmap(NULL, SPARE_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range != MAP_FAILED) spare = range;
  }
  if (spare_pause > 0) {
    spare_pause--;
  } else if (spare != NULL && !atomic_load(&is_spare_kept)) {
    bool is_kept = keep_spare();
    // Mappings are short for a while, and each attempt costs system calls.
    if (!is_kept) spare_pause = SPARE_PAUSE;
    atomic_store(&is_spare_kept, is_kept);
  }
  pthread_mutex_unlock(&spare_lock);
}

static void give_up_spare(void) {
  pthread_mutex_lock(&spare_lock);
  if (atomic_load(&is_spare_kept) && mprotect(spare, SPARE_PAGES * PAGE, PROT_NONE) == 0) atomic_store(&is_spare_kept, false);
  pthread_mutex_unlock(&spare_lock);
}

static void *map_nothing(uintptr_t address, size_t bytes) {
  return mmap((void *)address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

intptr_t aviary_system_clear(uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_CLEAR);
  if (error != 0) return -error;
  void *result = map_nothing(address, bytes);
  if (result == MAP_FAILED && errno == ENOMEM) {
    // Or another thread has done so just now.
    give_up_spare();
    result = map_nothing(address, bytes);
  }
  if (result == MAP_FAILED) return -errno;
  aviary_system_keep_spare_mappings();
  // Without the advice it would not become one mapping with its neighbours, which have it.
  return aviary_system_avoid_huge_pages(address, bytes);
}

// PIDFD_SELF_THREAD_GROUP: a process names itself without a file descriptor; one
// that was opened would name the parent after a fork, whose memory we would drop.
enum { SELF = -10001, MOST_BYTES = 1 << 30 };

static _Atomic int discards_together = -1;

int aviary_system_discards_together(void) {
  int known = atomic_load_explicit(&discards_together, memory_order_relaxed);
  if (known >= 0) return known;
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 0;
  *(volatile char *)page = 1;
  struct iovec range = {page, 4096};
  long advised = syscall(SYS_process_madvise, SELF, &range, 1, MADV_DONTNEED, 0);
  known = advised == 4096 && *(volatile char *)page == 0;
  munmap(page, 4096);
  atomic_store_explicit(&discards_together, known, memory_order_relaxed);
  return known;
}

intptr_t aviary_system_discard_ranges(const AviaryRange *ranges, size_t count) {
  int error = aviary_system_injected(AVIARY_SYSTEM_ADVISE_RANGES);
  if (error != 0) return -error;
  bool together = aviary_system_discards_together();
  for (size_t i = 0; i < count;) {
    // The kernel cuts the sum of a call's ranges at 2 GiB without a word.
    size_t bytes = ranges[i].bytes, end = i + 1;
    while (end < count && ranges[end].bytes < MOST_BYTES && bytes < MOST_BYTES - ranges[end].bytes) {
      bytes += ranges[end++].bytes;
    }
    if (together && end - i > 1 &&
        syscall(SYS_process_madvise, SELF, ranges + i, end - i, MADV_DONTNEED, 0) == (long)bytes) {
      i = end;
      continue;
    }
    for (; i < end; i++) {
      if (madvise((void *)ranges[i].address, ranges[i].bytes, MADV_DONTNEED) != 0) return -errno;
    }
  }
  return 0;
}

uint64_t aviary_system_mapping_limit(void) {
  char text[32];
  int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t count = read(fd, text, sizeof text - 1);
  close(fd);
  if (count <= 0) return 0;
  text[count] = 0;
  return strtoull(text, NULL, 10);
}
