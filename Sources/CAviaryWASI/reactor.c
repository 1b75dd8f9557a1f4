#define _GNU_SOURCE
#include "aviary_wasi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "poll's numbers are not epoll's");

enum { BATCH = 256 };

static int result_of(int result) { return result < 0 ? -errno : result; }

int aviary_wasi_epoll(void) { return result_of(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t id) {
  struct epoll_event event = {.events = events, .data.u64 = id};
  return result_of(epoll_ctl(epoll, operation, fd, &event));
}

int aviary_wasi_epoll_add(int epoll, int fd, uint32_t events, uint64_t id) {
  return control(epoll, EPOLL_CTL_ADD, fd, events | EPOLLONESHOT, id);
}

int aviary_wasi_epoll_change(int epoll, int fd, uint32_t events, uint64_t id) {
  return control(epoll, EPOLL_CTL_MOD, fd, events | EPOLLONESHOT, id);
}

int aviary_wasi_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int aviary_wasi_epoll_add_timer(int epoll, int timer, uint64_t id) {
  return control(epoll, EPOLL_CTL_ADD, timer, EPOLLIN, id);
}

int aviary_wasi_epoll_wait(int epoll, struct aviary_wasi_ready *ready, int count) {
  struct epoll_event events[BATCH];
  int result;
  do result = epoll_wait(epoll, events, count < BATCH ? count : BATCH, -1);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  for (int i = 0; i < result; i++) {
    ready[i] = (struct aviary_wasi_ready){.id = events[i].data.u64, .events = events[i].events};
  }
  return result;
}

int aviary_wasi_timer(void) { return result_of(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)); }

int aviary_wasi_timer_set(int timer, int64_t time) {
  struct itimerspec spec = {0};
  if (time >= 0) {
    spec.it_value.tv_sec = time / 1000000000;
    spec.it_value.tv_nsec = time % 1000000000;
    /* All zero means never. */
    if (time == 0) spec.it_value.tv_nsec = 1;
  }
  return result_of(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
}

int aviary_wasi_duplicate(int fd) { return result_of(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

struct start {
  void (*body)(void *);
  void *argument;
};

static void *run(void *raw) {
  struct start start = *(struct start *)raw;
  free(raw);
  start.body(start.argument);
  return NULL;
}

int aviary_wasi_start_thread(const char *name, void (*body)(void *), void *argument) {
  struct start *start = malloc(sizeof *start);
  if (start == NULL) return -ENOMEM;
  *start = (struct start){body, argument};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  /* The thread inherits the mask: what is sent to the process goes to threads that expect it.
   * What the thread itself would raise stays deliverable. */
  sigset_t all, old;
  sigfillset(&all);
  const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
  for (unsigned i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run, start);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    free(start);
    return -error;
  }
  pthread_setname_np(thread, name);
  return 0;
}
