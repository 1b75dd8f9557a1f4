// large functions: Keccak-f[1600] unrolled, 25 live 64-bit values.
#include "kernel.h"
#define ROL(x, k) ((k) ? (x) << (k) | (x) >> (64 - (k)) : (x))
static const uint64_t RC[24] = {
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
#define C(x) uint64_t c##x = a##x##0 ^ a##x##1 ^ a##x##2 ^ a##x##3 ^ a##x##4
#define T(x, p, q) uint64_t d##x = c##p ^ ROL(c##q, 1); a##x##0 ^= d##x, a##x##1 ^= d##x, a##x##2 ^= d##x, a##x##3 ^= d##x, a##x##4 ^= d##x
#define X(y) e0 = b0##y ^ (~b1##y & b2##y), e1 = b1##y ^ (~b2##y & b3##y), e2 = b2##y ^ (~b3##y & b4##y), e3 = b3##y ^ (~b4##y & b0##y), e4 = b4##y ^ (~b0##y & b1##y), \
  a0##y = e0, a1##y = e1, a2##y = e2, a3##y = e3, a4##y = e4
#define ROUND(i) { \
  C(0); C(1); C(2); C(3); C(4); T(0, 4, 1); T(1, 0, 2); T(2, 1, 3); T(3, 2, 4); T(4, 3, 0); \
  uint64_t b00 = a00, b02 = ROL(a10, 1), b04 = ROL(a20, 62), b01 = ROL(a30, 28), b03 = ROL(a40, 27); \
  uint64_t b13 = ROL(a01, 36), b10 = ROL(a11, 44), b12 = ROL(a21, 6), b14 = ROL(a31, 55), b11 = ROL(a41, 20); \
  uint64_t b21 = ROL(a02, 3), b23 = ROL(a12, 10), b20 = ROL(a22, 43), b22 = ROL(a32, 25), b24 = ROL(a42, 39); \
  uint64_t b34 = ROL(a03, 41), b31 = ROL(a13, 45), b33 = ROL(a23, 15), b30 = ROL(a33, 21), b32 = ROL(a43, 8); \
  uint64_t b42 = ROL(a04, 18), b44 = ROL(a14, 2), b41 = ROL(a24, 61), b43 = ROL(a34, 56), b40 = ROL(a44, 14); \
  uint64_t e0, e1, e2, e3, e4; X(0); X(1); X(2); X(3); X(4); a00 ^= RC[i]; }
static uint64_t s[25];
static NOINLINE void permute(void) {
  uint64_t a00 = s[0], a10 = s[1], a20 = s[2], a30 = s[3], a40 = s[4], a01 = s[5], a11 = s[6], a21 = s[7], a31 = s[8], a41 = s[9];
  uint64_t a02 = s[10], a12 = s[11], a22 = s[12], a32 = s[13], a42 = s[14], a03 = s[15], a13 = s[16], a23 = s[17], a33 = s[18], a43 = s[19];
  uint64_t a04 = s[20], a14 = s[21], a24 = s[22], a34 = s[23], a44 = s[24];
  ROUND(0) ROUND(1) ROUND(2) ROUND(3) ROUND(4) ROUND(5) ROUND(6) ROUND(7) ROUND(8) ROUND(9) ROUND(10) ROUND(11)
  ROUND(12) ROUND(13) ROUND(14) ROUND(15) ROUND(16) ROUND(17) ROUND(18) ROUND(19) ROUND(20) ROUND(21) ROUND(22) ROUND(23)
  s[0] = a00, s[1] = a10, s[2] = a20, s[3] = a30, s[4] = a40, s[5] = a01, s[6] = a11, s[7] = a21, s[8] = a31, s[9] = a41;
  s[10] = a02, s[11] = a12, s[12] = a22, s[13] = a32, s[14] = a42, s[15] = a03, s[16] = a13, s[17] = a23, s[18] = a33, s[19] = a43;
  s[20] = a04, s[21] = a14, s[22] = a24, s[23] = a34, s[24] = a44;
}
RUN {
  for (int i = 0; i < 25; i++) s[i] = (uint64_t)i;
  for (int32_t i = 0; i < n; i++) permute(), s[0] ^= (uint64_t)i;
  return (int64_t)(s[0] ^ s[24]);
}
