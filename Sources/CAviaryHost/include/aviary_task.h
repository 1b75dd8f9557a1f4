// The Swift task that runs an asynchronous call.
#pragma once
#include "aviary_fiber.h"

// What a task's cancellation calls, on any thread, with a store's `watcher`. Installed once by the runtime.
void aviary_task_install(void (*function)(void *watcher));

// Identity of the task that runs; 0: there is none.
uintptr_t aviary_task_current(void);

// From here on the cancellation of the task that runs reaches the store, at once where it is cancelled already.
// Contract: there is a task. Unwatch in the same task, before what it allocated earlier is let go: from
// the same function, that is.
void *aviary_task_watch(AviaryHostStore *store);
// When it returns, the cancellation reaches the store no more.
void aviary_task_unwatch(void *record);

// aviary_fiber_start, watched until it returns.
uint32_t aviary_task_start(
    AviaryFiber *fiber, AviaryEntryThunk thunk, AviaryVMContext *vmctx, const void *code, AviaryValue *values);
