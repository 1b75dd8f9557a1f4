#define _GNU_SOURCE
#include "aviary_host_check.h"
#include "internal.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  SIGNAL_STACK = 64 * 1024,
  // An existing alternate stack of this size is kept (AddressSanitizer's, say).
  SIGNAL_STACK_ENOUGH = 32 * 1024,
  // What a host function finds on the native stack at least, if the thread has it.
  NATIVE_RESERVE = 256 * 1024,
  PAGE = 4096,
};

static __thread __attribute__((tls_model("initial-exec"))) ThreadState state;

__attribute__((noinline)) ThreadState *aviary_thread_state(void) {
  ThreadState *result = &state;
  __asm__("" : "+r"(result));
  return result;
}

static pthread_key_t signal_stack_key;
static int key_error;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

// At the thread's end: no signal may find the stack after it is unmapped.
static void free_signal_stack(void *base) {
  state.id = 0; // an entry from a later destructor prepares the thread anew
  stack_t current;
  if (sigaltstack(NULL, &current) == 0 && current.ss_sp == (char *)base + PAGE) {
    stack_t none = {.ss_flags = SS_DISABLE};
    if (sigaltstack(&none, NULL) != 0) return; // leaks rather than frees a stack in use
  }
  munmap(base, SIGNAL_STACK + PAGE);
}

static void make_key(void) { key_error = pthread_key_create(&signal_stack_key, free_signal_stack); }

static int prepare_signal_stack(void) {
  stack_t current;
  if (sigaltstack(NULL, &current) != 0) return errno;
  if (!(current.ss_flags & SS_DISABLE) && current.ss_size >= SIGNAL_STACK_ENOUGH) return 0;
  pthread_once(&key_once, make_key);
  if (key_error != 0) return key_error;
  // One page below stays without access: an overflow here must not go unnoticed.
  char *base = mmap(NULL, SIGNAL_STACK + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return errno;
  stack_t stack = {.ss_sp = base + PAGE, .ss_size = SIGNAL_STACK};
  int error = 0;
  if (mprotect(base + PAGE, SIGNAL_STACK, PROT_READ | PROT_WRITE) != 0) error = errno;
  if (error == 0) error = pthread_setspecific(signal_stack_key, base);
  if (error == 0 && sigaltstack(&stack, NULL) != 0) {
    error = errno;
    pthread_setspecific(signal_stack_key, NULL);
  }
  if (error != 0) munmap(base, SIGNAL_STACK + PAGE);
  return error;
}

static void find_native_stack(ThreadState *thread) {
  pthread_attr_t attributes;
  void *low;
  size_t size;
  thread->stack_low = 0;
  thread->stack_reserve = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
    thread->stack_low = (uintptr_t)low;
    thread->stack_size = size;
    thread->stack_reserve = size / 4 < NATIVE_RESERVE ? size / 4 : NATIVE_RESERVE;
    // Prepared anew while the thread ends.
    if (thread->guard_low != 0) thread->stack_low = thread->guard_low + AVIARY_HOST_CHECK_GUARD;
  }
  pthread_attr_destroy(&attributes);
}

__attribute__((noinline)) int aviary_thread_prepare(ThreadState *thread) {
  int error = prepare_signal_stack();
  if (error != 0) return error;
  // Pools of threads (Dispatch's) block every signal that is not a fault.
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, aviary_interrupt_signal());
  error = pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
  if (error != 0) return error;
  find_native_stack(thread);
  thread->id = (int32_t)syscall(SYS_gettid);
  return 0;
}

typedef struct Start {
  void (*body)(void *);
  void *context;
} Start;

static void *start(void *argument) {
  Start copy = *(Start *)argument;
  free(argument);
  copy.body(copy.context);
  return NULL;
}

int aviary_thread_start(void (*body)(void *context), void *context) {
  Start *argument = malloc(sizeof(Start));
  if (argument == NULL) return ENOMEM;
  *argument = (Start){body, context};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Signals to the process are the host's business: its own threads take them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, start, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error != 0) free(argument);
  return error;
}

// sched_setattr(2), whose header is not everywhere: the first version's fields.
typedef struct {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
} SchedulingAttributes;

// Timers come when they are due, and where guests keep all processors busy the thread does not wait for a whole slice of
// theirs: since Linux 6.12 a thread that asks for short slices of its own goes first. Where it may not, that is all.
void aviary_thread_be_punctual(void) {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  SchedulingAttributes attributes = {.size = sizeof attributes};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 || attributes.policy != 0) return;
  attributes.runtime = 100 * 1000; // nanoseconds; the least that the kernel takes
  attributes.flags = 0;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}
