// Machine code made known to profilers. An option of the embedder, off by default.
#pragma once
#include <stddef.h>

// Appends lines (address, size, name) to /tmp/perf-PID.map. 0 or an errno. Any thread.
int aviary_perf_map_append(const char *lines, size_t size);
