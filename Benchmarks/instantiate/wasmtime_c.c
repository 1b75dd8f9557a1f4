// Instantiates a module in Wasmtime, calls its export `touch` and drops the store, again and again, through the
// C API of the library inside the PyPI wheel.
//
// usage: wasmtime_c LIBRARY FILE.wasm STRATEGY WRITES READS THREADS MILLISECONDS
//
//   STRATEGY  on-demand | pooled | pooled:KEEP_RESIDENT_BYTES:WARM_SLOTS:DECOMMIT_BATCH
//
// JSON on standard output: for each thread its batches, in nanoseconds an instance, by the clock and by
// the thread's processor time.
//
// What the library is asked is declared here, as its documentation and its Python binding describe it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { uint64_t store; void *token; } Function;
typedef struct { uint64_t store; size_t token; } Instance;
// The union's members need at most 24 bytes and are aligned to 8.
typedef struct { uint8_t kind; union { Function function; uint64_t words[4]; } of; } Extern;
typedef union { int32_t i32; int64_t i64; uint8_t v128[16]; } Raw;
typedef struct Any Any; // all that is opaque

#define API(X) \
  X(Any *, wasm_config_new, (void)) \
  X(Any *, wasm_engine_new_with_config, (Any *)) \
  X(Any *, wasmtime_pooling_allocation_config_new, (void)) \
  X(void, wasmtime_pooling_allocation_config_linear_memory_keep_resident_set, (Any *, size_t)) \
  X(void, wasmtime_pooling_allocation_config_table_keep_resident_set, (Any *, size_t)) \
  X(void, wasmtime_pooling_allocation_config_max_unused_warm_slots_set, (Any *, uint32_t)) \
  X(void, wasmtime_pooling_allocation_config_decommit_batch_size_set, (Any *, size_t)) \
  X(void, wasmtime_pooling_allocation_strategy_set, (Any *, Any *)) \
  X(Any *, wasmtime_module_new, (Any *, const uint8_t *, size_t, Any **)) \
  X(Any *, wasmtime_linker_new, (Any *)) \
  X(Any *, wasmtime_linker_instantiate_pre, (Any *, Any *, Any **)) \
  X(Any *, wasmtime_store_new, (Any *, void *, void (*)(void *))) \
  X(Any *, wasmtime_store_context, (Any *)) \
  X(void, wasmtime_store_delete, (Any *)) \
  X(Any *, wasmtime_instance_pre_instantiate, (Any *, Any *, Instance *, Any **)) \
  X(bool, wasmtime_instance_export_nth, (Any *, Instance *, size_t, char **, size_t *, Extern *)) \
  X(Any *, wasmtime_func_call_unchecked, (Any *, const Function *, Raw *, size_t, Any **)) \
  X(void, wasmtime_error_message, (Any *, struct Text *))

struct Text { size_t size; char *data; };
#define DECLARE(result, name, parameters) static result (*name) parameters;
API(DECLARE)

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(Any *error, const char *what) {
  if (!error) return;
  struct Text text;
  wasmtime_error_message(error, &text);
  fprintf(stderr, "%s: %.*s\n", what, (int)text.size, text.data);
  exit(1);
}

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static Any *engine, *prepared;
static int32_t writes, reads;
static uint64_t budget;
static pthread_barrier_t barrier;

static void live_once(void) {
  Any *store = wasmtime_store_new(engine, NULL, NULL), *trap = NULL;
  Any *context = wasmtime_store_context(store);
  Instance instance;
  check(wasmtime_instance_pre_instantiate(prepared, context, &instance, &trap), "instantiate");
  Extern item;
  char *name;
  size_t length;
  if (trap || !wasmtime_instance_export_nth(context, &instance, 0, &name, &length, &item)) fail("no export");
  Raw slots[2] = {{.i32 = writes}, {.i32 = reads}};
  check(wasmtime_func_call_unchecked(context, &item.of.function, slots, 2, &trap), "call");
  if (trap || slots[0].i32 != writes) fail("touch did not return its count of writes");
  wasmtime_store_delete(store);
}

enum { BATCHES = 4096 };
typedef struct { int count; double wall[BATCHES], cpu[BATCHES]; } Series;

static void *work(void *argument) {
  Series *series = argument;
  // Whatever is learnt or filled lazily is before the clock starts.
  uint64_t start = now(CLOCK_MONOTONIC);
  int warm = 0;
  while (warm < 200 || now(CLOCK_MONOTONIC) - start < budget / 10) live_once(), warm++;
  int batch = (int)(1000000 / ((now(CLOCK_MONOTONIC) - start) / (uint64_t)warm + 1)) + 1;
  pthread_barrier_wait(&barrier);
  start = now(CLOCK_MONOTONIC);
  while (series->count < BATCHES) {
    uint64_t wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < batch; i++) live_once();
    uint64_t used = now(CLOCK_THREAD_CPUTIME_ID) - cpu, end = now(CLOCK_MONOTONIC);
    series->wall[series->count] = (double)(end - wall) / batch;
    series->cpu[series->count++] = (double)used / batch;
    if (end - start > budget) break;
  }
  return NULL;
}

static Any *make_engine(const char *strategy) {
  Any *config = wasm_config_new();
  if (strcmp(strategy, "on-demand")) {
    Any *pool = wasmtime_pooling_allocation_config_new();
    unsigned long keep, warm, batch;
    if (sscanf(strategy, "pooled:%lu:%lu:%lu", &keep, &warm, &batch) == 3) {
      wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, keep);
      wasmtime_pooling_allocation_config_table_keep_resident_set(pool, 1 << 20);
      wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, (uint32_t)warm);
      wasmtime_pooling_allocation_config_decommit_batch_size_set(pool, batch);
    } else if (strcmp(strategy, "pooled")) {
      fail("unknown strategy");
    }
    wasmtime_pooling_allocation_strategy_set(config, pool);
  }
  Any *made = wasm_engine_new_with_config(config);
  if (!made) fail("no engine");
  return made;
}

static uint8_t *contents(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail("the module cannot be read");
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (fread(bytes, 1, *size, file) != *size) fail("the module cannot be read");
  return bytes;
}

static void print(const char *name, Series *series, int threads, bool cpu) {
  printf("\"%s\": [", name);
  for (int t = 0; t < threads; t++) {
    printf(t ? ", [" : "[");
    for (int i = 0; i < series[t].count; i++) printf(i ? ", %.1f" : "%.1f", cpu ? series[t].cpu[i] : series[t].wall[i]);
    printf("]");
  }
  printf("]");
}

int main(int argc, char **argv) {
  if (argc != 8) fail("usage: wasmtime_c LIBRARY FILE.wasm STRATEGY WRITES READS THREADS MILLISECONDS");
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library) fail(dlerror());
#define LOOK_UP(result, name, parameters) if (!(*(void **)&name = dlsym(library, #name))) fail("the library has no " #name);
  API(LOOK_UP)
  size_t size;
  uint8_t *bytes = contents(argv[2], &size);
  engine = make_engine(argv[3]);
  writes = atoi(argv[4]), reads = atoi(argv[5]);
  int threads = atoi(argv[6]);
  budget = (uint64_t)atoi(argv[7]) * 1000000;
  if (threads < 1 || threads > 64) fail("1 to 64 threads");
  Any *module;
  check(wasmtime_module_new(engine, bytes, size, &module), "compile");
  check(wasmtime_linker_instantiate_pre(wasmtime_linker_new(engine), module, &prepared), "link");
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  pthread_t ids[64];
  Series *series = calloc((size_t)threads, sizeof *series);
  for (int t = 0; t < threads; t++) pthread_create(&ids[t], NULL, work, &series[t]);
  for (int t = 0; t < threads; t++) pthread_join(ids[t], NULL);
  printf("{");
  print("wall_ns", series, threads, false);
  printf(", ");
  print("cpu_ns", series, threads, true);
  printf("}\n");
  return 0;
}
