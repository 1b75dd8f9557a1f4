// driver generate FILE SIZE | compress IN OUT LEVEL [WORKERS] | decompress IN OUT
#include <zstd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what) {
  fprintf(stderr, "driver: %s\n", what);
  return 1;
}

// Log-like text from a fixed seed: compressible, and not trivially so.
static int generate(const char *path, size_t size) {
  static const char *const words[] = {"request", "accepted", "from", "tenant", "cache", "miss",
    "flush", "retry", "deadline", "handler", "queue", "commit", "stream", "closed"};
  FILE *file = fopen(path, "wb");
  if (!file) return fail("cannot create the file");
  uint64_t state = 0x9e3779b97f4a7c15u;
  size_t written = 0;
  for (uint32_t line = 0; written < size; line++) {
    char text[256];
    int length = snprintf(text, sizeof text, "%08u", line);
    for (int i = 0; i < 9; i++) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      length += i % 3 == 2 ? snprintf(text + length, sizeof text - length, " id=%x", (unsigned)(state >> 44))
                           : snprintf(text + length, sizeof text - length, " %s", words[(state >> 20) % 14]);
    }
    text[length++] = '\n';
    size_t take = size - written < (size_t)length ? size - written : (size_t)length;
    written += fwrite(text, 1, take, file);
  }
  return fclose(file) ? fail("cannot write") : 0;
}

// Pumps IN through one streaming step function to OUT.
typedef size_t Step(void *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, int last);

static size_t compress(void *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, int last) {
  return ZSTD_compressStream2(context, out, in, last ? ZSTD_e_end : ZSTD_e_continue);
}

static size_t decompress(void *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, int last) {
  (void)last;
  return ZSTD_decompressStream(context, out, in);
}

static int pump(Step *step, void *context, const char *from, const char *to) {
  static char input[1 << 17], output[1 << 17];
  FILE *source = fopen(from, "rb"), *target = fopen(to, "wb");
  if (!source || !target) return fail("cannot open the files");
  int last;
  do {
    ZSTD_inBuffer in = {input, fread(input, 1, sizeof input, source), 0};
    last = in.size < sizeof input;
    for (;;) {
      ZSTD_outBuffer out = {output, sizeof output, 0};
      size_t code = step(context, &out, &in, last);
      if (ZSTD_isError(code)) return fail(ZSTD_getErrorName(code));
      if (fwrite(output, 1, out.pos, target) != out.pos) return fail("cannot write");
      // Done with this input once it is consumed and nothing waits in the context.
      if (in.pos == in.size && out.pos < out.size && (!last || code == 0 || step == decompress)) break;
    }
  } while (!last);
  fclose(source);
  return fclose(target) ? fail("cannot write") : 0;
}

int main(int count, char **arguments) {
  if (count == 4 && !strcmp(arguments[1], "generate")) return generate(arguments[2], strtoul(arguments[3], 0, 10));
  if ((count == 5 || count == 6) && !strcmp(arguments[1], "compress")) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, atoi(arguments[4]));
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    if (count == 6) {
      ZSTD_CCtx_setParameter(context, ZSTD_c_jobSize, 1 << 21);
      if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, atoi(arguments[5])))) return fail("no threads");
    }
    return pump(compress, context, arguments[2], arguments[3]);
  }
  if (count == 4 && !strcmp(arguments[1], "decompress")) {
    return pump(decompress, ZSTD_createDCtx(), arguments[2], arguments[3]);
  }
  return fail("usage: generate FILE SIZE | compress IN OUT LEVEL [WORKERS] | decompress IN OUT");
}
