#define _GNU_SOURCE
#include "aviary_current_cpu.h"

#include <sched.h>

int aviary_current_cpu(void) { return sched_getcpu(); }
