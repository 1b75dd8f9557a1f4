// A host function that has run out of stack. That is fatal: Swift's frames cannot be unwound, and Swift does not
// probe large frames, so what was below the stack may be overwritten already. Before the process dies by the
// signal, it says which host function it was.
//
// It is one where a host function or builtin of this thread's innermost activation runs, and
//   - the stack pointer is below its stack's end: one large frame may go far beyond the guard, wherever it faults, or
//   - the stack pointer is near the end, and the address below it.
//
// Runs on the alternate signal stack, takes no lock, allocates nothing.
#define _GNU_SOURCE
#include "internal.h"
#include <string.h>
#include <unistd.h>

enum { NEAR = 64 * 1024, LONGEST_NAME = 256 };
// Frames are not larger than this. Stack pointers farther away belong to a stack of somebody else's.
static const uintptr_t REACH = 64 << 20;

typedef struct Overflow {
  const char *stack;
  uintptr_t low;   // its lowest usable address
  uintptr_t bytes; // from where the host function was called
} Overflow;

typedef struct Text {
  char bytes[1024];
  size_t count;
} Text;

static void add_part(Text *text, const char *string, size_t most) {
  size_t room = sizeof text->bytes - text->count, length = strnlen(string, most);
  if (length > room) length = room;
  memcpy(text->bytes + text->count, string, length);
  text->count += length;
}

static void add(Text *text, const char *string) { add_part(text, string, sizeof text->bytes); }

static void add_number(Text *text, uintptr_t number, unsigned base) {
  char digits[24];
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0);
  if (base == 16) add(text, "0x");
  add(text, digits + at);
}

static const AviaryHostFunction *host_function(const AviaryActivation *activation) {
  const AviaryHostFunction *callee = activation->callee;
  return callee != NULL && callee->magic == AVIARY_MAGIC_HOST ? callee : NULL;
}

static Overflow stack_in_use(const ThreadState *thread, const AviaryActivation *activation) {
  const AviaryHostFunction *function = host_function(activation);
  const Squeeze *squeeze = thread->squeeze;
  if (squeeze != NULL && squeeze->activation == activation) {
    return (Overflow){"stack, by EngineConfiguration.hostStackCheck", squeeze->low, squeeze->high - squeeze->low};
  }
  if (function != NULL && function->call_host == aviary_call_host_on_guest) {
    uintptr_t low = activation->stack_low;
    return (Overflow){"its guest's stack", low, activation->guest_rsp - low};
  }
  return (Overflow){"the thread's native stack", thread->stack_low, activation->host_rsp - thread->stack_low};
}

static bool is_beyond(uintptr_t low, uintptr_t address, uintptr_t rsp) {
  if (low - rsp - 1 < REACH) return true;
  return rsp - low < NEAR && low - address - 1 < REACH;
}

static void say(const Text *text) {
  for (size_t done = 0; done < text->count;) {
    ssize_t written = write(STDERR_FILENO, text->bytes + done, text->count - done);
    if (written <= 0) return;
    done += (size_t)written;
  }
}

void aviary_overflow_report(const siginfo_t *info, const ucontext_t *context) {
  const ThreadState *thread = aviary_thread_state();
  const AviaryActivation *activation = thread->activation;
  if (info->si_code <= 0 || activation == NULL || activation->guest_rsp == 0) return;
  Overflow overflow = stack_in_use(thread, activation);
  uintptr_t address = (uintptr_t)info->si_addr;
  uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
  uintptr_t rsp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
  if (overflow.low == 0 || !is_beyond(overflow.low, address, rsp)) return;
  const AviaryHostFunction *function = host_function(activation);
  Text text = {.count = 0};
  add(&text, "\naviary: fatal: ");
  if (function == NULL) {
    add(&text, "what a guest's builtin called (a resource limiter, perhaps)");
  } else {
    add(&text, function->name != NULL ? "the host function " : "a host function without a name");
    if (function->name != NULL) add_part(&text, function->name, LONGEST_NAME);
  }
  add(&text, " overflowed its stack: it had ");
  add_number(&text, overflow.bytes, 10);
  add(&text, " bytes of ");
  add(&text, overflow.stack);
  add(&text, ".\naviary: fault at ");
  add_number(&text, address, 16);
  add(&text, ", pc ");
  add_number(&text, pc, 16);
  add(&text, ", stack pointer ");
  add_number(&text, rsp, 16);
  add(&text, ", end of the stack ");
  add_number(&text, overflow.low, 16);
  add(&text,
      ".\naviary: make its frames smaller, or its recursion shallower, or give it more stack; "
      "find out how much it needs with EngineConfiguration.hostStackCheck (docs/stacks.md).\n");
  say(&text);
}
