// simd: validation of UTF-8 by lookup in three tables of sixteen (Keiser and
// Lemire, "Validating UTF-8 in less than one instruction per byte", 2021):
// swizzles, shifts by lane, saturating subtraction, shuffles over two vectors.
#include "../kernels/kernel.h"
#include <wasm_simd128.h>
#define SIZE (64 * 1024)
static uint8_t text[SIZE];

// Errors that two bytes in a row can show, one bit each.
enum {
  TOO_SHORT = 1 << 0,   // a leading byte and no continuation
  TOO_LONG = 1 << 1,    // ASCII and a continuation
  OVERLONG_3 = 1 << 2,  // E0 and 80-9F
  TOO_LARGE = 1 << 3,   // F4 and 90-BF, F5-FF and any continuation
  SURROGATE = 1 << 4,   // ED and A0-BF
  OVERLONG_2 = 1 << 5,  // C0, C1
  TOO_LARGE_1000 = 1 << 6, // F5-FF and 80-8F
  OVERLONG_4 = 1 << 6,  // F0 and 80-8F
  TWO_CONTS = 1 << 7,   // two continuations: right after E0-FF only
  CARRY = TOO_SHORT | TOO_LONG | TWO_CONTS
};

static inline v128_t previous(v128_t now, v128_t before, const int by) {
  switch (by) {
  case 1: return wasm_i8x16_shuffle(before, now, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
  case 2: return wasm_i8x16_shuffle(before, now, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
  default: return wasm_i8x16_shuffle(before, now, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  }
}

static inline v128_t errors(v128_t now, v128_t before) {
  v128_t first_high = wasm_u8x16_const(
      TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TWO_CONTS, TWO_CONTS, TWO_CONTS,
      TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
      TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4);
  v128_t first_low = wasm_u8x16_const(
      CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY, CARRY | TOO_LARGE,
      CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
      CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
      CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
      CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE, CARRY | TOO_LARGE | TOO_LARGE_1000,
      CARRY | TOO_LARGE | TOO_LARGE_1000);
  v128_t second_high = wasm_u8x16_const(
      TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
      TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
      TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE,
      TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE,
      TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
  v128_t nibble = wasm_i8x16_const_splat(15);
  v128_t one = previous(now, before, 1);
  v128_t special = wasm_v128_and(
      wasm_v128_and(wasm_i8x16_swizzle(first_high, wasm_u8x16_shr(one, 4)),
                    wasm_i8x16_swizzle(first_low, wasm_v128_and(one, nibble))),
      wasm_i8x16_swizzle(second_high, wasm_u8x16_shr(now, 4)));
  // Third and fourth bytes: a continuation must stand there, and only there two in a row.
  v128_t third = wasm_u8x16_sub_sat(previous(now, before, 2), wasm_u8x16_const_splat(0xE0 - 0x80));
  v128_t fourth = wasm_u8x16_sub_sat(previous(now, before, 3), wasm_u8x16_const_splat(0xF0 - 0x80));
  v128_t must = wasm_v128_and(wasm_v128_or(third, fourth), wasm_u8x16_const_splat(0x80));
  return wasm_v128_xor(must, special);
}

static NOINLINE int valid(const uint8_t *bytes, size_t count) {
  v128_t bad = wasm_i8x16_const_splat(0), before = bad, incomplete = bad;
  v128_t limit = wasm_u8x16_const(255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0xF0 - 1, 0xE0 - 1,
                                  0xC0 - 1);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    v128_t now = wasm_v128_load(bytes + i);
    if (!wasm_v128_any_true(wasm_v128_and(now, wasm_u8x16_const_splat(0x80)))) {
      bad = wasm_v128_or(bad, incomplete);
      incomplete = wasm_i8x16_const_splat(0);
    } else {
      bad = wasm_v128_or(bad, errors(now, before));
      incomplete = wasm_u8x16_sub_sat(now, limit);
    }
    before = now;
  }
  uint8_t rest[16] = {0};
  for (size_t k = 0; i + k < count; k++) rest[k] = bytes[i + k];
  v128_t now = wasm_v128_load(rest);
  bad = wasm_v128_or(bad, errors(now, before));
  bad = wasm_v128_or(bad, wasm_u8x16_sub_sat(now, limit));
  return !wasm_v128_any_true(bad);
}

RUN {
  seed_random();
  size_t at = 0;
  while (at + 4 <= SIZE) {
    // Runs of ASCII between characters of two to four bytes.
    uint64_t random = next_random();
    uint32_t kind = (uint32_t)(random >> 60);
    uint32_t code = kind < 6 ? 0x20 + (uint32_t)(random >> 8) % 0x5F : kind < 10 ? 0x80 + (uint32_t)(random >> 8) % 0x780
                  : kind < 14 ? 0x800 + (uint32_t)(random >> 8) % 0xD000 : 0x10000 + (uint32_t)(random >> 8) % 0x100000;
    if (code < 0x80) {
      for (uint32_t k = 0, run = 1 + (uint32_t)(random >> 40) % 24; k < run && at + 4 <= SIZE; k++)
        text[at++] = (uint8_t)(0x20 + (code + k * 7) % 0x5F);
    } else if (code < 0x800) {
      text[at++] = (uint8_t)(0xC0 | code >> 6), text[at++] = (uint8_t)(0x80 | (code & 63));
    } else if (code < 0x10000) {
      text[at++] = (uint8_t)(0xE0 | code >> 12), text[at++] = (uint8_t)(0x80 | (code >> 6 & 63)),
      text[at++] = (uint8_t)(0x80 | (code & 63));
    } else {
      text[at++] = (uint8_t)(0xF0 | code >> 18), text[at++] = (uint8_t)(0x80 | (code >> 12 & 63)),
      text[at++] = (uint8_t)(0x80 | (code >> 6 & 63)), text[at++] = (uint8_t)(0x80 | (code & 63));
    }
  }
  uint32_t sum = (uint32_t)valid(text, at);
  for (int32_t round = 0; round < n; round++) {
    // One byte is wrong, or not, somewhere.
    uint64_t random = next_random();
    size_t where = (size_t)((uint32_t)random % (uint32_t)at);
    uint8_t kept = text[where];
    text[where] = (uint8_t)(random >> 56);
    sum = sum * 3 + (uint32_t)valid(text, at - (size_t)(round & 15));
    text[where] = kept;
  }
  return sum;
}
