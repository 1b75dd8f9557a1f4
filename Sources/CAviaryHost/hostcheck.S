// Calls on another part of memory (aviary_host_check.h).
  .intel_syntax noprefix
  .text

// uint32_t aviary_run_on(stack rdi, function rsi, a rdx, b rcx, c r8, uintptr_t *left r9)
// Runs function(a, b, c) below `stack`, a multiple of 16, and touches nothing between that and this frame.
// `*left` is where this stack may be gone on with.
  .globl aviary_run_on
  .hidden aviary_run_on
  .type aviary_run_on, @function
  .p2align 4
aviary_run_on:
  .cfi_startproc
  .cfi_signal_frame // else GDB takes the change of stacks for a corrupt one
  push rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  mov rbp, rsp
  .cfi_def_cfa_register rbp
  mov [r9], rsp
  mov rsp, rdi
  mov rax, rsi
  mov rdi, rdx
  mov rsi, rcx
  mov rdx, r8
  call rax
  mov rsp, rbp
  pop rbp
  .cfi_def_cfa rsp, 8
  ret
  .cfi_endproc
  .size aviary_run_on, . - aviary_run_on

// uint32_t aviary_run_filled(bytes rdi, function rsi, a rdx, b rcx, c r8, Measure *measure r9)
// Fills so many bytes, a multiple of 16, below its frame with the pattern (hostcheck.c), says where, and runs
// function(a, b, c) there.
  .globl aviary_run_filled
  .hidden aviary_run_filled
  .type aviary_run_filled, @function
  .p2align 4
aviary_run_filled:
  .cfi_startproc
  push rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  mov rbp, rsp
  .cfi_def_cfa_register rbp
  mov r10, rcx
  mov rcx, rdi
  mov rdi, rsp
  sub rdi, rcx
  mov [r9], rdi
  mov [r9 + 8], rsp
  mov [r9 + 16], rsp
  shr rcx, 3
  movabs rax, 0x5afe57acc0dea71a
  rep stosq
  mov rdi, rdx
  mov rax, rsi
  mov rsi, r10
  mov rdx, r8
  call rax
  pop rbp
  .cfi_def_cfa rsp, 8
  ret
  .cfi_endproc
  .size aviary_run_filled, . - aviary_run_filled

  .section .note.GNU-stack, "", @progbits
