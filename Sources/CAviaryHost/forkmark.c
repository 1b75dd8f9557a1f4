// Descriptors of the page map and of userfaultfd mean the process that opened them. In a
// process forked from it they would tell of the parent's pages, and protect the parent's
// pages: so whoever uses them has to know where it runs. A process id would cost a system
// call each time, and handlers of fork miss a plain clone; the kernel wipes this page
// however the process was copied.
#define _GNU_SOURCE
#include "aviary_reset.h"
#include "internal.h"
#include <errno.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

intptr_t aviary_fork_mark_open(void) {
  int error = aviary_system_injected(AVIARY_SYSTEM_FORK_MARK);
  if (error != 0) return -error;
  void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return -errno;
  if (madvise(page, PAGE, MADV_WIPEONFORK) != 0) {
    error = errno;
    munmap(page, PAGE);
    return -error;
  }
  *(volatile uint32_t *)page = 1;
  return (intptr_t)page;
}

void aviary_fork_mark_close(uintptr_t mark) { munmap((void *)mark, PAGE); }
