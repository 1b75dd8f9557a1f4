// memory: builds and looks up a binary search tree, a chase of pointers.
#include "kernel.h"
#define SIZE 100000
typedef struct Node { uint32_t key, count; struct Node *left, *right; } Node;
static Node nodes[SIZE];
RUN {
  uint64_t found = 0;
  for (int32_t round = 0; round < n; round++) {
    seed_random();
    uint32_t used = 0;
    Node *root = 0;
    for (int i = 0; i < SIZE; i++) {
      uint32_t key = (uint32_t)(next_random() >> 40);
      Node **at = &root;
      while (*at && (*at)->key != key) at = key < (*at)->key ? &(*at)->left : &(*at)->right;
      if (!*at) *at = &nodes[used++], **at = (Node){key, 0, 0, 0};
      (*at)->count++;
    }
    for (int i = 0; i < SIZE; i++) {
      uint32_t key = (uint32_t)(next_random() >> 40);
      Node *at = root;
      while (at && at->key != key) at = key < at->key ? at->left : at->right;
      found += at ? at->count : 1u << 16;
    }
  }
  return (int64_t)found;
}
