// Epochs: each engine counts its own, and code that checks them looks at a word of its instance's context (`poll`).
//
//   ticker            epoch += 1; every thread passes a barrier; then, for each thread that runs a guest of the
//                     engine whose deadline has come: poll = all ones, in all contexts of the store
//   thread enters     running = store; then it looks at the epoch itself
//
// So either the ticker sees the store, or the entering thread the epoch. What a check does that finds its word set
// is the runtime's business; a word that is set in vain costs one look.
//
// A thread's record of what it runs is never freed, only given to another thread. The contexts of a store
// go under the lock, and are walked by other threads under it: a store that is seen there is whole.
#include "aviary_shared.h"
#include "internal.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct AviaryRunning {
  _Atomic(AviaryHostStore *) store; // whose guest the thread is in; null where that has no epoch checks
  atomic_bool is_taken;
  struct AviaryRunning *next;       // fixed once it is in the list
};

static _Atomic(AviaryRunning *) all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static int key_error;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void give_back(void *record) {
  AviaryRunning *running = record;
  atomic_store(&running->store, NULL);
  aviary_thread_state()->running = NULL; // an entry from a later destructor takes one again
  atomic_store(&running->is_taken, false);
}

static void make_key(void) { key_error = pthread_key_create(&key, give_back); }

static AviaryRunning *take(void) {
  for (AviaryRunning *running = atomic_load(&all); running != NULL; running = running->next) {
    bool expected = false;
    if (atomic_compare_exchange_strong(&running->is_taken, &expected, true)) return running;
  }
  AviaryRunning *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  atomic_init(&made->is_taken, true);
  AviaryRunning *first = atomic_load(&all);
  do made->next = first;
  while (!atomic_compare_exchange_weak(&all, &first, made));
  return made;
}

bool aviary_epoch_prepare(ThreadState *thread) {
  if (thread->running != NULL) return true;
  pthread_once(&key_once, make_key);
  if (key_error != 0) return false;
  AviaryRunning *running = take();
  if (running == NULL) return false;
  if (pthread_setspecific(key, running) != 0) {
    atomic_store(&running->is_taken, false);
    return false;
  }
  thread->running = running;
  return true;
}

static uint64_t deadline_of(const AviaryHostStore *store) {
  return __atomic_load_n(&store->context.epoch_deadline, __ATOMIC_RELAXED);
}

static bool is_due(const AviaryHostStore *store) {
  return __atomic_load_n(store->context.epoch, __ATOMIC_SEQ_CST) >= deadline_of(store) ||
         aviary_interrupt_is_set(store);
}

// By the store's own thread, or under the lock.
static void poll(AviaryHostStore *store, uint32_t word) {
  for (AviaryVMContext *context = store->context.first; context != NULL; context = context->next) {
    __atomic_store_n(&context->poll, word, __ATOMIC_RELAXED);
  }
}

void aviary_epoch_follow(ThreadState *thread) {
  AviaryActivation *activation = thread->activation;
  AviaryHostStore *store = activation == NULL ? NULL : (AviaryHostStore *)activation->store;
  if (store != NULL && !store->has_checks) store = NULL;
  atomic_store_explicit(&thread->running->store, store, memory_order_release);
  // Pairs with the barrier of the ticker's.
  atomic_signal_fence(memory_order_seq_cst);
  if (store != NULL && is_due(store)) poll(store, UINT32_MAX);
}

void aviary_epoch_increment(uint64_t *epoch, uint64_t count) {
  __atomic_fetch_add(epoch, count, __ATOMIC_SEQ_CST);
  AviaryRunning *first = atomic_load(&all);
  if (first == NULL) return;
  if (!aviary_barrier()) {
    // What threads have stored is seen by everyone after a while.
    struct timespec pause = {.tv_nsec = 100 * 1000};
    nanosleep(&pause, NULL);
  }
  pthread_mutex_lock(&lock);
  for (AviaryRunning *running = atomic_load(&all); running != NULL; running = running->next) {
    AviaryHostStore *store = atomic_load(&running->store);
    if (store != NULL && store->context.epoch == epoch && is_due(store)) {
      poll(store, UINT32_MAX);
      aviary_store_nudge(store);
    }
  }
  pthread_mutex_unlock(&lock);
}

uint64_t aviary_epoch_now(const uint64_t *epoch) { return __atomic_load_n(epoch, __ATOMIC_SEQ_CST); }

void aviary_epoch_look_out(AviaryHostStore *store) {
  uint64_t deadline = store->trap_epoch < store->yield_epoch ? store->trap_epoch : store->yield_epoch;
  __atomic_store_n(&store->context.epoch_deadline, deadline, __ATOMIC_SEQ_CST);
  poll(store, 0);
  // Another thread may have set the words just before: it looks again whether they should be.
  atomic_thread_fence(memory_order_seq_cst);
  if (is_due(store)) poll(store, UINT32_MAX);
}

void aviary_epoch_renew(AviaryHostStore *store) {
  uint64_t now = aviary_epoch_now(store->context.epoch);
  if (store->yield_epoch > now) return;
  store->yield_epoch = now + 1;
  aviary_epoch_look_out(store);
}

void aviary_epoch_adopt(AviaryHostStore *store, AviaryVMContext *context) {
  pthread_mutex_lock(&lock);
  context->next = store->context.first;
  store->context.first = context;
  if (is_due(store)) __atomic_store_n(&context->poll, UINT32_MAX, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&lock);
}

void aviary_epoch_forget(AviaryHostStore *store) {
  pthread_mutex_lock(&lock);
  store->context.first = NULL;
  pthread_mutex_unlock(&lock);
}

void aviary_epoch_interrupt(AviaryHostStore *store) {
  pthread_mutex_lock(&lock);
  poll(store, UINT32_MAX);
  pthread_mutex_unlock(&lock);
}
