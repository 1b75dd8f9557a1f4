// Which faults are not mistakes but pages that a pool fills or opens: the slabs that the
// SIGBUS handler knows, and what it does for each.
//
//   nodes ──► node ──► node ──► node            a list that only grows
//              │        │        │
//              ▼        ▼        ▼
//             slab    (none)    slab            a node without a slab is used again
//
// A reader may be a signal handler at any instant. It counts itself into the node, then
// looks which slab the node has, and counts itself out; who removes a slab first takes it
// out of the node and then waits for the count to be zero. So either the reader finds no
// slab, or the remover sees the reader. Nodes are never freed, so that a reader needs no
// protection while it walks; there are as many as there were slabs at the same time.
#include "aviary_slab.h"
#include "aviary_userfault.h"
#include "internal.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum {
  PAGE = 4096,
  // So often in a row a page may turn out to be there already, because another thread was
  // first. A page that faults though it is there (a swap device that fails) does not get
  // better: the fault is then nobody's, and the process ends instead of spinning.
  REPEATS = 1000,
};

typedef struct Node {
  struct Node *next; // never changes
  _Atomic(AviarySlab *) slab;
  atomic_size_t users;
  // A copy, so that most nodes are passed by without being written.
  _Atomic uintptr_t start;
  _Atomic uintptr_t end;
} Node;

static _Atomic(Node *) nodes;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;

static const uint8_t zeros[PAGE] __attribute__((aligned(PAGE)));

const void *aviary_userfault_zeros(void) { return zeros; }

void aviary_slot_lock(AviarySlotRecord *record) {
  while (__atomic_exchange_n(&record->lock, 1, __ATOMIC_ACQUIRE) != 0) sched_yield();
}

void aviary_slot_unlock(AviarySlotRecord *record) { __atomic_store_n(&record->lock, 0, __ATOMIC_RELEASE); }

void aviary_slot_publish(AviarySlotRecord *record, uint64_t bytes) {
  __atomic_store_n(&record->accessible, bytes, __ATOMIC_SEQ_CST);
}

void aviary_slab_count(AviarySlab *slab, uint64_t pages) {
  __atomic_fetch_add(&slab->faults, pages, __ATOMIC_RELAXED);
}

uint64_t aviary_slab_faults(const AviarySlab *slab) { return __atomic_load_n(&slab->faults, __ATOMIC_RELAXED); }

bool aviary_slab_register(AviarySlab *slab) {
  pthread_mutex_lock(&writers);
  Node *node = atomic_load(&nodes);
  while (node != NULL && atomic_load(&node->slab) != NULL) node = node->next;
  bool is_new = node == NULL;
  if (is_new) node = calloc(1, sizeof(Node));
  if (node != NULL) {
    atomic_store(&node->start, slab->slots_start);
    atomic_store(&node->end, slab->slots_end);
    atomic_store(&node->slab, slab);
    if (is_new) {
      node->next = atomic_load(&nodes);
      atomic_store(&nodes, node);
    }
  }
  pthread_mutex_unlock(&writers);
  return node != NULL;
}

void aviary_slab_unregister(AviarySlab *slab) {
  pthread_mutex_lock(&writers);
  Node *node = atomic_load(&nodes);
  while (node != NULL && atomic_load(&node->slab) != slab) node = node->next;
  if (node != NULL) {
    atomic_store(&node->start, 0);
    atomic_store(&node->end, 0);
    atomic_store(&node->slab, NULL);
    // A handler is inside for one system call. It runs no code that could come here.
    while (atomic_load(&node->users) != 0) sched_yield();
  }
  pthread_mutex_unlock(&writers);
}

// A page is there already: another thread's doing, or else no reason to go on for ever.
static bool was_first(uintptr_t page) {
  ThreadState *thread = aviary_thread_state();
  if (thread->filled_page != page) {
    thread->filled_page = page;
    thread->filled_repeats = 0;
  }
  thread->filled_repeats += 1;
  return thread->filled_repeats < REPEATS;
}

static bool fill(AviarySlab *slab, const AviarySlotRecord *record, uintptr_t address, uint64_t offset) {
  uint64_t start = offset & ~(uint64_t)(PAGE - 1);
  uintptr_t page = address & ~(uintptr_t)(PAGE - 1);
  // Zeros are copied rather than mapped: most first accesses are writes, and those would
  // fault once more to replace the page that all share.
  bool in_image = start >= record->source_start && start < record->source_end;
  const uint8_t *source = in_image ? record->source + (start - record->source_start) : zeros;
  intptr_t result = aviary_userfault_copy(slab->userfaultfd, page, source, PAGE);
  if (result == -EEXIST || result == -EAGAIN) return was_first(page);
  if (result != PAGE) return false;
  aviary_thread_state()->filled_page = 0;
  aviary_slab_count(slab, 1);
  return true;
}

static bool resolve_in(AviarySlab *slab, uintptr_t address) {
  AviarySlabPlace place = aviary_slab_locate(slab, address);
  if (!place.in_bounds) return false;
  AviarySlotRecord *record = &slab->records[place.slot];
  switch (slab->mode) {
  case AVIARY_SLAB_MISSING_SIGNAL:
    return fill(slab, record, address, place.offset);
  case AVIARY_SLAB_WRITE_PROTECT:
    return aviary_write_protect_resolve(slab, record, address, place.offset);
  }
  return false;
}

bool aviary_slab_resolve(int signal, uintptr_t address) {
  if (signal != SIGBUS) return false;
  int saved = errno;
  bool resolved = false;
  for (Node *node = atomic_load(&nodes); node != NULL; node = node->next) {
    if (address < atomic_load_explicit(&node->start, memory_order_relaxed) ||
        address >= atomic_load_explicit(&node->end, memory_order_relaxed)) {
      continue;
    }
    atomic_fetch_add(&node->users, 1);
    AviarySlab *slab = atomic_load(&node->slab);
    if (slab != NULL) resolved = resolve_in(slab, address);
    atomic_fetch_sub(&node->users, 1);
    if (resolved) break;
  }
  errno = saved;
  return resolved;
}

bool aviary_slab_contains(uintptr_t address) {
  for (Node *node = atomic_load_explicit(&nodes, memory_order_acquire); node != NULL; node = node->next) {
    if (address >= atomic_load_explicit(&node->start, memory_order_relaxed) &&
        address < atomic_load_explicit(&node->end, memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}
