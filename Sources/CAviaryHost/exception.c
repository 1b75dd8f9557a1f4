#include "internal.h"
#include "aviary_exception.h"
#include <stdlib.h>
#include <string.h>

// A collection at the least: so many bytes of new ones, and a quarter of what has to be looked at.
enum { FIRST_THRESHOLD = 64 << 10 };

struct AviaryMarker {
  // Addresses of all objects, by hash: open addressing, null is free. A power of two, at most half full.
  AviaryException **table;
  size_t mask;
  uintptr_t low, high; // all of them are in [low, high]
  // Marked, their values not looked at yet.
  AviaryException **pending;
  size_t pending_count;
  size_t words; // looked at so far
};

static void (*add_roots)(AviaryStoreContext *store, AviaryMarker *marker);

void aviary_exception_install(void (*roots)(AviaryStoreContext *store, AviaryMarker *marker)) {
  add_roots = roots;
  aviary_builtin_install(AVIARY_BUILTIN_THROW, (const void *)aviary_throw);
  aviary_builtin_install(AVIARY_BUILTIN_THROW_REF, (const void *)aviary_throw_ref);
}

static size_t size_of(const AviaryException *exception) {
  return sizeof(AviaryException) + (size_t)exception->capacity * sizeof(AviaryValue);
}

// MARK: Making

AviaryException *aviary_exception_make(AviaryHostStore *store, const AviaryTag *tag) {
  AviaryExceptionHeap *heap = &store->exceptions;
  AviaryException *exception = heap->current;
  if (AVIARY_UNLIKELY(exception == NULL || exception->capacity < tag->value_count)) {
    // Types have a thousand parameters at most.
    uint32_t capacity = tag->value_count < 2 ? 2 : tag->value_count;
    AviaryException *larger = malloc(sizeof(AviaryException) + (size_t)capacity * sizeof(AviaryValue));
    if (larger == NULL) return NULL;
    free(exception);
    exception = heap->current = larger;
    exception->capacity = capacity;
    exception->is_marked = 0;
  }
  exception->tag = tag;
  exception->count = tag->value_count;
  exception->holds = 0;
  exception->is_object = 0;
  return exception;
}

AviaryException *aviary_exception_keep(AviaryHostStore *store) {
  AviaryExceptionHeap *heap = &store->exceptions;
  AviaryException *exception = heap->current;
  size_t size = size_of(exception);
  if (heap->threshold == 0) heap->threshold = FIRST_THRESHOLD;
  if (heap->count == heap->capacity) {
    size_t capacity = heap->capacity == 0 ? 32 : 2 * heap->capacity;
    AviaryException **objects = realloc(heap->objects, capacity * sizeof *objects);
    if (objects == NULL) return NULL;
    heap->objects = objects;
    heap->capacity = capacity;
  }
  exception->is_object = 1;
  heap->objects[heap->count++] = exception;
  heap->bytes += size;
  heap->current = NULL;
  if (AVIARY_UNLIKELY(heap->bytes > heap->threshold)) {
    // It has no reference yet that would be found.
    exception->holds++;
    aviary_exception_collect(store);
    exception->holds--;
    // What is beyond the limit goes with the next collection.
    if (heap->bytes > AVIARY_EXCEPTION_LIMIT) return NULL;
  }
  return exception;
}

// MARK: Collecting

static size_t hash(uintptr_t address) { return (size_t)((address >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 32); }

static void insert(AviaryMarker *marker, AviaryException *object) {
  size_t index = hash((uintptr_t)object) & marker->mask;
  while (marker->table[index] != NULL) index = (index + 1) & marker->mask;
  marker->table[index] = object;
}

static void reach(AviaryMarker *marker, AviaryException *object) {
  if (object->is_marked != 0) return;
  object->is_marked = 1;
  marker->pending[marker->pending_count++] = object;
}

// A word that is no object's address is looked up and not read through.
static void reach_word(AviaryMarker *marker, uint64_t word) {
  if (word < marker->low || word > marker->high) return;
  size_t index = hash((uintptr_t)word) & marker->mask;
  for (; marker->table[index] != NULL; index = (index + 1) & marker->mask) {
    if ((uintptr_t)marker->table[index] == word) return reach(marker, marker->table[index]);
  }
}

void aviary_exception_mark(AviaryMarker *marker, const uint64_t *words, size_t count, size_t stride) {
  marker->words += count;
  for (size_t index = 0; index < count; index++) reach_word(marker, words[index * stride]);
}

static void mark_values(AviaryMarker *marker, const AviaryException *exception) {
  for (uint32_t index = 0; index < exception->count; index++) reach_word(marker, exception->values[index].low);
}

// All activations of the store, suspended ones and their saved registers included, are on the one stack, from the
// innermost one's guest_rsp up: no guest runs while this does. Guests keep no reference in a register that a
// callee preserves (docs/exceptions.md), so nothing of theirs is on a native stack.
__attribute__((no_sanitize("address"))) static void mark_stack(AviaryMarker *marker, const AviaryHostStore *store) {
  const AviaryActivation *innermost = store->context.activation;
  if (innermost == NULL) return;
  uintptr_t low = innermost->guest_rsp;
  if (low < store->stack_open) low = store->stack_open;
  low = (low + 7) & ~(uintptr_t)7;
  if (low >= store->stack_high) return;
  size_t count = (store->stack_high - low) / sizeof(uint64_t);
  const uint64_t *words = (const uint64_t *)low;
  marker->words += count;
  for (size_t index = 0; index < count; index++) reach_word(marker, words[index]);
}

static bool prepare(AviaryMarker *marker, const AviaryExceptionHeap *heap) {
  size_t size = 64;
  while (size < 2 * heap->count) size *= 2;
  *marker = (AviaryMarker){.mask = size - 1, .low = UINTPTR_MAX};
  marker->table = calloc(size, sizeof *marker->table);
  marker->pending = malloc(heap->count * sizeof *marker->pending);
  if (marker->table == NULL || marker->pending == NULL) return false;
  for (size_t index = 0; index < heap->count; index++) {
    AviaryException *object = heap->objects[index];
    if ((uintptr_t)object < marker->low) marker->low = (uintptr_t)object;
    if ((uintptr_t)object > marker->high) marker->high = (uintptr_t)object;
    insert(marker, object);
  }
  return true;
}

static void sweep(AviaryExceptionHeap *heap) {
  size_t kept = 0;
  heap->bytes = 0;
  for (size_t index = 0; index < heap->count; index++) {
    AviaryException *object = heap->objects[index];
    if (object->is_marked != 0) {
      object->is_marked = 0;
      heap->objects[kept++] = object;
      heap->bytes += size_of(object);
    } else {
      free(object);
    }
  }
  heap->count = kept;
}

void aviary_exception_collect(AviaryHostStore *store) {
  AviaryExceptionHeap *heap = &store->exceptions;
  if (heap->count == 0) return;
  AviaryMarker marker;
  // Without memory nothing is freed, which is right.
  if (prepare(&marker, heap)) {
    for (size_t index = 0; index < heap->count; index++) {
      if (__atomic_load_n(&heap->objects[index]->holds, __ATOMIC_ACQUIRE) != 0) reach(&marker, heap->objects[index]);
    }
    if (heap->current != NULL) mark_values(&marker, heap->current);
    mark_stack(&marker, store);
    if (add_roots != NULL) add_roots(&store->context, &marker);
    while (marker.pending_count > 0) mark_values(&marker, marker.pending[--marker.pending_count]);
    sweep(heap);
    size_t more = heap->bytes > FIRST_THRESHOLD ? heap->bytes : FIRST_THRESHOLD;
    // A guest that has much to be looked at pays for it with memory, and not with time.
    size_t looked = marker.words * sizeof(uint64_t) / 4;
    heap->threshold = heap->bytes + (looked > more ? looked : more);
    heap->collections++;
  }
  free(marker.table);
  free(marker.pending);
}

void aviary_exception_clear(AviaryHostStore *store) {
  AviaryExceptionHeap *heap = &store->exceptions;
  free(heap->current);
  for (size_t index = 0; index < heap->count; index++) free(heap->objects[index]);
  free(heap->objects);
  *heap = (AviaryExceptionHeap){0};
}
