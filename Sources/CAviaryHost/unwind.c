#include "internal.h"
#include "aviary_exception.h"
#include <string.h>

typedef struct Landing {
  uintptr_t pc;
  uintptr_t rbp;
  bool wants_reference;
} Landing;

// The frames of one activation, from the innermost outwards.
typedef struct Walk {
  const AviaryActivation *activation;
  uintptr_t low; // frames are in [low, activation->entry_rbp)
  uintptr_t frame;
  uintptr_t pc; // in the function whose frame it is
  size_t work;  // frames that were left, and clauses that were looked at
  size_t poll;  // the work at which it is asked whether the guest is to stop
  bool is_stopped;
} Walk;

// A frame has at most a thousand clauses (HandlerTables.chainLimit).
enum { POLL_INTERVAL = 1024 };

static uintptr_t word(uintptr_t address) { return *(const uintptr_t *)address; }

// Whether two words at the address are on the walk's part of the stack.
static bool is_inside(const Walk *walk, uintptr_t address) {
  return address % 8 == 0 && address >= walk->low && address < walk->activation->entry_rbp &&
         walk->activation->entry_rbp - address >= 16;
}

static bool begin(Walk *walk, const AviaryActivation *activation) {
  const AviaryHostStore *store = (const AviaryHostStore *)activation->store;
  uintptr_t low = activation->guest_rsp;
  if (low % 8 != 0 || low < store->stack_open || low < activation->stack_low || low >= activation->entry_rbp ||
      activation->entry_rbp >= activation->stack_high) {
    return false;
  }
  *walk = (Walk){.activation = activation, .low = low, .frame = activation->guest_rbp, .pc = word(low)};
  return is_inside(walk, walk->frame);
}

// False at the end: the entry's frame, or one that is none.
static bool step(Walk *walk) {
  uintptr_t next = word(walk->frame);
  walk->pc = word(walk->frame + 8);
  walk->work++;
  if (next <= walk->frame) return false;
  walk->frame = next;
  return is_inside(walk, next);
}

// The innermost handler around the call that returns to `offset`.
static uint32_t handler_at(const AviaryHandlerTable *table, uint32_t offset) {
  size_t low = 0, high = table->segment_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    // The call itself is in the segment; where it returns to may be behind it.
    if (table->segments[middle].offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? AVIARY_NO_HANDLER : table->segments[low - 1].handler;
}

static bool catches(const AviaryHandlerClause *clause, const AviaryVMContext *context, const AviaryTag *tag) {
  if (clause->tag == AVIARY_ANY_TAG) return true;
  const char *place = (const char *)context + (clause->tag & ~(uint32_t)1);
  return (clause->tag & 1) != 0 ? *(const AviaryTag *const *)place == tag : (const AviaryTag *)place == tag;
}

// Whether a handler of the function that the walk is at takes the exception. Functions with handlers keep their context
// at [rbp - 8].
static bool find_clause(
    Walk *walk, const AviaryCodeHandlers *code, const AviaryTag *tag, Landing *landing) {
  uint32_t index = handler_at(code->table, (uint32_t)(walk->pc - code->start));
  if (index == AVIARY_NO_HANDLER || walk->frame - 8 < walk->low) return false;
  const AviaryVMContext *context = (const AviaryVMContext *)word(walk->frame - 8);
  if (context == NULL || (uintptr_t)context % 16 != 0 || context->store != walk->activation->store) return false;
  for (; index != AVIARY_NO_HANDLER; index = code->table->handlers[index].parent) {
    const AviaryHandler *handler = &code->table->handlers[index];
    for (uint32_t position = 0; position < handler->count; position++) {
      const AviaryHandlerClause *clause = &code->table->clauses[handler->first + position];
      walk->work++;
      if (!catches(clause, context, tag)) continue;
      landing->pc = code->start + (clause->landing & ~(uint32_t)AVIARY_CATCHES_REFERENCE);
      landing->rbp = walk->frame;
      landing->wants_reference = (clause->landing & AVIARY_CATCHES_REFERENCE) != 0;
      return true;
    }
  }
  return false;
}

// Guests are stopped on long ways out as they are in loops.
static bool is_to_stop(Walk *walk) {
  if (AVIARY_LIKELY(walk->work < walk->poll)) return false;
  walk->poll = walk->work + POLL_INTERVAL;
  const AviaryHostStore *store = (const AviaryHostStore *)walk->activation->store;
  walk->is_stopped = walk->activation->pending != AVIARY_TRAP_NONE || aviary_interrupt_is_set(store) ||
                     (store->has_checks != 0 && aviary_epoch_now(store->context.epoch) >= store->trap_epoch);
  return walk->is_stopped;
}

static bool find_landing(Walk *walk, const AviaryTag *tag, Landing *landing) {
  // The code that the walk meets most is the code that it met last.
  AviaryCodeHandlers code = {0};
  const void *reading = aviary_code_begin();
  bool is_found = false;
  do {
    if (walk->pc - code.start >= code.size) code = aviary_code_handlers(reading, walk->pc);
    is_found = code.table != NULL && find_clause(walk, &code, tag, landing);
  } while (!is_found && !is_to_stop(walk) && step(walk));
  aviary_code_end();
  return is_found;
}

// Eight steps of the way cost what an operator does.
static bool pays(AviaryStoreContext *store, const Walk *walk) {
  if (store->is_metered == 0) return true;
  uint64_t cost = walk->work / 8;
  if (store->fuel < cost) return false;
  store->fuel -= cost;
  return true;
}

// What is left in `pending`: AVIARY_PENDING_UNWIND, a trap, or AVIARY_TRAP_NONE where no handler was found.
static uint32_t throw_into(AviaryActivation *activation, AviaryException *exception) {
  AviaryHostStore *store = (AviaryHostStore *)activation->store;
  Walk walk;
  Landing landing;
  if (!begin(&walk, activation)) return AVIARY_TRAP_NONE;
  walk.poll = POLL_INTERVAL;
  bool is_found = find_landing(&walk, exception->tag, &landing);
  if (walk.is_stopped) return AVIARY_TRAP_INTERRUPTED;
  if (!pays(&store->context, &walk)) return AVIARY_TRAP_OUT_OF_FUEL;
  if (!is_found) return AVIARY_TRAP_NONE;
  if (landing.wants_reference && exception->is_object == 0) {
    exception = aviary_exception_keep(store);
    if (exception == NULL) return AVIARY_TRAP_ALLOCATION;
  }
  activation->trap_pc = landing.pc;
  activation->trap_rbp = landing.rbp;
  activation->fault_address = (uintptr_t)exception;
  return AVIARY_PENDING_UNWIND;
}

// An interruption that came meanwhile wins.
static void leave_pending(AviaryActivation *activation, uint32_t code) {
  if (activation->pending == AVIARY_TRAP_NONE) activation->pending = code;
}

// An exception that a reference exists to is copied: the current one is what the host finds.
static bool make_current(AviaryHostStore *store, const AviaryException *exception) {
  if (exception->is_object == 0) return true;
  AviaryException *copy = aviary_exception_make(store, exception->tag);
  if (copy == NULL) return false;
  memcpy(copy->values, exception->values, (size_t)exception->count * sizeof(AviaryValue));
  return true;
}

static void throw_from_guest(AviaryVMContext *context, AviaryException *exception) {
  AviaryHostStore *store = (AviaryHostStore *)context->store;
  AviaryActivation *activation = store->context.activation;
  uint32_t code = throw_into(activation, exception);
  if (code == AVIARY_TRAP_NONE) {
    code = make_current(store, exception) ? AVIARY_TRAP_UNCAUGHT_EXCEPTION : AVIARY_TRAP_ALLOCATION;
  }
  leave_pending(activation, code);
}

void aviary_throw(AviaryVMContext *context, const AviaryTag *tag, const AviaryValue *values) {
  AviaryException *exception = aviary_exception_make((AviaryHostStore *)context->store, tag);
  if (AVIARY_UNLIKELY(exception == NULL)) return leave_pending(context->store->activation, AVIARY_TRAP_ALLOCATION);
  memcpy(exception->values, values, (size_t)tag->value_count * sizeof(AviaryValue));
  throw_from_guest(context, exception);
}

void aviary_throw_ref(AviaryVMContext *context, AviaryException *exception) { throw_from_guest(context, exception); }

bool aviary_exception_throw(AviaryHostStore *store) {
  AviaryActivation *activation = store->context.activation;
  AviaryException *exception = store->exceptions.current;
  if (activation == NULL || activation->guest_rsp == 0 || exception == NULL) return false;
  uint32_t code = throw_into(activation, exception);
  if (code == AVIARY_TRAP_NONE) return false;
  leave_pending(activation, code);
  return true;
}
