// Calls between host and guest in Wasmtime, synchronous and asynchronous, through the C API of the library
// inside the PyPI wheel.
//
// usage: wasmtime_c LIBRARY FOLDER SETTINGS ROW[,ROW...] MILLISECONDS
//
//   FOLDER    has sync.wasm and async.wasm (`aviary bench --calls --save-shapes FOLDER`)
//   SETTINGS  default | tuned: what the documentation offers to make calls cheaper
//   ROW       a name of the table at the end, or suspended:COUNT
//
// JSON on standard output: for each row its batches, in nanoseconds an operation, by the clock and by the thread's
// processor time; for suspended:COUNT bytes a guest.
//
// What the library is asked is declared here, as its documentation and its Python binding describe it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { uint64_t store; void *token; } Function;
typedef struct { uint64_t store; size_t token; } Instance;
// The unions' members need at most 24 bytes and are aligned to 8.
typedef struct { uint8_t kind; union { Function function; uint64_t words[4]; } of; } Extern;
typedef struct { uint8_t kind; union { int32_t i32; uint64_t words[3]; } of; } Value;
typedef union { int32_t i32; int64_t i64; uint8_t v128[16]; } Raw;
typedef struct Any Any; // all that is opaque
typedef struct { size_t size; Any **data; } Types;
typedef struct { size_t size; char *data; } Text;
typedef struct { bool (*callback)(void *); void *env; void (*finalizer)(void *); } Continuation;
typedef Any *(*Unchecked)(void *, Any *, Raw *, size_t);
typedef void (*Asynchronous)(void *, Any *, const Value *, size_t, Value *, size_t, Any **, Continuation *);
typedef void (*Finalizer)(void *);

#define API(X) \
  X(Any *, wasm_config_new, (void)) \
  X(void, wasmtime_config_concurrency_support_set, (Any *, bool)) \
  X(void, wasmtime_config_gc_support_set, (Any *, bool)) \
  X(Any *, wasm_engine_new_with_config, (Any *)) \
  X(Any *, wasm_valtype_new, (uint8_t)) \
  X(void, wasm_valtype_vec_new, (Types *, size_t, Any **)) \
  X(Any *, wasm_functype_new, (Types *, Types *)) \
  X(Any *, wasmtime_pooling_allocation_config_new, (void)) \
  X(void, wasmtime_pooling_allocation_config_total_stacks_set, (Any *, uint32_t)) \
  X(void, wasmtime_pooling_allocation_config_total_core_instances_set, (Any *, uint32_t)) \
  X(void, wasmtime_pooling_allocation_config_total_memories_set, (Any *, uint32_t)) \
  X(void, wasmtime_pooling_allocation_config_total_tables_set, (Any *, uint32_t)) \
  X(void, wasmtime_pooling_allocation_config_max_memory_size_set, (Any *, size_t)) \
  X(void, wasmtime_pooling_allocation_config_async_stack_keep_resident_set, (Any *, size_t)) \
  X(void, wasmtime_pooling_allocation_config_linear_memory_keep_resident_set, (Any *, size_t)) \
  X(void, wasmtime_pooling_allocation_config_max_unused_warm_slots_set, (Any *, uint32_t)) \
  X(void, wasmtime_pooling_allocation_strategy_set, (Any *, Any *)) \
  X(Any *, wasmtime_module_new, (Any *, const uint8_t *, size_t, Any **)) \
  X(Any *, wasmtime_linker_new, (Any *)) \
  X(Any *, wasmtime_linker_define_func_unchecked, \
    (Any *, const char *, size_t, const char *, size_t, Any *, Unchecked, void *, Finalizer)) \
  X(Any *, wasmtime_linker_define_async_func, \
    (Any *, const char *, size_t, const char *, size_t, Any *, Asynchronous, void *, Finalizer)) \
  X(Any *, wasmtime_linker_instantiate_pre, (Any *, Any *, Any **)) \
  X(Any *, wasmtime_store_new, (Any *, void *, Finalizer)) \
  X(Any *, wasmtime_store_context, (Any *)) \
  X(void, wasmtime_store_delete, (Any *)) \
  X(Any *, wasmtime_instance_pre_instantiate, (Any *, Any *, Instance *, Any **)) \
  X(Any *, wasmtime_instance_pre_instantiate_async, (Any *, Any *, Instance *, Any **, Any **)) \
  X(bool, wasmtime_instance_export_get, (Any *, Instance *, const char *, size_t, Extern *)) \
  X(Any *, wasmtime_func_call, (Any *, const Function *, const Value *, size_t, Value *, size_t, Any **)) \
  X(Any *, wasmtime_func_call_unchecked, (Any *, const Function *, Raw *, size_t, Any **)) \
  X(Any *, wasmtime_func_call_async, \
    (Any *, const Function *, const Value *, size_t, Value *, size_t, Any **, Any **)) \
  X(bool, wasmtime_call_future_poll, (Any *)) \
  X(void, wasmtime_call_future_delete, (Any *)) \
  X(void, wasmtime_error_message, (Any *, Text *))

#define DECLARE(result, name, parameters) static result (*name) parameters;
API(DECLARE)

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(Any *error, const char *what) {
  if (!error) return;
  Text text;
  wasmtime_error_message(error, &text);
  fprintf(stderr, "%s: %.*s\n", what, (int)text.size, text.data);
  exit(1);
}

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// MARK: The host's functions

static Any *host_nothing(void *env, Any *caller, Raw *values, size_t count) { return NULL; }

static Any *host_add(void *env, Any *caller, Raw *values, size_t count) {
  values[0].i32 = values[0].i32 + values[1].i32;
  return NULL;
}

static bool is_ready(void *env) { return true; }

static void host_at_once(
    void *env, Any *caller, const Value *values, size_t count, Value *results, size_t result_count, Any **trap,
    Continuation *continuation) {
  results[0].kind = 0;
  results[0].of.i32 = values[0].of.i32 + 1;
  continuation->callback = is_ready;
}

// One pointer's target says whether it was asked before.
static bool is_ready_then(void *env) {
  bool *asked = env, before = *asked;
  *asked = true;
  return before;
}

static void host_later(
    void *env, Any *caller, const Value *values, size_t count, Value *results, size_t result_count, Any **trap,
    Continuation *continuation) {
  static bool asked; // one guest at a time
  asked = false;
  results[0].kind = 0;
  results[0].of.i32 = values[0].of.i32 + 1;
  continuation->callback = is_ready_then;
  continuation->env = &asked;
}

static bool all_ready;
static bool is_ready_at_the_end(void *env) { return all_ready; }

static void host_wait(
    void *env, Any *caller, const Value *values, size_t count, Value *results, size_t result_count, Any **trap,
    Continuation *continuation) {
  results[0].kind = 0;
  results[0].of.i32 = values[0].of.i32 + 1;
  continuation->callback = is_ready_at_the_end;
}

// MARK: Engine, modules, stores

static Any *engine, *sync_prepared, *async_prepared;

static Any *type(size_t parameters, size_t results) {
  Any *items[2][2] = {{wasm_valtype_new(0), wasm_valtype_new(0)}, {wasm_valtype_new(0), NULL}};
  Types given, taken;
  wasm_valtype_vec_new(&given, parameters, items[0]);
  wasm_valtype_vec_new(&taken, results, items[1]);
  return wasm_functype_new(&given, &taken);
}

static void define(Any *linker, const char *name, size_t parameters, size_t results, Unchecked body) {
  check(wasmtime_linker_define_func_unchecked(
            linker, "host", 4, name, strlen(name), type(parameters, results), body, NULL, NULL), "define");
}

static void define_async(Any *linker, const char *name, Asynchronous body) {
  check(wasmtime_linker_define_async_func(linker, "host", 4, name, strlen(name), type(1, 1), body, NULL, NULL), "define");
}

static Any *prepare(const char *folder, const char *name, Any *linker) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.wasm", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail("the module cannot be read");
  static uint8_t bytes[1 << 16];
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  Any *module, *prepared;
  check(wasmtime_module_new(engine, bytes, size, &module), "compile");
  check(wasmtime_linker_instantiate_pre(linker, module, &prepared), "link");
  return prepared;
}

static void make_engine(const char *settings, uint32_t guests) {
  bool tuned = !strcmp(settings, "tuned");
  if (!tuned && strcmp(settings, "default")) fail("unknown settings");
  Any *config = wasm_config_new(), *pool = wasmtime_pooling_allocation_config_new();
  if (tuned) {
    wasmtime_config_concurrency_support_set(config, false);
    wasmtime_config_gc_support_set(config, false);
    wasmtime_pooling_allocation_config_async_stack_keep_resident_set(pool, 64 << 10);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, 64 << 10);
    wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, 1000);
  }
  if (guests > 0) {
    wasmtime_pooling_allocation_config_total_stacks_set(pool, guests);
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, guests);
    wasmtime_pooling_allocation_config_total_memories_set(pool, guests);
    wasmtime_pooling_allocation_config_total_tables_set(pool, guests);
    // Small ones, so that as many fit the address space.
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, 1 << 20);
  }
  wasmtime_pooling_allocation_strategy_set(config, pool);
  if (!(engine = wasm_engine_new_with_config(config))) fail("no engine");
}

typedef struct { Any *store, *context; Instance instance; } Guest;

static void finish(Any *future) {
  while (!wasmtime_call_future_poll(future)) {}
  wasmtime_call_future_delete(future);
}

static Guest make_guest(bool asynchronous) {
  Guest guest;
  guest.store = wasmtime_store_new(engine, NULL, NULL);
  guest.context = wasmtime_store_context(guest.store);
  Any *trap = NULL, *error = NULL;
  if (asynchronous) {
    finish(wasmtime_instance_pre_instantiate_async(async_prepared, guest.context, &guest.instance, &trap, &error));
  } else {
    error = wasmtime_instance_pre_instantiate(sync_prepared, guest.context, &guest.instance, &trap);
  }
  check(error, "instantiate");
  if (trap) fail("instantiate: trap");
  return guest;
}

static Function export(Guest *guest, const char *name) {
  Extern item;
  if (!wasmtime_instance_export_get(guest->context, &guest->instance, name, strlen(name), &item)) fail("no export");
  return item.of.function;
}

// MARK: Rows. Each runs so many operations; a sum that must come out proves that they were run.

static Guest guest;
static Function target;

static void unchecked_nothing(uint32_t count) {
  Any *trap = NULL;
  Raw none;
  for (uint32_t i = 0; i < count; i++) {
    check(wasmtime_func_call_unchecked(guest.context, &target, &none, 0, &trap), "call");
    if (trap) fail("trap");
  }
}

static void unchecked_add(uint32_t count) {
  Any *trap = NULL;
  int32_t sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    Raw slots[2] = {{.i32 = sum}, {.i32 = 1}};
    check(wasmtime_func_call_unchecked(guest.context, &target, slots, 2, &trap), "call");
    if (trap) fail("trap");
    sum = slots[0].i32;
  }
  if (sum != (int32_t)count) fail("wrong sum");
}

static void checked_add(uint32_t count) {
  Any *trap = NULL;
  int32_t sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    Value given[2] = {{.kind = 0, .of.i32 = sum}, {.kind = 0, .of.i32 = 1}}, result;
    check(wasmtime_func_call(guest.context, &target, given, 2, &result, 1, &trap), "call");
    if (trap) fail("trap");
    sum = result.of.i32;
  }
  if (sum != (int32_t)count) fail("wrong sum");
}

// The loop is the guest's.
static void guest_loop(uint32_t count) {
  Any *trap = NULL;
  Raw slots[1] = {{.i32 = (int32_t)count}};
  check(wasmtime_func_call_unchecked(guest.context, &target, slots, 1, &trap), "call");
  if (trap || slots[0].i32 != (int32_t)count) fail("wrong sum");
}

static int32_t call_async(Guest *guest, Function *function, int32_t argument, size_t count) {
  Any *trap = NULL, *error = NULL;
  Value given = {.kind = 0, .of.i32 = argument}, result = {0};
  finish(wasmtime_func_call_async(guest->context, function, &given, count, &result, count, &trap, &error));
  check(error, "call");
  if (trap) fail("trap");
  return result.of.i32;
}

static void async_nothing(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) call_async(&guest, &target, 0, 0);
}

static void async_guest_loop(uint32_t count) {
  if (call_async(&guest, &target, (int32_t)count, 1) != (int32_t)count) fail("wrong sum");
}

static void async_life(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    Guest fresh = make_guest(true);
    Function function = export(&fresh, "nothing");
    call_async(&fresh, &function, 0, 0);
    wasmtime_store_delete(fresh.store);
  }
}

typedef struct { const char *name, *function; bool asynchronous; void (*run)(uint32_t); } Row;

static const Row rows[] = {
    {"call-empty", "nothing", false, unchecked_nothing},
    {"call-add", "add", false, unchecked_add},
    {"call-add-any", "add", false, checked_add},
    {"host-empty", "call_nothing", false, guest_loop},
    {"host-add", "call_add", false, guest_loop},
    {"async-call-empty", "nothing", true, async_nothing},
    {"async-call-fresh-store", "nothing", true, async_life},
    {"async-host-at-once", "call_at_once", true, async_guest_loop},
    {"async-host-suspends", "call_later", true, async_guest_loop},
};

// MARK: Many guests that wait

// A number of bytes of /proc/self/status.
static long memory_of(const char *field) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  long kilobytes = 0;
  while (file && fgets(line, sizeof line, file)) {
    if (!strncmp(line, field, strlen(field))) kilobytes = atol(line + strlen(field) + 1);
  }
  if (file) fclose(file);
  return kilobytes << 10;
}

static long mappings(void) {
  FILE *file = fopen("/proc/self/maps", "r");
  long count = 0;
  for (int c; file && (c = getc(file)) != EOF;) count += c == '\n';
  if (file) fclose(file);
  return count;
}

typedef struct { Guest guest; Function function; Value given, result; Any *trap, *error, *future; } Waiting;

// Starts call and wait for all of them, then ends them.
static uint64_t wait_all(Waiting *all, int count, long *resident, long *tables, long *maps) {
  long before = memory_of("VmRSS"), before_tables = memory_of("VmPTE"), before_maps = mappings();
  uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID);
  all_ready = false;
  for (int i = 0; i < count; i++) {
    Waiting *one = &all[i];
    one->guest = make_guest(true);
    one->function = export(&one->guest, "wait");
    one->given = (Value){.kind = 0, .of.i32 = i};
    one->future = wasmtime_func_call_async(
        one->guest.context, &one->function, &one->given, 1, &one->result, 1, &one->trap, &one->error);
    if (wasmtime_call_future_poll(one->future)) fail("did not wait");
  }
  uint64_t used = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
  *resident = (memory_of("VmRSS") - before) / count;
  *tables = (memory_of("VmPTE") - before_tables) / count;
  *maps = mappings() - before_maps;
  cpu = now(CLOCK_THREAD_CPUTIME_ID);
  all_ready = true;
  for (int i = 0; i < count; i++) {
    Waiting *one = &all[i];
    finish(one->future);
    check(one->error, "call");
    if (one->trap || one->result.of.i32 != i + 1) fail("wrong result");
    wasmtime_store_delete(one->guest.store);
  }
  return (used + now(CLOCK_THREAD_CPUTIME_ID) - cpu) / (uint64_t)count;
}

static void measure_suspended(int count) {
  long resident, tables, maps, again, again_tables, again_maps;
  Waiting *all = calloc((size_t)count, sizeof *all);
  memset(all, 1, (size_t)count * sizeof *all); // not to be counted
  memset(all, 0, (size_t)count * sizeof *all);
  uint64_t cpu = wait_all(all, count, &resident, &tables, &maps);
  uint64_t warm = wait_all(all, count, &again, &again_tables, &again_maps);
  printf("\"suspended\": {\"guests\": %d, \"resident_per_guest\": %ld, \"page_tables_per_guest\": %ld, \"mappings\": %ld, "
         "\"first_cpu_ns\": %llu, \"warm_cpu_ns\": %llu}",
         count, resident, tables, maps, (unsigned long long)cpu, (unsigned long long)warm);
}

// MARK: Measuring

enum { BATCHES = 4096, BATCH_NS = 500000 };

static void measure(const Row *row, uint64_t budget) {
  static double wall[BATCHES], cpu[BATCHES];
  guest = make_guest(row->asynchronous);
  target = export(&guest, row->function);
  // Whatever is learnt or filled lazily is before the clock starts.
  uint64_t start = now(CLOCK_MONOTONIC);
  uint32_t batch = 16;
  for (uint64_t took = 0; took < BATCH_NS / 2; took = now(CLOCK_MONOTONIC) - start) {
    batch *= 2;
    start = now(CLOCK_MONOTONIC);
    row->run(batch);
  }
  start = now(CLOCK_MONOTONIC);
  while (now(CLOCK_MONOTONIC) - start < budget / 10) row->run(batch);
  int count = 0;
  start = now(CLOCK_MONOTONIC);
  while (count < BATCHES && now(CLOCK_MONOTONIC) - start < budget) {
    uint64_t clock = now(CLOCK_MONOTONIC), used = now(CLOCK_THREAD_CPUTIME_ID);
    row->run(batch);
    cpu[count] = (double)(now(CLOCK_THREAD_CPUTIME_ID) - used) / batch;
    wall[count++] = (double)(now(CLOCK_MONOTONIC) - clock) / batch;
  }
  wasmtime_store_delete(guest.store);
  printf("\"%s\": {", row->name);
  for (int kind = 0; kind < 2; kind++) {
    printf(kind ? ", \"wall_batches_ns\": [" : "\"cpu_batches_ns\": [");
    for (int i = 0; i < count; i++) printf(i ? ", %.2f" : "%.2f", kind ? wall[i] : cpu[i]);
    printf("]");
  }
  printf("}");
}

int main(int argc, char **argv) {
  if (argc != 6) fail("usage: wasmtime_c LIBRARY FOLDER SETTINGS ROW[,ROW...] MILLISECONDS");
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library) fail(dlerror());
#define LOOK_UP(result, name, parameters) if (!(*(void **)&name = dlsym(library, #name))) fail("the library has no " #name);
  API(LOOK_UP)
  const char *many = strstr(argv[4], "suspended:");
  int guests = many ? atoi(many + strlen("suspended:")) : 0;
  if (guests < 0 || guests > 1000000) fail("at most 1000000 guests");
  make_engine(argv[3], (uint32_t)guests);
  Any *linker = wasmtime_linker_new(engine);
  define(linker, "nothing", 0, 0, host_nothing);
  define(linker, "add", 2, 1, host_add);
  sync_prepared = prepare(argv[2], "sync", linker);
  linker = wasmtime_linker_new(engine);
  define_async(linker, "at_once", host_at_once);
  define_async(linker, "later", host_later);
  define_async(linker, "wait", host_wait);
  async_prepared = prepare(argv[2], "async", linker);
  printf("{");
  const char *comma = "";
  for (char *name = strtok(argv[4], ","); name; name = strtok(NULL, ","), comma = ", ") {
    printf("%s", comma);
    if (!strncmp(name, "suspended:", 10)) {
      measure_suspended(guests);
      continue;
    }
    const Row *row = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      if (!strcmp(rows[i].name, name)) row = &rows[i];
    }
    if (!row) fail("unknown row");
    measure(row, (uint64_t)atoi(argv[5]) * 1000000);
  }
  printf("}\n");
  return 0;
}
