// Files in memory that never change once sealed: initial contents of linear memories.
// Results are values or a negative errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { // continues aviary_system_*'s numbers
  AVIARY_SYSTEM_IMAGE_CREATE = 60,
  AVIARY_SYSTEM_IMAGE_WRITE = 61,
  AVIARY_SYSTEM_IMAGE_SEAL = 62,
  AVIARY_SYSTEM_IMAGE_MAP = 63,
};

// A file of so many zeros, which takes memory only where it is written.
intptr_t aviary_system_image_create(size_t bytes);
// All or nothing counts: less than `count` is an error.
intptr_t aviary_system_image_write(int fd, const void *source, size_t count, uint64_t offset);
// From now on nobody changes contents or size, who holds the descriptor or not.
intptr_t aviary_system_image_seal(int fd);
// Maps bytes of a file that does not change, for reading. `offset` is a multiple of a page.
intptr_t aviary_system_image_map(int fd, size_t bytes, uint64_t offset);
