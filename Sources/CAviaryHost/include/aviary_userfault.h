// userfaultfd(2): user space fills the pages of a range, or says that they do not exist.
//
// Thin wrappers; results are values or a negative errno. Policy is in AviaryPool/Faults,
// and for faults by signal in slab.c.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Numbers for aviary_system_set_injector.
enum {
  AVIARY_SYSTEM_FAULTFD_OPEN = 20,
  AVIARY_SYSTEM_FAULTFD_API = 21,
  AVIARY_SYSTEM_FAULTFD_REGISTER = 22,
  AVIARY_SYSTEM_FAULTFD_UNREGISTER = 23,
  AVIARY_SYSTEM_FAULTFD_COPY = 24,
  AVIARY_SYSTEM_FAULTFD_ZERO = 25,
  AVIARY_SYSTEM_FAULTFD_WAKE = 26,
  AVIARY_SYSTEM_FAULTFD_POISON = 27,
  AVIARY_SYSTEM_FAULTFD_READ = 28,
  AVIARY_SYSTEM_FAULTFD_POLL = 29,
};

// UFFD_FEATURE_*, spelled out: headers may be older than the kernel.
enum {
  AVIARY_FAULTFD_PAGEFAULT_FLAG_WP = 1 << 0,
  AVIARY_FAULTFD_EVENT_REMOVE = 1 << 3,
  AVIARY_FAULTFD_EVENT_UNMAP = 1 << 6,
  AVIARY_FAULTFD_SIGBUS = 1 << 7,
  AVIARY_FAULTFD_WP_UNPOPULATED = 1 << 13,
  AVIARY_FAULTFD_POISON = 1 << 14,
};
enum { AVIARY_FAULTFD_REGISTER_MISSING = 1, AVIARY_FAULTFD_REGISTER_WP = 2 };

// A descriptor, closed on exec, not blocking. `user_only`: kernel-mode accesses to a
// missing page fail with EFAULT, and no privilege is needed. Without it, the system call
// and then /dev/userfaultfd are tried.
intptr_t aviary_userfault_open(bool user_only);
// The handshake, once a descriptor. EOPNOTSUPP when the kernel lacks one of the features;
// the descriptor is then of no more use.
intptr_t aviary_userfault_api(int fd, uint64_t features);
// All features of this kernel, or a negative errno. Opens a descriptor of its own.
intptr_t aviary_userfault_features(void);
intptr_t aviary_userfault_register(int fd, uintptr_t address, size_t bytes, uint64_t mode);
intptr_t aviary_userfault_unregister(int fd, uintptr_t address, size_t bytes);

// Fill missing pages and wake nobody. Bytes filled from the start, fewer than asked for
// where a page was there already or the mapping changes; else the reason: -EEXIST,
// -EAGAIN (an event is to be read first), -ENOENT (nothing is registered there), ...
// Async-signal-safe.
intptr_t aviary_userfault_copy(int fd, uintptr_t address, const void *source, size_t bytes);
intptr_t aviary_userfault_zero(int fd, uintptr_t address, size_t bytes);
// Missing pages raise SIGBUS until they are dropped with MADV_DONTNEED.
intptr_t aviary_userfault_poison(int fd, uintptr_t address, size_t bytes);
intptr_t aviary_userfault_wake(int fd, uintptr_t address, size_t bytes);

enum {
  AVIARY_FAULT_EVENT_PAGE = 1,   // [start, start) is missing, and a thread waits
  AVIARY_FAULT_EVENT_REMOVE = 2, // [start, end) is about to be dropped
  AVIARY_FAULT_EVENT_UNMAP = 3,  // [start, end) is about to be unmapped, or is already
  AVIARY_FAULT_EVENT_OTHER = 4,
};
enum { AVIARY_FAULT_EVENTS = 16 };
typedef struct AviaryFaultEvent {
  uint32_t kind;
  uint32_t is_write;
  uint64_t start;
  uint64_t end;
} AviaryFaultEvent;

// Reads what is queued: a count, at most AVIARY_FAULT_EVENTS; -EAGAIN for none.
intptr_t aviary_userfault_read(int fd, AviaryFaultEvent *events);

// A descriptor that `aviary_userfault_poll` also waits for.
intptr_t aviary_userfault_stop_open(void);
void aviary_userfault_stop_signal(int stop);
// Waits for events, or the stop descriptor, or the time (-1: for ever): a mask.
enum { AVIARY_FAULT_POLL_EVENTS = 1, AVIARY_FAULT_POLL_STOP = 2 };
intptr_t aviary_userfault_poll(int fd, int stop, int milliseconds);

// A page of zeros, under key 0.
const void *aviary_userfault_zeros(void);
