// The interface by which GDB learns of code made at run time: it sets a
// breakpoint on __jit_debug_register_code and reads the descriptor.
#include "internal.h"
#include <pthread.h>
#include <stdlib.h>

typedef enum { JIT_NOACTION = 0, JIT_REGISTER_FN, JIT_UNREGISTER_FN } jit_actions_t;

struct jit_code_entry {
  struct jit_code_entry *next_entry;
  struct jit_code_entry *prev_entry;
  const char *symfile_addr;
  uint64_t symfile_size;
};

struct jit_descriptor {
  uint32_t version;
  uint32_t action_flag;
  struct jit_code_entry *relevant_entry;
  struct jit_code_entry *first_entry;
};

// Weak: another runtime in the process may define the interface too.
__attribute__((noinline, weak)) void __jit_debug_register_code(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((weak)) struct jit_descriptor __jit_debug_descriptor = {1, JIT_NOACTION, NULL, NULL};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *aviary_debugger_add(const void *elf, size_t size) {
  struct jit_code_entry *entry = calloc(1, sizeof *entry);
  if (entry == NULL) return NULL;
  entry->symfile_addr = elf;
  entry->symfile_size = size;
  pthread_mutex_lock(&lock);
  entry->next_entry = __jit_debug_descriptor.first_entry;
  if (entry->next_entry != NULL) entry->next_entry->prev_entry = entry;
  __jit_debug_descriptor.first_entry = entry;
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_descriptor.action_flag = JIT_REGISTER_FN;
  __jit_debug_register_code();
  pthread_mutex_unlock(&lock);
  return entry;
}

void aviary_debugger_remove(void *registration) {
  struct jit_code_entry *entry = registration;
  pthread_mutex_lock(&lock);
  if (entry->prev_entry != NULL) {
    entry->prev_entry->next_entry = entry->next_entry;
  } else {
    __jit_debug_descriptor.first_entry = entry->next_entry;
  }
  if (entry->next_entry != NULL) entry->next_entry->prev_entry = entry->prev_entry;
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_descriptor.action_flag = JIT_UNREGISTER_FN;
  __jit_debug_register_code();
  pthread_mutex_unlock(&lock);
  free(entry);
}
