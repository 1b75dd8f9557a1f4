// Faults of the guest become traps; every other signal goes to the handler that
// was there before.
//
// A fault in the closed part of the guest's stack opens more of it. Another one lands only if
// all of this holds: the kernel raised it (si_code > 0); this thread has an activation; the PC
// is registered guest code, and either
//   - the PC is in that code's trap table and, for an access, the address lies in
//     a region that the activation's store owns, or
//   - the address lies in the guard of the activation's guest stack.
// Before that, a SIGBUS of the kernel in a pool's slab may be a page to be filled or opened
// (slab.c), whoever touched it: then the access is tried again.
// A host's thread that is denied a pool's protection key is given it (keys.c). A guest that is denied
// one of a neighbour's has gone beyond its memory: that is an access like any other here.
// The kernel lets handlers touch key 0 alone, where all is that they look at; going back, it gives the
// thread the rights of the place where it was. So aviary_land runs with the guest's, and writes its own.
// The handler runs no Swift, takes no lock, and allocates nothing.
#define _GNU_SOURCE
#include "aviary_stack.h"
#include "internal.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  FLAG_TRAP = 1 << 8,
  FLAG_DIRECTION = 1 << 10,
  FLAG_ALIGNMENT = 1 << 18,
  // So near to the guard, a signal frame may not fit on the guest's stack.
  SIGNAL_FRAME_ROOM = 32 * 1024,
};

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { FAULT_SIGNALS = sizeof fault_signals / sizeof fault_signals[0] };
static struct sigaction previous[FAULT_SIGNALS];
static int interrupt_signal;

int aviary_interrupt_signal(void) { return interrupt_signal; }

// A module's code has its fuel in a register. In thunks that may be another's yet: the store knows what was left.
// Code only takes of it, so more than the store knows of is none: an interruption came between a charge that is larger
// than what was left and the stub that takes it back, or between a builtin that was charged for and the code that
// loads what it left.
static void keep_fuel(AviaryActivation *activation, AviaryCodeKind kind, const greg_t *registers) {
  AviaryStoreContext *store = activation->store;
  if (kind != AVIARY_CODE_MODULE || !store->is_metered) return;
  uint64_t left = (uint64_t)registers[REG_R13];
  if (left <= store->fuel) {
    store->fuel = left;
  } else if (left > UINT64_MAX - UINT32_MAX) {
    store->fuel = 0; // a charge is less than 2^32
  }
}

static void land(AviaryActivation *activation, uint32_t code, uint32_t signal, uintptr_t address,
                 greg_t *registers) {
  activation->trap_code = code;
  activation->trap_pc = (uintptr_t)registers[REG_RIP];
  activation->trap_rbp = (uintptr_t)registers[REG_RBP];
  activation->fault_address = address;
  activation->reserved[0] = signal;
  activation->reserved[1] = (uintptr_t)registers[REG_RSP];
  registers[REG_RIP] = (greg_t)aviary_land;
  registers[REG_RSP] = (greg_t)activation->host_rsp;
  registers[REG_RAX] = code;
  registers[REG_EFL] &= ~(greg_t)(FLAG_TRAP | FLAG_DIRECTION | FLAG_ALIGNMENT);
}

static bool owns(const AviaryStoreContext *context, uintptr_t address) {
  const AviaryHostStore *store = (const AviaryHostStore *)context;
  for (size_t i = 0; i < store->region_count; i++) {
    if (address >= store->regions[i].start && address < store->regions[i].end) return true;
  }
  return false;
}

static bool overflows(const AviaryActivation *activation, int code, uintptr_t address, uintptr_t rsp) {
  if (address >= activation->guard_low && address < activation->stack_low) return true;
  // The kernel found no room for another signal's frame and turned it into this.
  return code == SI_KERNEL && rsp >= activation->guard_low &&
         rsp < activation->stack_low + SIGNAL_FRAME_ROOM;
}

static bool try_land(int signal, const siginfo_t *info, ucontext_t *context) {
  AviaryActivation *activation = aviary_thread_state()->activation;
  if (info->si_code <= 0 || activation == NULL) return false;
  greg_t *registers = context->uc_mcontext.gregs;
  uintptr_t pc = (uintptr_t)registers[REG_RIP];
  uintptr_t rsp = (uintptr_t)registers[REG_RSP];
  bool is_access = signal == SIGSEGV || signal == SIGBUS;
  uintptr_t address = is_access ? (uintptr_t)info->si_addr : 0;
  if (signal == SIGSEGV) {
    switch (aviary_stack_resolve((AviaryHostStore *)activation->store, info->si_code, address, rsp)) {
    case AVIARY_STACK_FAULT_OPENED: return true;
    case AVIARY_STACK_FAULT_FAILED:
      // Not from under a host function.
      if (activation->guest_rsp != 0) return false;
      land(activation, AVIARY_TRAP_ALLOCATION, (uint32_t)signal, address, registers);
      return true;
    case AVIARY_STACK_FAULT_OTHER: break;
    }
  }
  AviaryCodeKind kind;
  uint32_t code = aviary_code_trap(pc, &kind);
  if (kind == AVIARY_CODE_NONE) return false;
  if (is_access && overflows(activation, info->si_code, address, rsp)) {
    keep_fuel(activation, kind, registers);
    land(activation, AVIARY_TRAP_CALL_STACK_EXHAUSTED, (uint32_t)signal, address, registers);
    return true;
  }
  if (code == AVIARY_TRAP_NONE) return false;
  if (is_access && !owns(activation->store, address)) return false;
  keep_fuel(activation, kind, registers);
  land(activation, code, (uint32_t)signal, address, registers);
  return true;
}

// Floating-point exceptions that the host has unmasked are not the guest's: it goes on with all masked, and the host
// has its own again when the guest leaves.
static bool try_mask(int signal, const siginfo_t *info, ucontext_t *context) {
  if (signal != SIGFPE || info->si_code < FPE_FLTDIV || info->si_code > FPE_FLTINV) return false;
  greg_t *registers = context->uc_mcontext.gregs;
  uintptr_t pc = (uintptr_t)registers[REG_RIP];
  if (pc == (uintptr_t)aviary_enter_probe) {
    registers[REG_RIP] = (greg_t)aviary_enter_modes;
    return true;
  }
  if (pc == (uintptr_t)aviary_reenter_probe) {
    registers[REG_RIP] = (greg_t)aviary_reenter_modes;
    return true;
  }
  AviaryActivation *activation = aviary_thread_state()->activation;
  if (activation == NULL || activation->guest_rsp != 0 || !aviary_code_contains(pc)) return false;
  uint32_t *modes = &context->uc_mcontext.fpregs->mxcsr;
  *(uint32_t *)activation->host_rsp = *modes;
  *modes |= AVIARY_MXCSR_DEFAULT;
  return true;
}

static void pass_on(int signal, siginfo_t *info, void *context) {
  const struct sigaction *action = NULL;
  for (int i = 0; i < FAULT_SIGNALS; i++) {
    if (fault_signals[i] == signal) action = &previous[i];
  }
  if (action != NULL && (action->sa_flags & SA_SIGINFO) && action->sa_sigaction != NULL) {
    action->sa_sigaction(signal, info, context);
    return;
  }
  if (action != NULL && action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN) {
    action->sa_handler(signal);
    return;
  }
  bool sent = info->si_code <= 0;
  if (sent && action != NULL && action->sa_handler == SIG_IGN) return;
  // The default action: a fault happens again on return, a sent signal is sent again.
  struct sigaction standard;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, NULL);
  if (sent) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
}

// BUS_ADRERR alone: a page with a memory error (BUS_MCEERR_AR) is not mended by trying again.
static bool try_resolve(int signal, const siginfo_t *info) {
  return signal == SIGBUS && info->si_code == BUS_ADRERR &&
         aviary_slab_resolve(signal, (uintptr_t)info->si_addr);
}

static void handle_fault(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  if (!try_resolve(signal, info) && !try_mask(signal, info, context) && !try_land(signal, info, context) && !aviary_keys_mend(signal, info, context)) {
    // Nobody can mend that, and whoever is next does not know whose stack it was.
    if (signal == SIGSEGV || signal == SIGBUS) aviary_overflow_report(info, context);
    pass_on(signal, info, context);
  }
  errno = saved;
}

// Carries no argument: it looks at the stores that this thread is inside of, so
// that a stray or late signal finds nothing to do.
static void handle_interrupt(int signal, siginfo_t *info, void *raw) {
  (void)info;
  AviaryActivation *innermost = aviary_thread_state()->activation;
  for (AviaryActivation *a = innermost; a != NULL; a = a->previous) {
    if (aviary_interrupt_is_set((const AviaryHostStore *)a->store)) a->pending = AVIARY_TRAP_INTERRUPTED;
  }
  if (innermost == NULL || innermost->pending != AVIARY_TRAP_INTERRUPTED) return;
  ucontext_t *context = raw;
  greg_t *registers = context->uc_mcontext.gregs;
  AviaryCodeKind kind;
  aviary_code_trap((uintptr_t)registers[REG_RIP], &kind);
  if (kind == AVIARY_CODE_NONE) return;
  keep_fuel(innermost, kind, registers);
  land(innermost, AVIARY_TRAP_INTERRUPTED, (uint32_t)signal, 0, registers);
}

static int find_free_signal(void) {
  for (int signal = SIGRTMAX - 1; signal > SIGRTMIN; signal--) {
    struct sigaction action;
    if (sigaction(signal, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
        action.sa_handler == SIG_DFL) {
      return signal;
    }
  }
  return 0;
}

static int install(void) {
  interrupt_signal = find_free_signal();
  if (interrupt_signal == 0) return EBUSY;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  action.sa_sigaction = handle_interrupt;
  if (sigaction(interrupt_signal, &action, NULL) != 0) return errno;
  // An interruption between a fault and its landing would find a PC that is nowhere.
  sigaddset(&action.sa_mask, interrupt_signal);
  action.sa_sigaction = handle_fault;
  for (int i = 0; i < FAULT_SIGNALS; i++) {
    // Known before ours can run: a fault of another thread must find where to go.
    if (sigaction(fault_signals[i], NULL, &previous[i]) != 0) return errno;
    if (sigaction(fault_signals[i], &action, NULL) != 0) return errno;
  }
  return 0;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int install_error;
static void install_once(void) { install_error = install(); }

int aviary_host_install(void) {
  pthread_once(&once, install_once);
  return install_error;
}
