// What the signal handler and the userfaultfd thread know of a pool: enough to tell,
// from an address alone, whether a fault is a page that is to be filled or opened
// (then they do it), or the guest's mistake (then it becomes a trap).
//
//   slots_start            slots_start + i * slot_bytes
//   ├── slot 0 ─────────────┼── slot i ───────────────┤ ...  slots_end
//   │ accessible │          │ accessible │
//
// Written by the owner of a slot, while no guest of the slot runs; read by handlers on
// any thread. Records live until the slab is unregistered and no handler is inside.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Pages that faults opened since the slot was last clean: page numbers from the slot's
// start. `count` goes on beyond the capacity: then not all is known, and the slot is
// scanned. Any handler appends.
enum { AVIARY_WRITE_LOG_CAPACITY = 126 };
typedef struct AviaryWriteLog {
  uint32_t count;     // atomic
  uint32_t reserved;
  uint32_t pages[AVIARY_WRITE_LOG_CAPACITY];
} AviaryWriteLog;

typedef struct AviarySlotRecord {
  uint64_t accessible;    // atomic: bytes from the slot's start that its guest may touch, whole pages; 0: nobody's
  const uint8_t *source;  // userfaultfd fills from here: bytes [source_start, source_end) of the memory
  uint64_t source_start;
  uint64_t source_end;
  AviaryWriteLog *log;    // adaptive reset; NULL where nothing is write-protected
  uint64_t guard_start;   // from here to the slot's end there is a guard, where guard_kind says so
  uint32_t guard_kind;    // AVIARY_GUARD_*
  uint32_t guard_faults;  // accesses that ran into it since the slot was activated
  uint32_t lock;          // atomic: aviary_slot_lock
  uint32_t colour;        // userfaultfd: the protection key that all of the slot has, plus 1; 0: none yet
} AviarySlotRecord;

// Bits of guard_kind: what the userfaultfd thread did to stop an access that is out of
// bounds. It records it before it wakes who faulted; the slot's owner undoes it. Both hold
// the record's lock.
enum {
  AVIARY_GUARD_NONE = 0,
  AVIARY_GUARD_PROTECTED = 1, // PROT_NONE
  AVIARY_GUARD_POISONED = 2,  // single pages raise SIGBUS until they are dropped
};

enum {
  AVIARY_SLAB_WRITE_PROTECT = 1, // faults on write-protected pages open them and are logged
  AVIARY_SLAB_MISSING_SIGNAL = 2, // missing pages are filled by the thread that faults
  AVIARY_SLAB_MISSING_THREAD = 3, // by the handler thread
};

typedef struct AviarySlab {
  uintptr_t slots_start;
  uintptr_t slots_end;       // slots_start + a multiple of slot_bytes
  uint64_t slot_bytes;
  AviarySlotRecord *records; // one a slot
  int userfaultfd;
  uint32_t mode;             // AVIARY_SLAB_*
  uint64_t faults;           // atomic: filled or opened since the start
} AviarySlab;

// Makes a slab known to the SIGBUS handler. False when out of memory.
bool aviary_slab_register(AviarySlab *slab);
// Returns when no handler uses the slab any more.
void aviary_slab_unregister(AviarySlab *slab);
typedef struct AviarySlabPlace {
  uint64_t slot;
  uint64_t offset;  // of the address, from the slot's start
  bool in_slots;    // else nothing of this is meant
  bool in_bounds;   // of what the slot's guest may touch
} AviarySlabPlace;

// Where an address lies: all that there is to know about a fault. Async-signal-safe.
static inline AviarySlabPlace aviary_slab_locate(const AviarySlab *slab, uintptr_t address) {
  AviarySlabPlace place = {0, 0, false, false};
  if (address < slab->slots_start || address >= slab->slots_end) return place;
  uint64_t distance = address - slab->slots_start;
  place.slot = distance / slab->slot_bytes;
  place.offset = distance % slab->slot_bytes;
  place.in_slots = true;
  uint64_t accessible = __atomic_load_n(&slab->records[place.slot].accessible, __ATOMIC_SEQ_CST);
  place.in_bounds = place.offset < accessible;
  return place;
}

// Async-signal-safe. Whether the fault was a slab's and is mended: the access is to be
// tried again. False: nobody's, or the guest's mistake.
bool aviary_slab_resolve(int signal, uintptr_t address);

// Held for a page's filling or a change of protection, never across anything that waits
// for the userfaultfd thread.
void aviary_slot_lock(AviarySlotRecord *record);
void aviary_slot_unlock(AviarySlotRecord *record);
// Makes the slot's first `bytes` what faults are filled in; all else of the record is
// written before.
void aviary_slot_publish(AviarySlotRecord *record, uint64_t bytes);
// Atomically: the slab's count of pages filled and opened.
void aviary_slab_count(AviarySlab *slab, uint64_t pages);
uint64_t aviary_slab_faults(const AviarySlab *slab);

// Whether the address lies in a slab that the SIGBUS handler knows: there the kernel may meet pages
// that it cannot fill, and fails instead of faulting (aviary_prepare_for_kernel).
bool aviary_slab_contains(uintptr_t address);
