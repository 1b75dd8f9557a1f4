// Machine code made known to debuggers (GDB's JIT interface) and profilers
// (a perf map). Both are options of the embedder, off by default.
#pragma once
#include <stddef.h>

typedef struct AviaryDebugEntry AviaryDebugEntry;

// Announces an ELF object in memory, which is copied. Null when out of memory.
// Any thread.
AviaryDebugEntry *aviary_debugger_register(const void *object, size_t size);

// Withdraws it: before the code it describes is unmapped. Any thread.
void aviary_debugger_unregister(AviaryDebugEntry *entry);

// Appends lines to /tmp/perf-PID.map. 0 or an errno.
int aviary_perf_map_append(const char *lines, size_t size);
