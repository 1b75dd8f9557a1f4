// Host functions on the guest's stack (EngineConfiguration.hostStack == .guest).
//
//   guest stack                                      native stack
//   ┌──────────────────────────┐ stack_high          ┌──────────────────────────┐
//   │ guest frames             │                     │ aviary_enter's frame     │
//   │ host thunk's frame       │                     ├──────────────────────────┤ <- host_rsp
//   │ return pc in the thunk   │ <- guest_rsp        │ builtins; and where the  │
//   │ rbx                      │   >= stack_limit    │ host function calls a    │
//   │ host function            │                     │ guest: aviary_call and   │
//   │ aviary_on_native's frame │ <- host_low         │ the next aviary_enter    │
//   │ guest frames of a nested │                     └──────────────────────────┘
//   │ call                     │
//   └──────────────────────────┘ stack_low
//
// So all activations and landings are on the native stack as ever, and nothing runs below host_rsp while a
// host function runs over here. stack_limit leaves each host function what it is promised: a guest that is
// deeper than that calls none, however it got there.
#include "rights.h"

  .intel_syntax noprefix
  .text

// As aviary_call_host: rdi = AviaryHostFunction, rsi = caller's context, rdx = values. rbp stays the thunk's.
  .globl aviary_call_host_on_guest
  .type aviary_call_host_on_guest, @function
  .p2align 5
aviary_call_host_on_guest:
  .cfi_startproc
  mov rax, [rdi + AVIARY_VMCTX_STORE]
  cmp rsp, [rax + AVIARY_STORE_STACK_LIMIT]
  mov rax, [rax + AVIARY_STORE_ACTIVATION]
  jb .Lexhausted
  mov [rax + AVIARY_ACT_CALLEE], rdi
  mov [rax + AVIARY_ACT_GUEST_RSP], rsp
  mov [rax + AVIARY_ACT_GUEST_RBP], rbp
  push rbx
  .cfi_def_cfa_offset 16
  .cfi_offset rbx, -16
  mov rbx, rax
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lregain
.Lregained:
  call [rdi + AVIARY_HOST_FUNCTION_CALL]
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lrestrict
.Lrestricted:
  mov rcx, rbx
  .cfi_remember_state
  pop rbx
  .cfi_def_cfa_offset 8
  .cfi_same_value rbx
  mov qword ptr [rcx + AVIARY_ACT_GUEST_RSP], 0
  mov edx, [rcx + AVIARY_ACT_PENDING]
  or eax, edx
  jne .Lraised
  ret
.Lraised: // a status of the function, a pending trap, or both: the pending one wins
  cmp edx, AVIARY_PENDING_SUSPEND
  je aviary_suspend
  cmp edx, AVIARY_PENDING_UNWIND
  je aviary_unwind
  test edx, edx
  cmovne eax, edx
  jmp aviary_raise
.Lexhausted:
  mov eax, AVIARY_EXHAUSTED
  jmp aviary_raise
  .cfi_restore_state
.Lregain:
  mov r8, rdx
  regain rbx
  mov rdx, r8
  jmp .Lregained
.Lrestrict:
  mov r8d, eax
  restrict rbx
  mov eax, r8d
  jmp .Lrestricted
  .cfi_endproc
  .size aviary_call_host_on_guest, . - aviary_call_host_on_guest

// uint32_t aviary_on_native(activation rdi, uint32_t (*body)(void *) rsi, context rdx)
// Called on the guest's stack of the thread's innermost activation, by what its host function calls:
// runs body(context) on the native stack. host_low tells nested entries where they may begin.
  .globl aviary_on_native
  .hidden aviary_on_native
  .type aviary_on_native, @function
  .p2align 4
aviary_on_native:
  .cfi_startproc
  .cfi_signal_frame // else GDB takes the change of stacks for a corrupt one
  push rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  mov rbp, rsp
  .cfi_def_cfa_register rbp
  push rbx
  push r12
  .cfi_offset rbx, -24
  .cfi_offset r12, -32
  mov rbx, rdi
  mov r12, [rbx + AVIARY_ACT_HOST_LOW]
  mov [rbx + AVIARY_ACT_HOST_LOW], rsp
  mov rsp, [rbx + AVIARY_ACT_HOST_RSP]
  mov rdi, rdx
  call rsi
  mov [rbx + AVIARY_ACT_HOST_LOW], r12
  lea rsp, [rbp - 16]
  pop r12
  pop rbx
  pop rbp
  .cfi_def_cfa rsp, 8
  ret
  .cfi_endproc
  .size aviary_on_native, . - aviary_on_native

  .section .note.GNU-stack, "", @progbits
