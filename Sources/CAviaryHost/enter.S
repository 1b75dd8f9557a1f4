// Into the guest and out of it. docs/abi.md has the register rules.
//
//   host stack                          guest stack
//   ┌──────────────────────────┐        ┌──────────────────────────┐ top
//   │ caller of aviary_enter   │        │ pc in aviary_enter       │
//   │ return address           │   ┌────┤ host's rbp               │ <- entry_rbp
//   │ rbp                      │ <─┘    │ entry thunk's frame      │
//   │ rbx r12 r13 r14 r15      │        │ guest frames             │
//   │ activation               │        │ host thunk's frame       │
//   │ pad, mxcsr               │ <─┐    │ return pc in the thunk   │ <- guest_rsp
//   ├──────────────────────────┤   │    └──────────────────────────┘
//   │ rbx                      │   └─ host_rsp
//   │ host function or builtin │
//   └──────────────────────────┘
//
// A trap is a jump to .Lland with rsp = host_rsp and eax = code: everything else
// is reloaded from there. Nothing here pushes on a guest stack that the guest may
// have used up.
//
// Where the store uses protection keys (activation.guest_pkru is not 0), the host's rights are
// read and kept, and the guest's written, as the last thing before each way into the guest; the
// host's are written as the first on each way out. The host finds all our keys allowed, whatever
// the thread had at first: host functions that touch memory need not ask again. Both stacks, the
// activation and all contexts are under key 0.
#include "aviary_fiber.h"
#include "rights.h"

  .intel_syntax noprefix
  .text

// The guest computes with the default modes, whatever the host chose. Reading them (stmxcsr) takes more time than all
// the rest of an entry, so one addition finds out: its four sums are these only where sums are rounded to
// the nearest, and denormal numbers taken and made. Where the host has it raise SIGFPE, the handler goes to the other
// path too; and an exception that the host has unmasked and the addition does not raise, is masked at the guest's
// first one (signals.c). [rsp]: what the host is to have again. Changes eax and xmm0, and the sticky flags.
  .macro modes probe, other
  movaps xmm0, [rip + .Lmodes]
  .globl \probe
  .hidden \probe
\probe:
  addps xmm0, [rip + .Lmodes + 16]
  pcmpeqd xmm0, [rip + .Lmodes + 32]
  movmskps eax, xmm0
  mov dword ptr [rsp], AVIARY_MXCSR_DEFAULT
  cmp eax, 15
  jne \other
  .endm

  .macro other_modes other
  .globl \other
  .hidden \other
\other:
  stmxcsr [rsp]
  mov dword ptr [rsp + 4], AVIARY_MXCSR_DEFAULT
  ldmxcsr [rsp + 4]
  .endm

  .section .rodata
  .p2align 4
.Lmodes:
  .long 0x3f800000, 0xbf800000, 0x3f800000, 3 // 1, -1, 1, a denormal number
  .long 0x30800000, 0xb0800000, 0xb0800000, 4 // 2^-30, -2^-30, -2^-30, another
  .long 0x3f800000, 0xbf800000, 0x3f800000, 7
  .text

// uint32_t aviary_enter(activation rdi, thunk rsi, vmctx rdx, code rcx, values r8, top r9)
// `top` is 16-byte aligned. Leaves by ret: the return predictor stays in step.
  .globl aviary_enter
  .hidden aviary_enter
  .type aviary_enter, @function
  .p2align 5
aviary_enter:
  .cfi_startproc
  push rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  mov rbp, rsp
  .cfi_def_cfa_register rbp
  push rbx
  push r12
  push r13
  push r14
  push r15
  .cfi_offset rbx, -24
  .cfi_offset r12, -32
  .cfi_offset r13, -40
  .cfi_offset r14, -48
  .cfi_offset r15, -56
  push rdi
  sub rsp, 16
  modes aviary_enter_probe, aviary_enter_modes
.Lrights:
  cmp dword ptr [rdi + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lrestrict
.Lswitch:
  mov rbx, rdi
  mov [rdi + AVIARY_ACT_HOST_RSP], rsp
  lea rax, [rip + .Lhost_pc]
  mov [r9 - 8], rax
  mov [r9 - 16], rbp
  lea rsp, [r9 - 16]
  mov rbp, rsp
  // The host's frame is found through the guest's: CFA = [rbp] + 16.
  .cfi_remember_state
  .cfi_escape 0x0f, 0x05, 0x76, 0x00, 0x06, 0x23, 0x10
  mov [rdi + AVIARY_ACT_ENTRY_RBP], rsp
  mov rax, rsi
  mov rdi, rdx
  mov rsi, rcx
  mov rdx, r8
  call rax
.Lhost_pc:
  mov rsp, [rbx + AVIARY_ACT_HOST_RSP]
  .cfi_restore_state
  .cfi_def_cfa rsp, 80
  xor eax, eax
  .globl aviary_land
  .hidden aviary_land
aviary_land: // rsp = host_rsp, eax = trap code; nothing else is known
  mov r8, [rsp + 16] // the activation
  cmp dword ptr [r8 + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lregain
.Lregained:
  mov ecx, [rsp]
  and ecx, AVIARY_MXCSR_CONTROL
  cmp ecx, AVIARY_MXCSR_DEFAULT
  jne .Lhost_mxcsr
.Lleave:
  add rsp, 24
  .cfi_def_cfa rsp, 56
  pop r15
  .cfi_def_cfa_offset 48
  pop r14
  .cfi_def_cfa_offset 40
  pop r13
  .cfi_def_cfa_offset 32
  pop r12
  .cfi_def_cfa_offset 24
  pop rbx
  .cfi_def_cfa_offset 16
  pop rbp
  .cfi_def_cfa_offset 8
  ret
.Lhost_mxcsr:
  .cfi_def_cfa rsp, 80
  ldmxcsr [rsp]
  jmp .Lleave
  .cfi_def_cfa rbp, 16
  other_modes aviary_enter_modes
  jmp .Lrights
.Lrestrict:
  mov r10, rcx
  mov r11, rdx
  restrict rdi
  mov rcx, r10
  mov rdx, r11
  jmp .Lswitch
.Lregain:
  .cfi_def_cfa rsp, 80
  mov r9d, eax
  regain r8
  mov eax, r9d
  jmp .Lregained
  .cfi_endproc
  .size aviary_enter, . - aviary_enter

// Jumped to by the guest's trap stubs: eax = code, [rsp] = the site's return
// address, rbp = the trapping frame, r15 = any context of the store.
  .globl aviary_raise
  .type aviary_raise, @function
  .p2align 5
aviary_raise:
  .cfi_startproc
  mov rcx, [r15 + AVIARY_VMCTX_STORE]
  mov rcx, [rcx + AVIARY_STORE_ACTIVATION]
  mov rdx, [rsp]
  mov [rcx + AVIARY_ACT_TRAP_CODE], eax
  mov [rcx + AVIARY_ACT_TRAP_PC], rdx
  mov [rcx + AVIARY_ACT_TRAP_RBP], rbp
  mov rsp, [rcx + AVIARY_ACT_HOST_RSP]
  jmp aviary_land
  .cfi_endproc
  .size aviary_raise, . - aviary_raise

// Jumped to where a stub would return to the guest: rcx = a fiber's activation, all else is as the guest is to
// find it again. Its registers go to the fiber's record, and the call that runs it returns.
  .globl aviary_suspend
  .hidden aviary_suspend
  .type aviary_suspend, @function
  .p2align 4
aviary_suspend:
  .cfi_startproc
  mov [rcx + AVIARY_FIBER_RBX], rbx
  mov [rcx + AVIARY_FIBER_R12], r12
  mov [rcx + AVIARY_FIBER_R13], r13
  mov [rcx + AVIARY_FIBER_R14], r14
  mov [rcx + AVIARY_FIBER_R15], r15
  mov [rcx + AVIARY_ACT_GUEST_RSP], rsp
  mov [rcx + AVIARY_ACT_GUEST_RBP], rbp
  mov dword ptr [rcx + AVIARY_ACT_PENDING], 0
  mov rsp, [rcx + AVIARY_ACT_HOST_RSP]
  mov eax, AVIARY_CALL_SUSPENDED
  jmp aviary_land
  .cfi_endproc
  .size aviary_suspend, . - aviary_suspend

// Jumped to where a stub would return to the guest: rcx = an activation for whose exception a handler was found. The
// landing pad finds its frame in rbp, its context and what belongs to it in r15, r14 and r13 (fuel, where that is
// metered: a signal may look at once), and the exception in rax. It makes rsp and all else of the frame's.
  .globl aviary_unwind
  .hidden aviary_unwind
  .type aviary_unwind, @function
  .p2align 4
aviary_unwind:
  .cfi_startproc
  mov rdx, [rcx + AVIARY_ACT_TRAP_PC]
  mov rbp, [rcx + AVIARY_ACT_TRAP_RBP]
  mov rax, [rcx + AVIARY_ACT_FAULT_ADDRESS]
  mov rsi, [rcx + AVIARY_ACT_STORE]
  mov r13, [rsi + AVIARY_STORE_FUEL]
  mov r15, [rbp - 8]
  mov r14, [r15 + AVIARY_VMCTX_MEMORY0_BASE]
  xor esi, esi
  mov [rcx + AVIARY_ACT_TRAP_PC], rsi
  mov [rcx + AVIARY_ACT_TRAP_RBP], rsi
  mov [rcx + AVIARY_ACT_FAULT_ADDRESS], rsi
  mov [rcx + AVIARY_ACT_PENDING], esi
  jmp rdx
  .cfi_endproc
  .size aviary_unwind, . - aviary_unwind

// uint32_t aviary_reenter(activation rdi, result rsi): back to where the fiber was suspended, with rax = result.
// Its frame is the same as aviary_enter's, in whose place the guest returns or lands.
  .globl aviary_reenter
  .hidden aviary_reenter
  .type aviary_reenter, @function
  .p2align 5
aviary_reenter:
  .cfi_startproc
  push rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  mov rbp, rsp
  .cfi_def_cfa_register rbp
  push rbx
  push r12
  push r13
  push r14
  push r15
  .cfi_offset rbx, -24
  .cfi_offset r12, -32
  .cfi_offset r13, -40
  .cfi_offset r14, -48
  .cfi_offset r15, -56
  push rdi
  sub rsp, 16
  modes aviary_reenter_probe, aviary_reenter_modes
.Lresume_rights:
  cmp dword ptr [rdi + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lresume_restrict
.Lresume_switch:
  mov [rdi + AVIARY_ACT_HOST_RSP], rsp
  mov rax, [rdi + AVIARY_ACT_ENTRY_RBP]
  mov [rax], rbp // the guest's first frame stands on ours from now on
  mov rbx, [rdi + AVIARY_FIBER_RBX]
  mov r12, [rdi + AVIARY_FIBER_R12]
  mov r13, [rdi + AVIARY_FIBER_R13]
  mov r14, [rdi + AVIARY_FIBER_R14]
  mov r15, [rdi + AVIARY_FIBER_R15]
  mov rbp, [rdi + AVIARY_ACT_GUEST_RBP]
  mov rsp, [rdi + AVIARY_ACT_GUEST_RSP]
  .cfi_def_cfa rsp, 8
  .cfi_same_value rbx
  .cfi_same_value rbp
  .cfi_same_value r12
  .cfi_same_value r13
  .cfi_same_value r14
  .cfi_same_value r15
  mov qword ptr [rdi + AVIARY_ACT_GUEST_RSP], 0
  mov rax, rsi
  mov edx, [rdi + AVIARY_ACT_PENDING]
  test edx, edx
  jne .Lresume_raised
  // By no return: there was no call that the processor would predict one for.
  mov rcx, [rsp]
  add rsp, 8
  .cfi_def_cfa_offset 0
  .cfi_register rip, rcx
  jmp rcx
  .cfi_def_cfa_offset 8
.Lresume_raised:
  mov rcx, rdi
  cmp edx, AVIARY_PENDING_UNWIND
  je aviary_unwind
  mov eax, edx
  jmp aviary_raise
  .cfi_def_cfa rbp, 16
  .cfi_offset rbp, -16
  .cfi_offset rbx, -24
  .cfi_offset r12, -32
  .cfi_offset r13, -40
  .cfi_offset r14, -48
  .cfi_offset r15, -56
  other_modes aviary_reenter_modes
  jmp .Lresume_rights
.Lresume_restrict:
  restrict rdi
  jmp .Lresume_switch
  .cfi_endproc
  .size aviary_reenter, . - aviary_reenter

// Called by host thunks on the guest's stack: rdi = AviaryHostFunction, rsi =
// caller's context, rdx = values. Runs self->call on the host's stack. Pushes
// nothing on the guest's stack, so it cannot meet the guard; rbp stays the
// thunk's, so the chain of frames goes on.
  .globl aviary_call_host
  .type aviary_call_host, @function
  .p2align 5
aviary_call_host:
  .cfi_startproc
  .cfi_signal_frame // else GDB takes the change of stacks for a corrupt one
  mov rax, [rdi + AVIARY_VMCTX_STORE]
  mov rax, [rax + AVIARY_STORE_ACTIVATION]
  mov [rax + AVIARY_ACT_CALLEE], rdi
  mov [rax + AVIARY_ACT_GUEST_RSP], rsp
  mov [rax + AVIARY_ACT_GUEST_RBP], rbp
  mov rsp, [rax + AVIARY_ACT_HOST_RSP]
  .cfi_escape 0x0f, 0x05, 0x70, 0x18, 0x06, 0x23, 0x08 // CFA = [rax + guest_rsp] + 8
  push rbx
  sub rsp, 8
  mov rbx, rax
  .cfi_escape 0x0f, 0x05, 0x73, 0x18, 0x06, 0x23, 0x08 // CFA = [rbx + guest_rsp] + 8
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lhost_regain
.Lhost_regained:
  call [rdi + AVIARY_HOST_FUNCTION_CALL]
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lhost_restrict
.Lhost_restricted:
  mov rcx, rbx
  mov rbx, [rsp + 8]
  mov rsp, [rcx + AVIARY_ACT_GUEST_RSP]
  .cfi_remember_state
  .cfi_def_cfa rsp, 8
  mov qword ptr [rcx + AVIARY_ACT_GUEST_RSP], 0
  mov edx, [rcx + AVIARY_ACT_PENDING]
  or eax, edx
  jne .Lhost_raised
  ret
.Lhost_raised: // a status of the function, a pending trap, or both: the pending one wins
  cmp edx, AVIARY_PENDING_SUSPEND
  je aviary_suspend
  cmp edx, AVIARY_PENDING_UNWIND
  je aviary_unwind
  test edx, edx
  cmovne eax, edx
  jmp aviary_raise
  .cfi_restore_state
.Lhost_regain:
  mov r8, rdx
  regain rbx
  mov rdx, r8
  jmp .Lhost_regained
.Lhost_restrict:
  mov r8d, eax
  restrict rbx
  mov eax, r8d
  jmp .Lhost_restricted
  .cfi_endproc
  .size aviary_call_host, . - aviary_call_host

// Builtins: machine code calls a stub with rdi = its context; the C function of
// the table (r11) runs on the host's stack; a trap is left in `pending`.
  .p2align 5
  .type aviary_builtin_common, @function
aviary_builtin_common:
  .cfi_startproc
  .cfi_signal_frame // else GDB takes the change of stacks for a corrupt one
  mov rax, [rdi + AVIARY_VMCTX_STORE]
  mov rax, [rax + AVIARY_STORE_ACTIVATION]
  mov [rax + AVIARY_ACT_CALLEE], rdi
  mov [rax + AVIARY_ACT_GUEST_RSP], rsp
  mov [rax + AVIARY_ACT_GUEST_RBP], rbp
  mov rsp, [rax + AVIARY_ACT_HOST_RSP]
  .cfi_escape 0x0f, 0x05, 0x70, 0x18, 0x06, 0x23, 0x08
  push rbx
  sub rsp, 8
  mov rbx, rax
  .cfi_escape 0x0f, 0x05, 0x73, 0x18, 0x06, 0x23, 0x08
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lbuiltin_regain
.Lbuiltin_regained:
  call r11
  cmp dword ptr [rbx + AVIARY_ACT_GUEST_PKRU], 0
  jne .Lbuiltin_restrict
.Lbuiltin_restricted:
  mov rcx, rbx
  mov rbx, [rsp + 8]
  mov rsp, [rcx + AVIARY_ACT_GUEST_RSP]
  .cfi_remember_state
  .cfi_def_cfa rsp, 8
  mov qword ptr [rcx + AVIARY_ACT_GUEST_RSP], 0
  cmp dword ptr [rcx + AVIARY_ACT_PENDING], 0
  jne .Lbuiltin_raised
  ret
.Lbuiltin_raised:
  mov eax, [rcx + AVIARY_ACT_PENDING]
  cmp eax, AVIARY_PENDING_SUSPEND
  je aviary_suspend
  cmp eax, AVIARY_PENDING_UNWIND
  je aviary_unwind
  jmp aviary_raise
  .cfi_restore_state
.Lbuiltin_regain:
  mov r10, rdx
  mov [rsp], rcx
  regain rbx
  mov rcx, [rsp]
  mov rdx, r10
  jmp .Lbuiltin_regained
.Lbuiltin_restrict:
  mov r8, rax
  restrict rbx
  mov rax, r8
  jmp .Lbuiltin_restricted
  .cfi_endproc
  .size aviary_builtin_common, . - aviary_builtin_common

  .macro builtin number
  .p2align 4
  .type .Lbuiltin_\number, @function
.Lbuiltin_\number:
  mov r11, [rip + aviary_builtin_targets + 8 * \number]
  jmp aviary_builtin_common
  .endm

  .cfi_startproc
  builtin 0
  builtin 1
  builtin 2
  builtin 3
  builtin 4
  builtin 5
  builtin 6
  builtin 7
  builtin 8
  builtin 9
  builtin 10
  builtin 11
  builtin 12
  builtin 13
  builtin 14
  builtin 15
  builtin 16
  builtin 17
  builtin 18
  builtin 19
  .cfi_endproc

  .section .data.rel.ro, "aw", @progbits
  .p2align 3
  .globl aviary_builtin_stubs
  .type aviary_builtin_stubs, @object
aviary_builtin_stubs:
  .irp number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19
  .quad .Lbuiltin_\number
  .endr
  .size aviary_builtin_stubs, . - aviary_builtin_stubs

  .section .note.GNU-stack, "", @progbits
