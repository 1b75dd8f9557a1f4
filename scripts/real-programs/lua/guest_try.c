// try and throw for C programs in WebAssembly without exceptions.
//
// wasm-opt's Asyncify pass makes every function able to return early while a
// flag says "unwinding". A throw sets that flag; guest_try, which the pass
// leaves alone since it is the one that stops the unwinding, sees its callee
// return with the flag set, clears it, and puts the shadow stack's pointer
// back. Nothing is ever rewound, so what the pass saves is thrown away.
#define ASYNCIFY(name) \
  __attribute__((import_module("asyncify"), import_name(#name))) extern

ASYNCIFY(start_unwind) void asyncify_start_unwind(void *area);
ASYNCIFY(stop_unwind) void asyncify_stop_unwind(void);

static int unwinding;
static struct {
  char *position, *end;
  char bytes[1 << 20];
} area;

__asm__(".globaltype __stack_pointer, i32\n");

static inline void *stack_pointer(void) {
  void *value;
  __asm__ volatile("global.get __stack_pointer\nlocal.set %0" : "=r"(value));
  return value;
}

static inline void set_stack_pointer(void *value) {
  __asm__ volatile("local.get %0\nglobal.set __stack_pointer" ::"r"(value));
}

__attribute__((noinline)) void guest_throw(void) {
  area.position = area.bytes;
  area.end = area.bytes + sizeof area.bytes;
  unwinding = 1;
  asyncify_start_unwind(&area);
}

__attribute__((noinline)) int guest_try(void (*body)(void *, void *), void *first, void *second) {
  void *saved = stack_pointer();
  body(first, second);
  if (!unwinding) return 0;
  unwinding = 0;
  asyncify_stop_unwind();
  set_stack_pointer(saved);
  return 1;
}
