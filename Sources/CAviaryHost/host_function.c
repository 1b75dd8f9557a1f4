#include "aviary_fiber.h"
#include "internal.h"

// A Swift closure `(tenant, caller, values) throws -> Void` by Swift's own convention: its context comes in r13, and
// what it throws is left in r12. Arguments are borrowed; the error is the caller's.
typedef __attribute__((swiftcall)) void (*Body)(
    void *tenant, AviaryVMContext *caller, AviaryValue *values, __attribute__((swift_context)) void *context,
    __attribute__((swift_error_result)) void **error);

uint32_t aviary_host_body_run(AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values) {
  void *error = NULL;
  ((Body)self->body)(((AviaryHostStore *)self->store)->embedder, caller, values, self->body_context, &error);
  if (AVIARY_LIKELY(error == NULL)) return AVIARY_TRAP_NONE;
  return self->threw(self, error);
}

uint32_t aviary_host_suspend(AviaryHostFunction *self, AviaryVMContext *caller, AviaryValue *values) {
  AviaryFiber *fiber = aviary_fiber_current(self->store);
  if (AVIARY_UNLIKELY(fiber == NULL)) return self->blocked(self, caller, values);
  fiber->function = self;
  fiber->caller = caller;
  fiber->values = values;
  aviary_fiber_suspend(fiber, AVIARY_REQUEST_HOST_CALL);
  return AVIARY_TRAP_NONE;
}
