#include "aviary_shard.h"
#include <stdatomic.h>

static _Atomic uint32_t next_shard;
// Counted from 1; 0 is not given yet.
static __thread __attribute__((tls_model("initial-exec"))) uint32_t shard;

__attribute__((noinline)) uint32_t aviary_thread_shard(void) {
  if (__builtin_expect(shard == 0, 0)) {
    do shard = atomic_fetch_add_explicit(&next_shard, 1, memory_order_relaxed) + 1;
    while (shard == 0);
  }
  return shard - 1;
}
