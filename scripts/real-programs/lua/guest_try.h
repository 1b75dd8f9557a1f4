// How Lua raises errors in a guest without setjmp: see guest_try.c.
int guest_try(void (*body)(void *, void *), void *first, void *second);
void guest_throw(void);
#define luai_jmpbuf int
#define LUAI_THROW(L, c) guest_throw()
#define LUAI_TRY(L, c, a) \
  if (guest_try((void (*)(void *, void *))f, (L), ud) && (c)->status == 0) (c)->status = -1;
#include <stdio.h>
#define tmpfile() ((FILE *)0)
// There are no processes or temporary names under WASI.
#define l_system(command) ((command) == 0 ? 0 : -1)
#define LUA_TMPNAMBUFSIZE 32
#define lua_tmpnam(b, e) { e = 1; }
