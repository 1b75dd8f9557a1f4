// Lua without its protected calls: nothing in the benchmark raises an error.
#include <stdio.h>
#define luai_jmpbuf int
#define LUAI_THROW(L, c) __builtin_trap()
#define LUAI_TRY(L, c, a) { a }
#define tmpfile() ((FILE *)0)
#define l_system(command) ((command) == 0 ? 0 : -1)
#define LUA_TMPNAMBUFSIZE 32
#define lua_tmpnam(b, e) { e = 1; }
