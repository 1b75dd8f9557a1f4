#define _GNU_SOURCE
#include "aviary_perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int aviary_perf_map_append(const char *lines, size_t size) {
  char path[64];
  snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
  // The name can be guessed: a link, or a file that is not ours, is refused.
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return errno;
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
    close(file);
    return EACCES;
  }
  int error = 0;
  while (size > 0 && error == 0) {
    ssize_t written = write(file, lines, size);
    if (written >= 0) {
      lines += written;
      size -= (size_t)written;
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  close(file);
  return error;
}
