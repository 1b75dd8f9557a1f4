// The register of protection keys. WRPKRU and RDPKRU want ecx = 0, WRPKRU edx = 0 too; RDPKRU
// leaves edx = 0. Here and in enter.S are all instructions that change it.
  .intel_syntax noprefix
  .hidden aviary_keys_bits
  .text

// uint32_t aviary_pkru_read(void)
  .globl aviary_pkru_read
  .type aviary_pkru_read, @function
  .p2align 4
aviary_pkru_read:
  .cfi_startproc
  xor ecx, ecx
  rdpkru
  ret
  .cfi_endproc
  .size aviary_pkru_read, . - aviary_pkru_read

// void aviary_pkru_write(uint32_t edi)
  .globl aviary_pkru_write
  .type aviary_pkru_write, @function
  .p2align 4
aviary_pkru_write:
  .cfi_startproc
  mov eax, edi
  xor ecx, ecx
  xor edx, edx
  wrpkru
  ret
  .cfi_endproc
  .size aviary_pkru_write, . - aviary_pkru_write

// void aviary_pkru_allow_ours(void). Reading costs little, writing 24 cycles.
  .globl aviary_pkru_allow_ours
  .type aviary_pkru_allow_ours, @function
  .p2align 4
aviary_pkru_allow_ours:
  .cfi_startproc
  xor ecx, ecx
  rdpkru
  mov esi, [rip + aviary_keys_bits]
  test eax, esi
  je .Lallowed
  not esi
  and eax, esi
  wrpkru
.Lallowed:
  ret
  .cfi_endproc
  .size aviary_pkru_allow_ours, . - aviary_pkru_allow_ours

  .section .note.GNU-stack, "", @progbits
