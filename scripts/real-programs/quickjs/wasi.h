// wasi-libc cannot say how large an allocation is; the engine accepts "unknown".
#include <stddef.h>
static inline size_t no_usable_size(const void *allocation) {
  (void)allocation;
  return 0;
}
// WebAssembly rounds to nearest only: exact ties in toFixed may differ from native.
#define FE_DOWNWARD 1
#define FE_UPWARD 2
