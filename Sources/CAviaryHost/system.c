#define _GNU_SOURCE
#include "internal.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int (*_Atomic injector)(int operation);

void aviary_system_set_injector(int (*function)(int operation)) { atomic_store(&injector, function); }

int aviary_system_injected(int operation) {
  int (*function)(int) = atomic_load_explicit(&injector, memory_order_relaxed);
  return function == NULL ? 0 : function(operation);
}

static int native_protection(int protection) {
  int result = PROT_NONE;
  if (protection & AVIARY_PROTECT_READ) result |= PROT_READ;
  if (protection & AVIARY_PROTECT_WRITE) result |= PROT_WRITE;
  if (protection & AVIARY_PROTECT_EXECUTE) result |= PROT_EXEC;
  return result;
}

intptr_t aviary_system_reserve(size_t bytes, int protection) {
  int error = aviary_system_injected(AVIARY_SYSTEM_RESERVE);
  if (error != 0) return -error;
  void *address = mmap(NULL, bytes, native_protection(protection),
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address == MAP_FAILED ? -errno : (intptr_t)address;
}

intptr_t aviary_system_protect(uintptr_t address, size_t bytes, int protection) {
  int error = aviary_system_injected(AVIARY_SYSTEM_PROTECT);
  if (error != 0) return -error;
  return mprotect((void *)address, bytes, native_protection(protection)) != 0 ? -errno : 0;
}

intptr_t aviary_system_unmap(uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_UNMAP);
  if (error != 0) return -error;
  return munmap((void *)address, bytes) != 0 ? -errno : 0;
}

intptr_t aviary_system_memfd(const char *name, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_MEMFD);
  if (error != 0) return -error;
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)bytes) != 0) {
    error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

intptr_t aviary_system_map_file(int fd, size_t bytes, int protection) {
  int error = aviary_system_injected(AVIARY_SYSTEM_MAP_FILE);
  if (error != 0) return -error;
  void *address = mmap(NULL, bytes, native_protection(protection), MAP_SHARED, fd, 0);
  return address == MAP_FAILED ? -errno : (intptr_t)address;
}

intptr_t aviary_system_discard(uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_ADVISE);
  if (error != 0) return -error;
  return madvise((void *)address, bytes, MADV_DONTNEED) != 0 ? -errno : 0;
}

void aviary_system_close(int fd) { close(fd); }

const char *aviary_system_error_name(int error) { return strerrorname_np(error); }
