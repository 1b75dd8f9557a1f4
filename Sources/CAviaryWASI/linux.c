#define _GNU_SOURCE
#include "aviary_wasi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(AVIARY_WASI_PLACE == O_PATH, "O_PATH is another number here");

#define ONCE(call) ({ int64_t r_ = (call); r_ < 0 ? -(int64_t)errno : r_; })
#define AGAIN(call)                                   \
  ({                                                  \
    int64_t r_;                                       \
    do r_ = (call);                                   \
    while (r_ < 0 && errno == EINTR);                 \
    r_ < 0 ? -(int64_t)errno : r_;                    \
  })

int aviary_wasi_open_host(const char *path, int flags, unsigned mode) {
  return (int)AGAIN(open(path, flags | O_CLOEXEC | O_NOCTTY, mode));
}

int aviary_wasi_open_beneath(int directory, const char *path, int flags, unsigned mode) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
  /* openat2 refuses a mode, and O_NOCTTY beside O_PATH, where they mean nothing. */
  if (!(flags & O_PATH)) how.flags |= O_NOCTTY;
  if (flags & O_CREAT) how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  /* EAGAIN: a rename or mount elsewhere raced with "..", and the kernel can't
   * vouch for the walk. It passes; a guest that renames in a loop only makes
   * its own calls fail. */
  for (int attempt = 0;; attempt++) {
    int64_t result = AGAIN(syscall(SYS_openat2, directory, path, &how, sizeof how));
    if (result != -EAGAIN || attempt == 100) return (int)result;
  }
}

int aviary_wasi_close(int fd) { return (int)ONCE(close(fd)); }

int64_t aviary_wasi_read(int fd, const struct iovec *parts, int count, int64_t offset) {
  if (offset < 0) return AGAIN(readv(fd, parts, count));
  return AGAIN(preadv(fd, parts, count, offset));
}

int64_t aviary_wasi_write(int fd, const struct iovec *parts, int count, int64_t offset) {
  if (offset < 0) return AGAIN(writev(fd, parts, count));
  return AGAIN(pwritev(fd, parts, count, offset));
}

static int64_t write_without_signal(int fd, const struct iovec *parts, int count, int flags) {
  sigset_t pipe, old, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  int was_pending = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &old);
  int64_t result = AGAIN(pwritev2(fd, parts, count, -1, flags));
  if (result == -EPIPE && !was_pending) {
    /* Ours is the pending one: it is sent to the writing thread. */
    struct timespec none = {0, 0};
    while (sigtimedwait(&pipe, NULL, &none) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return result;
}

int64_t aviary_wasi_write_pipe(int fd, const struct iovec *parts, int count) {
  return write_without_signal(fd, parts, count, 0);
}

int64_t aviary_wasi_write_now(int fd, const struct iovec *parts, int count) {
  return write_without_signal(fd, parts, count, RWF_NOWAIT);
}

int64_t aviary_wasi_read_now(int fd, const struct iovec *parts, int count) {
  return AGAIN(preadv2(fd, parts, count, -1, RWF_NOWAIT));
}

int aviary_wasi_reopen(int fd) {
  struct stat old, new;
  if (fstat(fd, &old) < 0) return -errno;
  /* Opened by name, a pseudoterminal's master would be a new one. */
  unsigned number;
  int is_slave = S_ISCHR(old.st_mode) && isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
  if (!S_ISFIFO(old.st_mode) && !is_slave) return -EOPNOTSUPP;
  int64_t flags = ONCE(fcntl(fd, F_GETFL));
  if (flags < 0) return (int)flags;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int64_t result = AGAIN(open(path, (int)(flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (result < 0) return (int)result;
  /* Whoever owns /proc may have put something else there. */
  if (fstat((int)result, &new) == 0 && old.st_dev == new.st_dev && old.st_ino == new.st_ino) return (int)result;
  close((int)result);
  return -EOPNOTSUPP;
}

int64_t aviary_wasi_seek(int fd, int64_t offset, int whence) {
  return ONCE(lseek(fd, offset, whence));
}

int aviary_wasi_allocate(int fd, int64_t offset, int64_t length) {
  return (int)AGAIN(fallocate(fd, 0, offset, length));
}

int aviary_wasi_advise(int fd, int64_t offset, int64_t length, int advice) {
  return -posix_fadvise(fd, offset, length, advice);
}

int aviary_wasi_sync(int fd, int data_only) {
  return (int)AGAIN(data_only ? fdatasync(fd) : fsync(fd));
}

int aviary_wasi_truncate(int fd, int64_t size) { return (int)AGAIN(ftruncate(fd, size)); }

int aviary_wasi_set_flags(int fd, int flags) { return (int)ONCE(fcntl(fd, F_SETFL, flags)); }

int aviary_wasi_get_flags(int fd) { return (int)ONCE(fcntl(fd, F_GETFL)); }

int aviary_wasi_is_terminal(int fd) { return isatty(fd); }

int aviary_wasi_available(int fd) {
  int bytes = 0;
  int result = (int)ONCE(ioctl(fd, FIONREAD, &bytes));
  return result < 0 ? result : bytes;
}

int aviary_wasi_socket_type(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  int result = (int)ONCE(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size));
  return result < 0 ? result : type;
}

int aviary_wasi_stat(int directory, const char *name, struct aviary_wasi_stat *out) {
  struct stat s;
  int result = (int)AGAIN(fstatat(directory, name, &s, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
  if (result < 0) return result;
  *out = (struct aviary_wasi_stat){
      .device = s.st_dev,
      .inode = s.st_ino,
      .links = s.st_nlink,
      .size = s.st_size < 0 ? 0 : (uint64_t)s.st_size,
      .access_seconds = s.st_atim.tv_sec,
      .modify_seconds = s.st_mtim.tv_sec,
      .change_seconds = s.st_ctim.tv_sec,
      .access_nanoseconds = (uint32_t)s.st_atim.tv_nsec,
      .modify_nanoseconds = (uint32_t)s.st_mtim.tv_nsec,
      .change_nanoseconds = (uint32_t)s.st_ctim.tv_nsec,
      .mode = s.st_mode,
  };
  return 0;
}

int aviary_wasi_set_times(int directory, const char *name, const struct aviary_wasi_times *times) {
  struct timespec t[2] = {
      {.tv_sec = times->access_seconds, .tv_nsec = times->access_nanoseconds},
      {.tv_sec = times->modify_seconds, .tv_nsec = times->modify_nanoseconds},
  };
  int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
  return (int)AGAIN(utimensat(directory, name, t, flags));
}

int aviary_wasi_make_directory(int directory, const char *name) {
  return (int)ONCE(mkdirat(directory, name, 0777));
}

int aviary_wasi_remove(int directory, const char *name, int is_directory) {
  return (int)ONCE(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}

int aviary_wasi_rename(int from, const char *name, int to, const char *new_name) {
  return (int)ONCE(renameat(from, name, to, new_name));
}

int aviary_wasi_link(int from, const char *name, int to, const char *new_name) {
  return (int)ONCE(linkat(from, name, to, new_name, 0));
}

int aviary_wasi_symlink(const char *contents, int directory, const char *name) {
  return (int)ONCE(symlinkat(contents, directory, name));
}

int64_t aviary_wasi_readlink(int directory, const char *name, void *buffer, uint64_t size) {
  return ONCE(readlinkat(directory, name, buffer, size));
}

int64_t aviary_wasi_entries(int directory, void *buffer, uint64_t size) {
  return AGAIN(getdents64(directory, buffer, size));
}

int aviary_wasi_accept(int fd) {
  return (int)AGAIN(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}

static int message_flags(int flags) {
  return (flags & AVIARY_WASI_PEEK ? MSG_PEEK : 0) | (flags & AVIARY_WASI_WAIT_ALL ? MSG_WAITALL : 0) |
         (flags & AVIARY_WASI_DONT_WAIT ? MSG_DONTWAIT : 0);
}

int64_t aviary_wasi_receive(int fd, const struct iovec *parts, int count, int flags, int *truncated) {
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
  int64_t result = AGAIN(recvmsg(fd, &message, message_flags(flags) | MSG_CMSG_CLOEXEC));
  *truncated = (message.msg_flags & MSG_TRUNC) != 0;
  return result;
}

int64_t aviary_wasi_send(int fd, const struct iovec *parts, int count, int flags) {
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
  return AGAIN(sendmsg(fd, &message, message_flags(flags) | MSG_NOSIGNAL));
}

int aviary_wasi_is_at_end(int fd) {
  struct pollfd request = {.fd = fd, .events = POLLRDHUP};
  return poll(&request, 1, 0) == 1;
}

int aviary_wasi_shutdown(int fd, int how) { return (int)ONCE(shutdown(fd, how)); }

static int64_t nanoseconds(struct timespec t) {
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t aviary_wasi_clock(int clock) {
  struct timespec t;
  int64_t result = ONCE(clock_gettime(clock, &t));
  return result < 0 ? result : nanoseconds(t);
}

int64_t aviary_wasi_clock_resolution(int clock) {
  struct timespec t;
  int64_t result = ONCE(clock_getres(clock, &t));
  return result < 0 ? result : nanoseconds(t);
}

int aviary_wasi_poll(struct pollfd *fds, uint64_t count, int64_t wait) {
  struct timespec t = {wait / 1000000000, wait % 1000000000};
  /* EINTR comes back: the caller knows the time that is left. */
  return (int)ONCE(ppoll(fds, count, wait < 0 ? NULL : &t, NULL));
}

int64_t aviary_wasi_random(void *buffer, uint64_t size) {
  return AGAIN(getrandom(buffer, size, 0));
}

int aviary_wasi_yield(void) { return (int)ONCE(sched_yield()); }

int aviary_wasi_event(void) { return (int)ONCE(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int aviary_wasi_signal_event(int fd) { return (int)AGAIN(eventfd_write(fd, 1)); }

int aviary_wasi_clear_event(int fd) {
  eventfd_t value;
  return (int)AGAIN(eventfd_read(fd, &value));
}
