#define _GNU_SOURCE
#include "aviary_stack.h"
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// The size of the kernel's signal sets.
enum { WORD = 8 };

// The kernel copies the set before it looks at the operation, which it does not know: nothing changes.
bool aviary_probe_readable(uintptr_t address) {
  return syscall(SYS_rt_sigprocmask, -1, address, NULL, WORD) == 0 || errno != EFAULT;
}

// With no new set, it only tells the present one.
bool aviary_probe_writable(uintptr_t address) {
  return syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, address, WORD) == 0;
}
