// For assembly: the rights of protection keys on the ways into the guest and out of it (docs/abi.md).
#pragma once
#ifdef __ASSEMBLER__
#include "aviary_host.h"

  .intel_syntax noprefix
  .hidden aviary_keys_bits

// The host's rights are kept and the guest's taken on. Changes eax, ecx, edx.
  .macro restrict activation
  xor ecx, ecx
  rdpkru
  mov edx, [rip + aviary_keys_bits]
  not edx
  and eax, edx
  mov [\activation + AVIARY_ACT_HOST_PKRU], eax
  mov eax, [\activation + AVIARY_ACT_GUEST_PKRU]
  xor edx, edx
  wrpkru
  .endm

// The host's rights again. Changes eax, ecx, edx.
  .macro regain activation
  mov eax, [\activation + AVIARY_ACT_HOST_PKRU]
  xor ecx, ecx
  xor edx, edx
  wrpkru
  .endm
#endif
