#include "internal.h"
#include <cpuid.h>
#include <immintrin.h>

uint32_t aviary_cpu_missing(void) {
  uint32_t missing = 0;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) c = 0;
  if (!(c & bit_SSE3)) missing |= 1 << 0;
  if (!(c & bit_SSSE3)) missing |= 1 << 1;
  if (!(c & bit_SSE4_1)) missing |= 1 << 2;
  if (!(c & bit_SSE4_2)) missing |= 1 << 3;
  if (!(c & bit_POPCNT)) missing |= 1 << 4;
  if (!(c & bit_CMPXCHG16B)) missing |= 1 << 5;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d)) c = 0;
  if (!(c & bit_LAHF_LM)) missing |= 1 << 6;
  return missing;
}

uint32_t aviary_cpu_features(void) {
  uint32_t result = 0;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  bool saves_avx = false;
  if (c & bit_OSXSAVE) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    saves_avx = (low & 6) == 6;
  }
  if (saves_avx && c & bit_AVX) result |= AVIARY_CPU_AVX;
  if (saves_avx && c & bit_FMA) result |= AVIARY_CPU_FMA;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    if (b & bit_BMI) result |= AVIARY_CPU_BMI1;
    if (b & bit_BMI2) result |= AVIARY_CPU_BMI2;
    if (saves_avx && b & bit_AVX2) result |= AVIARY_CPU_AVX2;
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_LZCNT) result |= AVIARY_CPU_LZCNT;
  return result;
}

// A core may have fetched ahead of what was just written: cpuid serialises.
void aviary_cpu_serialize(void) {
  unsigned a, b, c, d;
  __cpuid(0, a, b, c, d);
  (void)a, (void)b, (void)c, (void)d;
}
