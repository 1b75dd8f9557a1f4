#define _GNU_SOURCE
#include "aviary_keys.h"
#include "internal.h"
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#ifndef SEGV_PKUERR
#define SEGV_PKUERR 4
#endif

enum {
  PAGE = 4096,
  // CPUID leaf 7, ecx: the operating system has switched the keys on.
  CPUID_OSPKE = 1 << 4,
  CPUID_XSAVE = 0xd,
  XSAVE_PKRU = 9,
  // In a signal frame's floating-point state (struct _fpx_sw_bytes and the XSAVE header).
  FRAME_MAGIC = 464,
  FRAME_FEATURES = 472,
  FRAME_SIZE = 480,
  FRAME_PRESENT = 512,
  FRAME_MAGIC_VALUE = 0x46505853,
};

uint32_t aviary_keys_bits;

bool aviary_keys_supported(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & CPUID_OSPKE);
}

intptr_t aviary_system_key_allocate(void) {
  int error = aviary_system_injected(AVIARY_SYSTEM_KEY_ALLOCATE);
  if (error != 0) return -error;
  int key = pkey_alloc(0, 0);
  return key < 0 ? -errno : key;
}

intptr_t aviary_system_key_free(int key) {
  int error = aviary_system_injected(AVIARY_SYSTEM_KEY_FREE);
  if (error != 0) return -error;
  return pkey_free(key) != 0 ? -errno : 0;
}

// Where the interrupted thread's PKRU stands in its signal frame; NULL where it does not.
static uint32_t *saved_pkru(const ucontext_t *context) {
  uint8_t *state = (uint8_t *)context->uc_mcontext.fpregs;
  if (state == NULL) return NULL;
  uint32_t magic, size;
  uint64_t features, present;
  memcpy(&magic, state + FRAME_MAGIC, sizeof magic);
  memcpy(&features, state + FRAME_FEATURES, sizeof features);
  memcpy(&size, state + FRAME_SIZE, sizeof size);
  if (magic != FRAME_MAGIC_VALUE || !(features & 1 << XSAVE_PKRU)) return NULL;
  // Not present is the initial state, in which nothing is denied.
  memcpy(&present, state + FRAME_PRESENT, sizeof present);
  if (!(present & 1 << XSAVE_PKRU)) return NULL;
  unsigned a, offset, c, d;
  if (!__get_cpuid_count(CPUID_XSAVE, XSAVE_PKRU, &a, &offset, &c, &d)) return NULL;
  if (offset + sizeof(uint32_t) > size) return NULL;
  return (uint32_t *)(state + offset);
}

bool aviary_keys_mend(int signal, const siginfo_t *info, ucontext_t *context) {
  uint32_t ours = aviary_keys_get_bits();
  if (ours == 0 || signal != SIGSEGV || info->si_code != SEGV_PKUERR) return false;
  // What a guest is denied stays denied.
  if (aviary_code_contains((uintptr_t)context->uc_mcontext.gregs[REG_RIP])) return false;
  if (info->si_pkey > AVIARY_KEYS_MOST) return false;
  uint32_t bits = (uint32_t)3 << (2 * info->si_pkey) & ours;
  uint32_t *pkru = saved_pkru(context);
  // Allowed already: the access was denied for another reason, and would be again.
  if (pkru == NULL || (*pkru & bits) == 0) return false;
  *pkru &= ~ours;
  return true;
}

bool aviary_prepare_touches(uintptr_t address) { return aviary_slab_contains(address); }

void aviary_prepare_for_kernel(uintptr_t start, size_t bytes, bool will_write) {
  aviary_keys_allow();
  if (bytes == 0 || !aviary_slab_contains(start)) return;
  uintptr_t last = start + bytes - 1;
  for (uintptr_t page = start;; page = (page & ~(uintptr_t)(PAGE - 1)) + PAGE) {
    // Written as it is, at once: the guest may share the memory with others.
    if (will_write) {
      __asm__ volatile("lock orb $0, (%0)" ::"r"(page) : "memory", "cc");
    } else {
      (void)*(const volatile uint8_t *)page;
    }
    if (last - page < PAGE - (page & (PAGE - 1))) return;
  }
}
