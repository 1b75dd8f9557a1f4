#define _GNU_SOURCE
#include "aviary_shared.h"
#include "internal.h"
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) {
  syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

// The entering thread stores `thread` and loads `interrupted` without a fence
// (it would cost more than the rest of the entry); the barrier here stands for it.
// Where membarrier is missing, the pause before the caller's next attempt drains
// any store buffer: hence "true" then even when nobody is seen inside.
bool aviary_barrier(void) {
  pthread_once(&once, prepare);
  return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool aviary_interrupt(AviaryHostStore *store, uint32_t reason) {
  bool first = __atomic_fetch_or(&store->interrupted, reason, __ATOMIC_SEQ_CST) == 0;
  aviary_store_nudge(store);
  if (store->has_checks) {
    // Nothing has to be sent: it looks by itself, as long as it is inside.
    aviary_epoch_interrupt(store);
    return __atomic_load_n(&store->thread, __ATOMIC_SEQ_CST) != 0;
  }
  bool ordered = !first || aviary_barrier();
  int32_t thread = __atomic_load_n(&store->thread, __ATOMIC_SEQ_CST);
  if (thread == 0) return !ordered;
  // A thread that has left meanwhile, or a new one of the same number, ignores it.
  syscall(SYS_tgkill, getpid(), thread, aviary_interrupt_signal());
  return true;
}

// The signal marked all of the store's activations on this thread, not only the one that it ended: those that
// wait in host functions are to go on. One that comes meanwhile marks them again, or is seen here.
static void forget_pending(AviaryHostStore *store) {
  AviaryActivation *innermost = store->context.activation;
  for (AviaryActivation *a = innermost; a != NULL; a = a->store_previous) {
    if (a->pending == AVIARY_TRAP_INTERRUPTED) a->pending = AVIARY_TRAP_NONE;
  }
  atomic_signal_fence(memory_order_seq_cst);
  if (!aviary_interrupt_is_set(store)) return;
  for (AviaryActivation *a = innermost; a != NULL; a = a->store_previous) {
    if (a->pending == AVIARY_TRAP_NONE && !a->is_suspended) a->pending = AVIARY_TRAP_INTERRUPTED;
  }
}

void aviary_interrupt_clear(AviaryHostStore *store, uint32_t reasons) {
  uint32_t before = __atomic_fetch_and(&store->interrupted, ~reasons, __ATOMIC_SEQ_CST);
  if ((before & ~reasons) != 0) return;
  // From within a host function: whoever else clears has no business with activations. A thread that was never
  // inside has the number of no store's.
  int32_t self = aviary_thread_state()->id;
  if (self != 0 && __atomic_load_n(&store->thread, __ATOMIC_RELAXED) == self) forget_pending(store);
}

bool aviary_interrupt_is_set(const AviaryHostStore *store) {
  return __atomic_load_n(&store->interrupted, __ATOMIC_RELAXED) != 0;
}
