#define _GNU_SOURCE
#include "aviary_image.h"
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

intptr_t aviary_system_image_create(size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_IMAGE_CREATE);
  if (error != 0) return -error;
  // Before Linux 6.3 the flag is unknown; since then it may be demanded (vm.memfd_noexec).
  int fd = memfd_create("aviary-image", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("aviary-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)bytes) == 0) return fd;
  error = errno;
  close(fd);
  return -error;
}

intptr_t aviary_system_image_write(int fd, const void *source, size_t count, uint64_t offset) {
  int error = aviary_system_injected(AVIARY_SYSTEM_IMAGE_WRITE);
  if (error != 0) return -error;
  const char *next = source;
  while (count > 0) {
    ssize_t written = pwrite(fd, next, count, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? -errno : -EIO;
    next += written;
    offset += (uint64_t)written;
    count -= (size_t)written;
  }
  return 0;
}

intptr_t aviary_system_image_seal(int fd) {
  int error = aviary_system_injected(AVIARY_SYSTEM_IMAGE_SEAL);
  if (error != 0) return -error;
  int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  return fcntl(fd, F_ADD_SEALS, seals) != 0 ? -errno : 0;
}

intptr_t aviary_system_image_map(int fd, size_t bytes, uint64_t offset) {
  int error = aviary_system_injected(AVIARY_SYSTEM_IMAGE_MAP);
  if (error != 0) return -error;
  // Private: before Linux 6.7 a file that is sealed against writing cannot be mapped shared, not
  // even for reading. The pages are the same, since nobody writes.
  void *address = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)offset);
  return address == MAP_FAILED ? -errno : (intptr_t)address;
}

intptr_t aviary_system_image_open(const char *path) {
  int error = aviary_system_injected(AVIARY_SYSTEM_IMAGE_OPEN);
  if (error != 0) return -error;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  return fd < 0 ? -errno : fd;
}

intptr_t aviary_system_image_status(int fd, AviaryFileStatus *status) {
  int error = aviary_system_injected(AVIARY_SYSTEM_IMAGE_STATUS);
  if (error != 0) return -error;
  struct stat found;
  if (fstat(fd, &found) != 0) return -errno;
  status->bytes = found.st_size > 0 ? (uint64_t)found.st_size : 0;
  status->is_regular = S_ISREG(found.st_mode);
  status->is_others = found.st_uid != 0 && found.st_uid != geteuid();
  status->others_write = (found.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return 0;
}
