// Copies of bytes that other threads may write or read meanwhile. In assembly: no compiler assumes anything of them.
  .intel_syntax noprefix
  .text

// void aviary_shared_copy(void *rdi, const void *rsi, size_t rdx). As memmove.
  .globl aviary_shared_copy
  .type aviary_shared_copy, @function
  .p2align 4
aviary_shared_copy:
  .cfi_startproc
  mov rax, rdi
  sub rax, rsi
  cmp rax, rdx
  jb .Lbackwards
  // The target is below the source, or beyond its end: upwards.
  cmp rdx, 256
  jb .Lup
  mov rcx, rdx
  rep movsb
  ret
.Lup:
  sub rdx, 8
  jb .Lup_rest
.Lup_words:
  mov rax, [rsi]
  mov [rdi], rax
  add rsi, 8
  add rdi, 8
  sub rdx, 8
  jae .Lup_words
.Lup_rest:
  add rdx, 8
  je .Ldone
.Lup_bytes:
  mov al, [rsi]
  mov [rdi], al
  inc rsi
  inc rdi
  dec rdx
  jne .Lup_bytes
.Ldone:
  ret
.Lbackwards:
  test rax, rax
  je .Ldone
.Ldown:
  sub rdx, 16
  jb .Ldown_rest
  movdqu xmm0, [rsi + rdx]
  movdqu [rdi + rdx], xmm0
  jmp .Ldown
.Ldown_rest:
  add rdx, 16
  je .Ldone
.Ldown_bytes:
  mov al, [rsi + rdx - 1]
  mov [rdi + rdx - 1], al
  dec rdx
  jne .Ldown_bytes
  ret
  .cfi_endproc
  .size aviary_shared_copy, . - aviary_shared_copy

// void aviary_shared_fill(void *rdi, uint8_t sil, size_t rdx)
  .globl aviary_shared_fill
  .type aviary_shared_fill, @function
  .p2align 4
aviary_shared_fill:
  .cfi_startproc
  mov eax, esi
  mov rcx, rdx
  rep stosb
  ret
  .cfi_endproc
  .size aviary_shared_fill, . - aviary_shared_fill

  .section .note.GNU-stack, "", @progbits
