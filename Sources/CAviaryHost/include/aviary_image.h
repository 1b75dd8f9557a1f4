// Files in memory that never change once sealed: initial contents of linear memories.
// Results are values or a negative errno.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { // continues aviary_system_*'s numbers
  AVIARY_SYSTEM_IMAGE_CREATE = 60,
  AVIARY_SYSTEM_IMAGE_WRITE = 61,
  AVIARY_SYSTEM_IMAGE_SEAL = 62,
  AVIARY_SYSTEM_IMAGE_MAP = 63,
  AVIARY_SYSTEM_IMAGE_OPEN = 64,
  AVIARY_SYSTEM_IMAGE_STATUS = 65,
};

// A file of so many zeros, which takes memory only where it is written.
intptr_t aviary_system_image_create(size_t bytes);
// All or nothing counts: less than `count` is an error.
intptr_t aviary_system_image_write(int fd, const void *source, size_t count, uint64_t offset);
// From now on nobody changes contents or size, who holds the descriptor or not.
intptr_t aviary_system_image_seal(int fd);
// Maps bytes of a file that does not change, for reading. `offset` is a multiple of a page.
intptr_t aviary_system_image_map(int fd, size_t bytes, uint64_t offset);

// A file of somebody's, for reading. Does not wait for whoever writes a pipe.
intptr_t aviary_system_image_open(const char *path);
typedef struct AviaryFileStatus {
  uint64_t bytes;
  bool is_regular;
  bool is_others;     // neither this user's nor root's
  bool others_write;  // the group's or everybody's to change
} AviaryFileStatus;
intptr_t aviary_system_image_status(int fd, AviaryFileStatus *status);
