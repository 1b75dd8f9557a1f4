/* The system calls behind AviaryWASI.
 *
 * Every function returns the kernel's result, or the negated errno, read
 * before anything else can change it. Calls that a signal interrupted before
 * they did anything are made again. None of them judges its arguments: Swift
 * has checked every guest pointer before it comes here.
 *
 * Paths below a preopened directory are opened by aviary_wasi_open_beneath and
 * by nothing else: the kernel resolves them and refuses to leave the directory. */
#ifndef AVIARY_WASI_H
#define AVIARY_WASI_H

#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>

struct aviary_wasi_stat {
  uint64_t device, inode, links, size;
  int64_t access_seconds, modify_seconds, change_seconds;
  uint32_t access_nanoseconds, modify_nanoseconds, change_nanoseconds;
  uint32_t mode;
};

/* Nanosecond fields may hold the kernel's UTIME_NOW and UTIME_OMIT. */
struct aviary_wasi_times {
  int64_t access_seconds, modify_seconds;
  int64_t access_nanoseconds, modify_nanoseconds;
};

/* Opening and closing. O_CLOEXEC and O_NOCTTY are added always. */
int aviary_wasi_open_host(const char *path, int flags, unsigned mode);
int aviary_wasi_open_beneath(int directory, const char *path, int flags, unsigned mode);
int aviary_wasi_close(int fd);

/* O_PATH, which the headers hide from languages without feature macros. */
#define AVIARY_WASI_PLACE 010000000

/* Bytes. An offset below zero means the file's own position. */
int64_t aviary_wasi_read(int fd, const struct iovec *parts, int count, int64_t offset);
int64_t aviary_wasi_write(int fd, const struct iovec *parts, int count, int64_t offset);
/* Like write, for a pipe: the host gets no SIGPIPE when the reader is gone. */
int64_t aviary_wasi_write_pipe(int fd, const struct iovec *parts, int count);
/* What is there, or what fits, at this moment: EAGAIN instead of waiting, whatever
 * the description's flags say, which others may share. EOPNOTSUPP where the kernel
 * cannot do that for this kind of file. */
int64_t aviary_wasi_read_now(int fd, const struct iovec *parts, int count);
int64_t aviary_wasi_write_now(int fd, const struct iovec *parts, int count);
/* A named pipe or terminal opened once more, with a description of its own that never
 * waits. EOPNOTSUPP for all else. */
int aviary_wasi_reopen(int fd);
int64_t aviary_wasi_seek(int fd, int64_t offset, int whence);

/* One file. */
int aviary_wasi_allocate(int fd, int64_t offset, int64_t length);
int aviary_wasi_advise(int fd, int64_t offset, int64_t length, int advice);
int aviary_wasi_sync(int fd, int data_only);
int aviary_wasi_truncate(int fd, int64_t size);
int aviary_wasi_set_flags(int fd, int flags);
int aviary_wasi_get_flags(int fd);
int aviary_wasi_is_terminal(int fd);
int aviary_wasi_available(int fd);
int aviary_wasi_socket_type(int fd);

/* One name in a directory; `name` has no slash but at its end, and no call
 * follows a symbolic link there. An empty name means the descriptor itself. */
int aviary_wasi_stat(int directory, const char *name, struct aviary_wasi_stat *out);
int aviary_wasi_set_times(int directory, const char *name, const struct aviary_wasi_times *times);
int aviary_wasi_make_directory(int directory, const char *name);
int aviary_wasi_remove(int directory, const char *name, int is_directory);
int aviary_wasi_rename(int from, const char *name, int to, const char *new_name);
int aviary_wasi_link(int from, const char *name, int to, const char *new_name);
int aviary_wasi_symlink(const char *contents, int directory, const char *name);
int64_t aviary_wasi_readlink(int directory, const char *name, void *buffer, uint64_t size);
int64_t aviary_wasi_entries(int directory, void *buffer, uint64_t size);

/* Sockets. SIGPIPE is never raised. `truncated` is set when a datagram was longer. */
#define AVIARY_WASI_PEEK 1
#define AVIARY_WASI_WAIT_ALL 2
#define AVIARY_WASI_DONT_WAIT 4
int aviary_wasi_accept(int fd);
int64_t aviary_wasi_receive(int fd, const struct iovec *parts, int count, int flags, int *truncated);
int64_t aviary_wasi_send(int fd, const struct iovec *parts, int count, int flags);
/* Whether the other side of a connection will send no more. */
int aviary_wasi_is_at_end(int fd);
int aviary_wasi_shutdown(int fd, int how);

/* Time, waiting, randomness. Nanoseconds below zero wait without end. */
int64_t aviary_wasi_clock(int clock);
int64_t aviary_wasi_clock_resolution(int clock);
int aviary_wasi_poll(struct pollfd *fds, uint64_t count, int64_t nanoseconds);
int64_t aviary_wasi_random(void *buffer, uint64_t size);
int aviary_wasi_yield(void);

/* A descriptor that becomes readable, and stays so, once it is signalled. */
int aviary_wasi_event(void);
int aviary_wasi_signal_event(int fd);
int aviary_wasi_clear_event(int fd);

/* The reactor: one epoll descriptor, one timer, one thread. Events are poll's
 * numbers. A registration reports once, and then waits to be changed. */
struct aviary_wasi_ready {
  uint64_t id;
  uint32_t events;
};
int aviary_wasi_epoll(void);
int aviary_wasi_epoll_add(int epoll, int fd, uint32_t events, uint64_t id);
int aviary_wasi_epoll_change(int epoll, int fd, uint32_t events, uint64_t id);
int aviary_wasi_epoll_remove(int epoll, int fd);
/* Watches the timer, which reports until it is set anew. */
int aviary_wasi_epoll_add_timer(int epoll, int timer, uint64_t id);
int aviary_wasi_epoll_wait(int epoll, struct aviary_wasi_ready *ready, int count);
int aviary_wasi_timer(void);
/* At a time of the monotonic clock, in nanoseconds; never where it is below zero. */
int aviary_wasi_timer_set(int timer, int64_t time);
int aviary_wasi_duplicate(int fd);
/* A thread that takes no signals and belongs to nobody. */
int aviary_wasi_start_thread(const char *name, void (*body)(void *), void *argument);

#endif
