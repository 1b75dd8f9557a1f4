// Which of several equal places a thread uses first, so that threads keep out of each other's cache lines.
#pragma once
#include <stdint.h>

// Given to threads in turn, and theirs for good. Any thread, a few instructions.
uint32_t aviary_thread_shard(void);
