// Lua 5.4 runs a script of tables, strings and closures n times.
// Errors are never raised here, so "try" just calls (scripts/real-programs/lua has the real thing).
#include "../kernels/kernel.h"
#include "lauxlib.h"
#include "lualib.h"

static const char script[] =
  "local n = ...\n"
  "local total = 0\n"
  "for round = 1, n do\n"
  "  local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
  "  total = total + fib(20)\n"
  "  local t = {}\n"
  "  for i = 1, 3000 do t[i] = (i * 7919 + round) % 10007 end\n"
  "  table.sort(t)\n"
  "  for i = 1, #t, 7 do total = total + t[i] % 13 end\n"
  "  local words = {}\n"
  "  for w in ('the quick brown fox jumps over the lazy dog '):rep(20):gmatch('%a+') do\n"
  "    words[w] = (words[w] or 0) + 1\n"
  "  end\n"
  "  total = total + words.the + #(('x'):rep(100):gsub('x', 'yz'))\n"
  "  local point = setmetatable({x = 0}, {__index = function(t, k) return #k end, __add = function(a, b) a.x = a.x + b return a end})\n"
  "  for i = 1, 3000 do point = point + point.abc end\n"
  "  total = total + point.x\n"
  "  local s = 0.0\n"
  "  for i = 1, 5000 do s = s + math.sqrt(i) * (i & 3) end\n"
  "  total = total + math.floor(s)\n"
  "end\n"
  "return total\n";

RUN {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  int64_t result = -1;
  if (luaL_loadstring(L, script) == LUA_OK) {
    lua_pushinteger(L, n);
    lua_call(L, 1, 1);
    result = lua_tointeger(L, -1);
  }
  lua_close(L);
  return result;
}
