#define _GNU_SOURCE
#include "aviary_debugger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// GDB's JIT interface: the names, the layouts and the empty function that the
// debugger puts a breakpoint on are fixed by GDB's manual. They are weak, since
// another generator of code in the process may define them too: all share one list.
struct jit_code_entry {
  struct jit_code_entry *next_entry;
  struct jit_code_entry *prev_entry;
  const char *symfile_addr;
  uint64_t symfile_size;
};

struct jit_descriptor {
  uint32_t version;
  uint32_t action_flag; // 0 nothing, 1 registered, 2 unregistered
  struct jit_code_entry *relevant_entry;
  struct jit_code_entry *first_entry;
};

__attribute__((weak)) struct jit_descriptor __jit_debug_descriptor = {1, 0, NULL, NULL};

__attribute__((weak, noinline)) void __jit_debug_register_code(void);
__attribute__((weak, noinline)) void __jit_debug_register_code(void) {
  __asm__ volatile("" ::: "memory");
}

struct AviaryDebugEntry {
  struct jit_code_entry entry;
  char object[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void announce(struct jit_code_entry *entry, uint32_t action) {
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_register_code();
  __jit_debug_descriptor.action_flag = 0;
  __jit_debug_descriptor.relevant_entry = NULL;
}

AviaryDebugEntry *aviary_debugger_register(const void *object, size_t size) {
  if (size > SIZE_MAX - sizeof(AviaryDebugEntry)) return NULL;
  AviaryDebugEntry *made = malloc(sizeof(AviaryDebugEntry) + size);
  if (made == NULL) return NULL;
  memcpy(made->object, object, size);
  made->entry.symfile_addr = made->object;
  made->entry.symfile_size = size;
  made->entry.prev_entry = NULL;
  pthread_mutex_lock(&lock);
  made->entry.next_entry = __jit_debug_descriptor.first_entry;
  if (made->entry.next_entry != NULL) made->entry.next_entry->prev_entry = &made->entry;
  __jit_debug_descriptor.first_entry = &made->entry;
  announce(&made->entry, 1);
  pthread_mutex_unlock(&lock);
  return made;
}

void aviary_debugger_unregister(AviaryDebugEntry *entry) {
  if (entry == NULL) return;
  pthread_mutex_lock(&lock);
  struct jit_code_entry *previous = entry->entry.prev_entry;
  struct jit_code_entry *next = entry->entry.next_entry;
  if (previous != NULL) {
    previous->next_entry = next;
  } else {
    __jit_debug_descriptor.first_entry = next;
  }
  if (next != NULL) next->prev_entry = previous;
  announce(&entry->entry, 2);
  pthread_mutex_unlock(&lock);
  free(entry);
}

int aviary_perf_map_append(const char *lines, size_t size) {
  char path[64];
  snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
  // The name can be guessed: a link, or a file that is not ours, is refused.
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return errno;
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
    close(file);
    return EACCES;
  }
  int error = 0;
  while (size > 0 && error == 0) {
    ssize_t written = write(file, lines, size);
    if (written >= 0) {
      lines += written;
      size -= (size_t)written;
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  close(file);
  return error;
}
