#include "aviary_task.h"
#include "internal.h"

// Of Swift's runtime, by Swift's convention. What `withTaskCancellationHandler` is made of: without its
// closures, which leave the caller's executor, and its asynchronous frames.
#define SWIFT __attribute__((swiftcall))
#define CONTEXT __attribute__((swift_context))
typedef SWIFT void (*Handler)(CONTEXT void *context);
extern SWIFT void *swift_task_getCurrent(void);
extern SWIFT void *swift_task_addCancellationHandler(Handler handler, void *context);
extern SWIFT void swift_task_removeCancellationHandler(void *record);

static void (*when_cancelled)(void *watcher);

void aviary_task_install(void (*function)(void *watcher)) { when_cancelled = function; }

uintptr_t aviary_task_current(void) { return (uintptr_t)swift_task_getCurrent(); }

// On the cancelling thread. It is over when the record has been removed.
static SWIFT void handle(CONTEXT void *watcher) { when_cancelled(watcher); }

void *aviary_task_watch(AviaryHostStore *store) {
  return swift_task_addCancellationHandler(handle, store->watcher);
}

void aviary_task_unwatch(void *record) {
  // NULL where the task had been cancelled before.
  if (record != NULL) swift_task_removeCancellationHandler(record);
}

uint32_t aviary_task_start(
    AviaryFiber *fiber, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code, AviaryValue *values) {
  void *record = aviary_task_watch((AviaryHostStore *)vmctx->store);
  uint32_t status = aviary_fiber_start(fiber, thunk, vmctx, code, values);
  aviary_task_unwatch(record);
  return status;
}
