// large functions: a JSON reader, byte classification and branches of every kind.
#include "kernel.h"
static char text[1 << 16];
static size_t length;
static void put(const char *s) { while (*s) text[length++] = *s++; }
static void put_number(uint32_t n) {
  char digits[12];
  int i = 12;
  do digits[--i] = (char)('0' + n % 10); while (n /= 10);
  while (i < 12) text[length++] = digits[i++];
}
static uint64_t hash;
static const char *at;
static void blank(void) { while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++; }
static int string(void) {
  at++;
  while (*at != '"') {
    if (*at == '\\') at++;
    if (!*at) return 0;
    hash = (hash ^ (uint8_t)*at++) * 1099511628211u;
  }
  at++;
  return 1;
}
static int value(int depth) {
  blank();
  switch (*at) {
    case '{': case '[': {
      char close = *at == '{' ? '}' : ']';
      at++, blank();
      if (*at == close) return at++, 1;
      for (;;) {
        if (close == '}') {
          blank();
          if (*at != '"' || !string()) return 0;
          blank();
          if (*at++ != ':') return 0;
        }
        if (depth > 60 || !value(depth + 1)) return 0;
        blank();
        if (*at == close) return at++, hash += (uint64_t)depth, 1;
        if (*at++ != ',') return 0;
      }
    }
    case '"': return string();
    case 't': at += 4; hash += 3; return 1;
    case 'f': at += 5; hash += 5; return 1;
    case 'n': at += 4; hash += 7; return 1;
    default: {
      double n = 0, scale = 1;
      int negative = *at == '-';
      at += negative;
      if (*at < '0' || *at > '9') return 0;
      while (*at >= '0' && *at <= '9') n = n * 10 + (*at++ - '0');
      if (*at == '.') for (at++; *at >= '0' && *at <= '9'; at++) n += (*at - '0') * (scale *= 0.1);
      hash = hash * 31 + (uint64_t)(int64_t)(negative ? -n * 1000 : n * 1000);
      return 1;
    }
  }
}
RUN {
  seed_random();
  length = 0, put("[\n");
  while (length < sizeof text - 400) {
    put("  {\"id\": "), put_number((uint32_t)next_random() >> 8), put(", \"name\": \"item \\\"");
    put_number((uint32_t)next_random() >> 20), put("\\\"\", \"tags\": [\"a\", true, false, null, -"), put_number((uint32_t)next_random() >> 24);
    put("."), put_number((uint32_t)next_random() >> 16), put("], \"nested\": {\"x\": {\"y\": [[], {}, [1, 2, 3]]}}},\n");
  }
  put("  null]"), text[length] = 0;
  hash = 14695981039346656037u;
  int good = 0;
  for (int32_t round = 0; round < n; round++) at = text, good += value(0);
  return (int64_t)(hash ^ (uint64_t)good);
}
