// The part of pthreads that programs here use, over wasi-threads and the atomic
// instructions: the libc that comes with the compiler has stubs only. Threads that
// can be joined, mutexes, condition variables, and a lock around the allocator.
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int32_t thread_spawn(void *start);

#define STACK (256 * 1024)

struct start {
  void *stack_top, *tls; // start.s reads these two
  void *(*run)(void *);
  void *argument, *result;
  _Atomic int finished;
};

static void wait_while(_Atomic int *where, int value) {
  __builtin_wasm_memory_atomic_wait32((int *)where, value, -1);
}
static void wake(_Atomic int *where, int count) { __builtin_wasm_memory_atomic_notify((int *)where, (unsigned)count); }

void thread_main(int32_t id, struct start *start) {
  (void)id;
  start->result = start->run(start->argument);
  // The joiner frees the stack as soon as it sees this: nothing of it may be used
  // after, and the optimizer keeps nothing there over a tail like this one.
  atomic_store(&start->finished, 1);
  wake(&start->finished, INT_MAX);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
                   void *restrict argument) {
  (void)attributes;
  size_t tls_size = __builtin_wasm_tls_size(), tls_align = __builtin_wasm_tls_align();
  if (tls_align < 16) tls_align = 16;
  char *block = malloc(STACK + tls_size + tls_align + sizeof(struct start));
  if (!block) return EAGAIN;
  struct start *start = (struct start *)block; // first, so that joining finds the block
  memset(start, 0, sizeof *start);
  uintptr_t tls = ((uintptr_t)block + sizeof *start + tls_align - 1) & ~(tls_align - 1);
  start->tls = (void *)tls;
  start->stack_top = (void *)((tls + tls_size + STACK - tls_align) & ~(uintptr_t)15);
  start->run = run, start->argument = argument;
  if (thread_spawn(start) < 0) {
    free(block);
    return EAGAIN;
  }
  *thread = (pthread_t)start;
  return 0;
}

int pthread_join(pthread_t thread, void **result) {
  struct start *start = (struct start *)thread;
  while (!atomic_load(&start->finished)) wait_while(&start->finished, 0);
  if (result) *result = start->result;
  free(start);
  return 0;
}

// A mutex is one word: 0 free, 1 taken, 2 taken and perhaps waited for.
static _Atomic int *word_of(void *object) { return (_Atomic int *)object; }

int pthread_mutex_init(pthread_mutex_t *restrict mutex, const pthread_mutexattr_t *restrict attributes) {
  (void)attributes;
  memset(mutex, 0, sizeof *mutex);
  return 0;
}
int pthread_mutex_destroy(pthread_mutex_t *mutex) { return atomic_load(word_of(mutex)) ? EBUSY : 0; }
int pthread_mutex_trylock(pthread_mutex_t *mutex) {
  int free = 0;
  return atomic_compare_exchange_strong(word_of(mutex), &free, 1) ? 0 : EBUSY;
}
int pthread_mutex_lock(pthread_mutex_t *mutex) {
  if (!pthread_mutex_trylock(mutex)) return 0;
  while (atomic_exchange(word_of(mutex), 2)) wait_while(word_of(mutex), 2);
  return 0;
}
int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (atomic_exchange(word_of(mutex), 0) == 2) wake(word_of(mutex), 1);
  return 0;
}

// A condition variable counts its signals.
int pthread_cond_init(pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes) {
  (void)attributes;
  memset(condition, 0, sizeof *condition);
  return 0;
}
int pthread_cond_destroy(pthread_cond_t *condition) {
  (void)condition;
  return 0;
}
int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex) {
  int seen = atomic_load(word_of(condition));
  pthread_mutex_unlock(mutex);
  wait_while(word_of(condition), seen);
  return pthread_mutex_lock(mutex);
}
int pthread_cond_signal(pthread_cond_t *condition) {
  atomic_fetch_add(word_of(condition), 1);
  wake(word_of(condition), 1);
  return 0;
}
int pthread_cond_broadcast(pthread_cond_t *condition) {
  atomic_fetch_add(word_of(condition), 1);
  wake(word_of(condition), INT_MAX);
  return 0;
}

// The compiler's libc has an allocator for one thread (-Wl,--wrap).
static pthread_mutex_t heap;
void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_realloc(void *, size_t);
void __real_free(void *);

#define LOCKED(type, call)           \
  {                                  \
    pthread_mutex_lock(&heap);       \
    type result = call;              \
    pthread_mutex_unlock(&heap);     \
    return result;                   \
  }
void *__wrap_malloc(size_t size) LOCKED(void *, __real_malloc(size))
void *__wrap_calloc(size_t count, size_t size) LOCKED(void *, __real_calloc(count, size))
void *__wrap_realloc(void *old, size_t size) LOCKED(void *, __real_realloc(old, size))
void __wrap_free(void *old) {
  pthread_mutex_lock(&heap);
  __real_free(old);
  pthread_mutex_unlock(&heap);
}
