// words [-n COUNT] [FILE ...]: the most frequent words of the files, or of
// standard input, with a bar for each.
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char *text;
  uint32_t hash, count;
} Word;

// Open addressing with linear probing; the capacity is a power of two, and at
// least a quarter of it stays free.
static Word *table;
static uint32_t capacity, used;

static Word *slot(const char *text, uint32_t hash) {
  uint32_t at = hash & (capacity - 1);
  while (table[at].text && (table[at].hash != hash || strcmp(table[at].text, text))) {
    at = (at + 1) & (capacity - 1);
  }
  return &table[at];
}

static void *need(void *memory) {
  if (memory) return memory;
  fputs("words: out of memory\n", stderr);
  exit(1);
}

static void enlarge(void) {
  Word *old = table;
  uint32_t size = capacity;
  capacity = size ? size * 2 : 1024;
  table = need(calloc(capacity, sizeof *table));
  for (uint32_t i = 0; i < size; i++) {
    if (old[i].text) *slot(old[i].text, old[i].hash) = old[i];
  }
  free(old);
}

static void count(const char *text) {
  if (used >= capacity / 4 * 3) enlarge();
  uint32_t hash = 2166136261u;
  for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
  Word *word = slot(text, hash);
  if (!word->text) {
    word->text = need(strdup(text));
    word->hash = hash;
    used++;
  }
  word->count++;
}

static void read_words(FILE *file) {
  char word[64];
  size_t length = 0;
  int c;
  do {
    c = getc(file);
    // Bytes above 127 are parts of UTF-8 letters, mostly.
    if (c != EOF && (isalpha(c) || c >= 128 || (c == '\'' && length))) {
      if (length < sizeof word - 1) word[length++] = (char)tolower(c);
    } else if (length) {
      word[length] = 0;
      count(word);
      length = 0;
    }
  } while (c != EOF);
}

static int by_count(const void *a, const void *b) {
  const Word *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  return strcmp(x->text, y->text);
}

int main(int argc, char **argv) {
  uint32_t wanted = 10;
  int next = 1, failed = 0;
  if (argc > 2 && !strcmp(argv[1], "-n")) wanted = (uint32_t)strtoul(argv[2], NULL, 10), next = 3;
  enlarge();
  if (next == argc) read_words(stdin);
  for (; next < argc; next++) {
    FILE *file = fopen(argv[next], "r");
    if (!file) {
      fprintf(stderr, "words: ");
      perror(argv[next]);
      failed = 1;
      continue;
    }
    read_words(file);
    fclose(file);
  }

  uint32_t words = 0;
  uint64_t total = 0;
  for (uint32_t i = 0; i < capacity; i++) {
    if (!table[i].text) continue;
    total += table[i].count;
    table[words++] = table[i];
  }
  qsort(table, words, sizeof *table, by_count);
  printf("%llu words, %u different\n", (unsigned long long)total, words);
  for (uint32_t i = 0; i < wanted && i < words; i++) {
    printf("%6u %-16s ", table[i].count, table[i].text);
    for (uint64_t n = (uint64_t)table[i].count * 40 / table[0].count; n; n--) putchar('#');
    putchar('\n');
  }
  return failed;
}
