// Host functions that are Swift closures, on the host's stack: aviary_call_host and aviary_host_body_run in one.
//
// Swift's convention: arguments as in C's, the closure's context in r13, and what it throws is left in r12, which is 0
// at the call.
#include "rights.h"

  .intel_syntax noprefix
  .text

// As aviary_call_host: rdi = AviaryHostFunction, rsi = caller's context, rdx = values. rbp stays the thunk's.
  .globl aviary_call_body
  .type aviary_call_body, @function
  .p2align 5
aviary_call_body:
  .cfi_startproc
  .cfi_signal_frame // else GDB takes the change of stacks for a corrupt one
  mov rcx, [rdi + AVIARY_VMCTX_STORE]
  mov rax, [rcx + AVIARY_STORE_ACTIVATION]
  mov [rax + AVIARY_ACT_CALLEE], rdi
  mov [rax + AVIARY_ACT_GUEST_RSP], rsp
  mov [rax + AVIARY_ACT_GUEST_RBP], rbp
  mov rsp, [rax + AVIARY_ACT_HOST_RSP]
  .cfi_escape 0x0f, 0x05, 0x70, 0x18, 0x06, 0x23, 0x08 // CFA = [rax + guest_rsp] + 8
  push rbx
  push r12
  push r13
  push rdi
  mov rbx, rax
  .cfi_escape 0x0f, 0x05, 0x73, 0x18, 0x06, 0x23, 0x08 // CFA = [rbx + guest_rsp] + 8
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lregain
.Lregained:
  mov rax, [rdi + AVIARY_HOST_FUNCTION_BODY]
  mov r13, [rdi + AVIARY_HOST_FUNCTION_BODY_CONTEXT]
  mov rdi, [rcx + AVIARY_HOST_STORE_EMBEDDER]
  xor r12d, r12d
  call rax
  test r12, r12
  jne .Lthrown
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lrestrict
.Lrestricted:
  mov rcx, rbx
  mov r13, [rsp + 8]
  mov r12, [rsp + 16]
  mov rbx, [rsp + 24]
  mov rsp, [rcx + AVIARY_ACT_GUEST_RSP]
  .cfi_remember_state
  .cfi_def_cfa rsp, 8
  mov qword ptr [rcx + AVIARY_ACT_GUEST_RSP], 0
  mov eax, [rcx + AVIARY_ACT_PENDING]
  test eax, eax
  jne .Lraised
  ret
.Lraised:
  cmp eax, AVIARY_PENDING_SUSPEND
  je aviary_suspend
  cmp eax, AVIARY_PENDING_UNWIND
  je aviary_unwind
  jmp aviary_raise
  .cfi_restore_state
.Lthrown: // the runtime takes the error; a pending trap wins all the same
  mov rdi, [rsp]
  mov rsi, r12
  call [rdi + AVIARY_HOST_FUNCTION_THREW]
  cmp dword ptr [rbx + AVIARY_ACT_PENDING], 0
  jne .Ltold
  mov [rbx + AVIARY_ACT_PENDING], eax
.Ltold:
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  je .Lrestricted
.Lrestrict:
  restrict rbx
  jmp .Lrestricted
.Lregain:
  mov r8, rdx
  mov r9, rcx
  regain rbx
  mov rcx, r9
  mov rdx, r8
  jmp .Lregained
  .cfi_endproc
  .size aviary_call_body, . - aviary_call_body

  .section .note.GNU-stack, "", @progbits
