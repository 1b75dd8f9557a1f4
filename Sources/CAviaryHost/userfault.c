#define _GNU_SOURCE
#include "aviary_userfault.h"
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Younger than some headers.
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
typedef struct Poison {
  uint64_t start;
  uint64_t length;
  uint64_t mode;
  int64_t updated;
} Poison;
#define POISON_REQUEST _IOWR(UFFDIO, 0x08, Poison)

_Static_assert(AVIARY_FAULTFD_EVENT_REMOVE == UFFD_FEATURE_EVENT_REMOVE, "feature");
_Static_assert(AVIARY_FAULTFD_EVENT_UNMAP == UFFD_FEATURE_EVENT_UNMAP, "feature");
_Static_assert(AVIARY_FAULTFD_SIGBUS == UFFD_FEATURE_SIGBUS, "feature");
_Static_assert(sizeof(struct uffd_msg) == 32, "uffd_msg");

static intptr_t open_call(int flags) {
  long fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags);
  return fd < 0 ? -errno : fd;
}

// The device's own permissions decide, not vm.unprivileged_userfaultfd.
static intptr_t open_device(void) {
  int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  if (device < 0) return -errno;
  int fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
  intptr_t result = fd < 0 ? -errno : fd;
  close(device);
  return result;
}

intptr_t aviary_userfault_open(bool user_only) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_OPEN);
  if (error != 0) return -error;
  intptr_t first = -EINVAL;
  if (user_only) {
    first = open_call(UFFD_USER_MODE_ONLY);
    if (first >= 0) return first;
  }
  // Kernels before 5.11 do not know the flag, and say so with EINVAL.
  intptr_t fd = open_call(0);
  if (fd >= 0) return fd;
  intptr_t device = open_device();
  if (device >= 0) return device;
  // The refusal says more than the device that is not there.
  return user_only && first != -EINVAL ? first : fd;
}

intptr_t aviary_userfault_api(int fd, uint64_t features) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_API);
  if (error != 0) return -error;
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  if (ioctl(fd, UFFDIO_API, &api) != 0) return errno == EINVAL ? -EOPNOTSUPP : -errno;
  return 0;
}

intptr_t aviary_userfault_features(void) {
  intptr_t fd = aviary_userfault_open(true);
  if (fd < 0) return fd;
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_API);
  struct uffdio_api api = {.api = UFFD_API};
  intptr_t result = -error;
  if (error == 0) result = ioctl((int)fd, UFFDIO_API, &api) != 0 ? -errno : (intptr_t)api.features;
  close((int)fd);
  return result;
}

intptr_t aviary_userfault_register(int fd, uintptr_t address, size_t bytes, uint64_t mode) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_REGISTER);
  if (error != 0) return -error;
  struct uffdio_register request = {.range = {.start = address, .len = bytes}, .mode = mode};
  return ioctl(fd, UFFDIO_REGISTER, &request) != 0 ? -errno : 0;
}

intptr_t aviary_userfault_unregister(int fd, uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_UNREGISTER);
  if (error != 0) return -error;
  struct uffdio_range range = {.start = address, .len = bytes};
  return ioctl(fd, UFFDIO_UNREGISTER, &range) != 0 ? -errno : 0;
}

// The kernel reports a part in `done` and says EAGAIN; a failure is negative in both.
static intptr_t filled(int status, int64_t done) {
  if (status == 0 || done > 0) return (intptr_t)done;
  return -errno;
}

intptr_t aviary_userfault_copy(int fd, uintptr_t address, const void *source, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_COPY);
  if (error != 0) return -error;
  struct uffdio_copy request = {
      .dst = address, .src = (uintptr_t)source, .len = bytes, .mode = UFFDIO_COPY_MODE_DONTWAKE};
  return filled(ioctl(fd, UFFDIO_COPY, &request), request.copy);
}

intptr_t aviary_userfault_zero(int fd, uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_ZERO);
  if (error != 0) return -error;
  struct uffdio_zeropage request = {
      .range = {.start = address, .len = bytes}, .mode = UFFDIO_ZEROPAGE_MODE_DONTWAKE};
  return filled(ioctl(fd, UFFDIO_ZEROPAGE, &request), request.zeropage);
}

intptr_t aviary_userfault_poison(int fd, uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_POISON);
  if (error != 0) return -error;
  Poison request = {.start = address, .length = bytes, .mode = 1};
  return filled(ioctl(fd, POISON_REQUEST, &request), request.updated);
}

intptr_t aviary_userfault_wake(int fd, uintptr_t address, size_t bytes) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_WAKE);
  if (error != 0) return -error;
  struct uffdio_range range = {.start = address, .len = bytes};
  return ioctl(fd, UFFDIO_WAKE, &range) != 0 ? -errno : 0;
}

static AviaryFaultEvent event(const struct uffd_msg *message) {
  AviaryFaultEvent result = {.kind = AVIARY_FAULT_EVENT_OTHER};
  switch (message->event) {
  case UFFD_EVENT_PAGEFAULT:
    result.kind = AVIARY_FAULT_EVENT_PAGE;
    result.is_write = (message->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0;
    result.start = result.end = message->arg.pagefault.address;
    break;
  case UFFD_EVENT_REMOVE:
  case UFFD_EVENT_UNMAP:
    result.kind = message->event == UFFD_EVENT_REMOVE ? AVIARY_FAULT_EVENT_REMOVE : AVIARY_FAULT_EVENT_UNMAP;
    result.start = message->arg.remove.start;
    result.end = message->arg.remove.end;
    break;
  }
  return result;
}

intptr_t aviary_userfault_read(int fd, AviaryFaultEvent *events) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_READ);
  if (error != 0) return -error;
  struct uffd_msg messages[AVIARY_FAULT_EVENTS];
  ssize_t bytes = read(fd, messages, sizeof messages);
  if (bytes < 0) return -errno;
  size_t count = (size_t)bytes / sizeof messages[0];
  for (size_t i = 0; i < count; i++) events[i] = event(&messages[i]);
  return (intptr_t)count;
}

intptr_t aviary_userfault_stop_open(void) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_OPEN);
  if (error != 0) return -error;
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

void aviary_userfault_stop_signal(int stop) {
  uint64_t one = 1;
  // The counter cannot overflow: it is signalled once.
  ssize_t written = write(stop, &one, sizeof one);
  (void)written;
}

intptr_t aviary_userfault_poll(int fd, int stop, int milliseconds) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FAULTFD_POLL);
  if (error != 0) return -error;
  struct pollfd descriptors[] = {{.fd = fd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
  if (poll(descriptors, 2, milliseconds) < 0) return -errno;
  intptr_t mask = 0;
  // POLLERR too: the read that follows says why.
  if (descriptors[0].revents != 0) mask |= AVIARY_FAULT_POLL_EVENTS;
  if (descriptors[1].revents != 0) mask |= AVIARY_FAULT_POLL_STOP;
  return mask;
}
