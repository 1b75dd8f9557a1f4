// integer: table-driven CRC-32, a byte load and a dependent table load a step.
#include "kernel.h"
static uint32_t table[256];
static uint8_t data[1 << 16];
RUN {
  seed_random();
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)next_random();
  uint32_t crc = ~0u;
  for (int32_t round = 0; round < n; round++)
    for (size_t i = 0; i < sizeof data; i++) crc = table[(crc ^ data[i]) & 255] ^ (crc >> 8);
  return ~crc;
}
