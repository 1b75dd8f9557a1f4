// Which addresses are guest code, for a reader that may be a signal handler.
//
// Writers (under a mutex) replace an immutable sorted snapshot; a reader counts
// itself in, takes the current one, and counts itself out. A replaced snapshot is
// freed at the first update that sees no reader after the exchange: readers that come
// later can only find the new one. Nobody waits, so a handler can interrupt a
// writer of its own thread.
#include "internal.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct CodeRange {
  uintptr_t start;
  uintptr_t end;
  const AviaryTrapEntry *traps;
  size_t count;
  const AviaryHandlerTable *handlers;
} CodeRange;

typedef struct Snapshot {
  struct Snapshot *retired;
  size_t count;
  CodeRange ranges[];
} Snapshot;

static _Atomic(Snapshot *) current;
static atomic_size_t readers;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
static Snapshot *retired;

// The last range that starts at or before pc, or NULL.
static const CodeRange *find(const Snapshot *snapshot, uintptr_t pc) {
  if (snapshot == NULL) return NULL;
  size_t low = 0, high = snapshot->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (snapshot->ranges[middle].start <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return NULL;
  const CodeRange *range = &snapshot->ranges[low - 1];
  return pc < range->end ? range : NULL;
}

static uint32_t trap_at(const CodeRange *range, uintptr_t pc) {
  uintptr_t offset = pc - range->start;
  size_t low = 0, high = range->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (range->traps[middle].offset == offset) return range->traps[middle].code;
    if (range->traps[middle].offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return AVIARY_TRAP_NONE;
}

uint32_t aviary_code_trap(uintptr_t pc, AviaryCodeKind *kind) {
  atomic_fetch_add(&readers, 1);
  const CodeRange *range = find(atomic_load(&current), pc);
  uint32_t code = range == NULL ? AVIARY_TRAP_NONE : trap_at(range, pc);
  *kind = range == NULL ? AVIARY_CODE_NONE : range->traps == NULL ? AVIARY_CODE_THUNK : AVIARY_CODE_MODULE;
  atomic_fetch_sub(&readers, 1);
  return code;
}

const void *aviary_code_begin(void) {
  atomic_fetch_add(&readers, 1);
  return atomic_load(&current);
}

AviaryCodeHandlers aviary_code_handlers(const void *reading, uintptr_t pc) {
  const CodeRange *range = find(reading, pc);
  if (range == NULL) return (AviaryCodeHandlers){0};
  return (AviaryCodeHandlers){range->start, range->end - range->start, range->handlers};
}

void aviary_code_end(void) { atomic_fetch_sub(&readers, 1); }

bool aviary_code_contains(uintptr_t pc) {
  AviaryCodeKind kind;
  aviary_code_trap(pc, &kind);
  return kind != AVIARY_CODE_NONE;
}

static Snapshot *allocate(size_t count) {
  if (count > (SIZE_MAX - sizeof(Snapshot)) / sizeof(CodeRange)) return NULL;
  Snapshot *snapshot = malloc(sizeof(Snapshot) + count * sizeof(CodeRange));
  if (snapshot != NULL) snapshot->count = count;
  return snapshot;
}

static void publish(Snapshot *next) {
  Snapshot *old = atomic_exchange(&current, next);
  if (old != NULL) {
    old->retired = retired;
    retired = old;
  }
  if (atomic_load(&readers) != 0) return;
  while (retired != NULL) {
    Snapshot *snapshot = retired;
    retired = snapshot->retired;
    free(snapshot);
  }
}

bool aviary_code_add(
    uintptr_t start, uintptr_t end, const AviaryTrapEntry *traps, size_t count, const AviaryHandlerTable *handlers) {
  if (start >= end) return false;
  pthread_mutex_lock(&writers);
  const Snapshot *old = atomic_load(&current);
  size_t old_count = old == NULL ? 0 : old->count;
  size_t index = 0;
  while (index < old_count && old->ranges[index].start < start) index++;
  bool overlaps = (index > 0 && old->ranges[index - 1].end > start) ||
                  (index < old_count && old->ranges[index].start < end);
  Snapshot *next = overlaps ? NULL : allocate(old_count + 1);
  if (next != NULL) {
    if (index > 0) memcpy(next->ranges, old->ranges, index * sizeof(CodeRange));
    next->ranges[index] = (CodeRange){start, end, traps, count, handlers};
    if (index < old_count) {
      memcpy(&next->ranges[index + 1], &old->ranges[index], (old_count - index) * sizeof(CodeRange));
    }
    publish(next);
  }
  pthread_mutex_unlock(&writers);
  return next != NULL;
}

// When there is no memory for a smaller snapshot, the range is emptied in place
// instead: addresses of a dead range must not be taken for guest code.
void aviary_code_remove(uintptr_t start) {
  pthread_mutex_lock(&writers);
  Snapshot *old = atomic_load(&current);
  size_t old_count = old == NULL ? 0 : old->count;
  size_t index = 0;
  while (index < old_count && old->ranges[index].start != start) index++;
  if (index < old_count) {
    Snapshot *next = allocate(old_count - 1);
    if (next != NULL) {
      memcpy(next->ranges, old->ranges, index * sizeof(CodeRange));
      memcpy(&next->ranges[index], &old->ranges[index + 1], (old_count - index - 1) * sizeof(CodeRange));
      publish(next);
    } else {
      __atomic_store_n(&old->ranges[index].end, start, __ATOMIC_SEQ_CST);
    }
  }
  pthread_mutex_unlock(&writers);
}
