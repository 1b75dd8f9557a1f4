-- A walk through the language and its library. It prints nothing that may
-- differ between two correct builds: no address, no time, no hash order.

local function section(name) print(("== %s"):format(name)) end

section "arguments"
print(#arg, arg[1], arg[2], _VERSION)

section "integers and floats"
print(7 // 2, -7 // 2, 7 % -3, -7 % 3, 7.5 // 2, 2 ^ 53, 1e308 * 10, -(0 / 0) ~= 0)
print(math.maxinteger + 1 == math.mininteger, math.tointeger(3.0), 3 | 8, ~5, 1 << 63, -1 >> 1)
print(("%.14g %.3f %5d|%-5d|%05d %x %q"):format(1 / 3, math.pi, 42, 42, 42, 255, "a\nb"))
print(string.format("%a %g %e", 0.5, 1e-5, 123456.789), 10 / 2, 3 == 3.0, math.type(1), math.type(1.0))
for _, x in ipairs { 0.1, 1e15, 1e16, 123456789012, -0.0, 5e-324, 2 ^ 63 } do io.write(x, " ") end
print()
print(tonumber("0x1p4"), tonumber("  12  "), tonumber("1e1"), tonumber("z", 36), tonumber("nope"))

section "strings and patterns"
local text = "The quick brown fox jumps over the lazy dog"
print(text:gsub("%w+", function(w) return w:sub(1, 1):upper() .. w:sub(2):lower() end))
print(text:find("(%a+) (%a+)$"), text:match("q(%w+)"), text:rep(2, "|"):len())
for k, v in ("a=1, b=22, c=333"):gmatch "(%w+)=(%w+)" do io.write(k, ":", v, ";") end
print()
print(("hello"):byte(1, -1), ("x"):rep(5), ("abc"):reverse(), #"\u{20AC}", utf8.char(8364, 128512))
for p, c in utf8.codes("aé€😀") do io.write(p, "=", c, " ") end
print(utf8.len("aé€😀"))
print(string.pack("<i4 z s1", -2, "zero", "counted"):byte(1, -1))
print(string.unpack("<d", string.pack("<d", 1.5)))

section "tables"
local t = {}
for i = 1, 100 do t[#t + 1] = (i * 7919) % 101 end
table.sort(t)
print(table.concat(t, " ", 1, 20), #t)
table.sort(t, function(a, b) return a > b end)
print(table.concat(t, " ", 1, 10), select("#", table.unpack(t, 1, 5)))
table.insert(t, 1, "first"); table.remove(t, 2)
print(t[1], t[2], #t, table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ","))
print(next({}), rawlen { 1, 2 }, rawequal(t, t), #table.pack(nil, nil, nil))

section "closures and metatables"
local function counter()
  local n = 0
  return function(step) n = n + (step or 1) return n end
end
local a, b = counter(), counter()
print(a(), a(), a(10), b())
local Vector = {}
Vector.__index = Vector
Vector.__add = function(u, v) return setmetatable({ x = u.x + v.x, y = u.y + v.y }, Vector) end
Vector.__eq = function(u, v) return u.x == v.x and u.y == v.y end
Vector.__lt = function(u, v) return u.x < v.x end
Vector.__tostring = function(v) return ("(%g, %g)"):format(v.x, v.y) end
Vector.__call = function(v, k) return v.x * k end
Vector.__len = function() return 2 end
Vector.__concat = function(u, v) return tostring(u) .. "&" .. tostring(v) end
local function vector(x, y) return setmetatable({ x = x, y = y }, Vector) end
print(tostring(vector(1, 2) + vector(3, 4)), vector(1, 2) == vector(1, 2), vector(1, 0) < vector(2, 0))
print(vector(3, 0)(5), #vector(0, 0), vector(1, 2) .. vector(3, 4))
local lazy = setmetatable({}, { __index = function(self, k) rawset(self, k, k * k) return k * k end })
print(lazy[12], rawget(lazy, 12), rawget(lazy, 13))

section "errors"
print(pcall(error, "message", 0))
print(pcall(error, { code = 42 }) == false)
print(select(2, pcall(function() local n = nil; return n.field end)))
print(select(2, pcall(function() return 1 + {} end)))
print(select(2, pcall(function() return #5 end)))
print(select(2, pcall(string.rep)))
print(xpcall(function() error("inner", 0) end, function(m) return "handled " .. m end))
local depth = 0
local function recurse() depth = depth + 1; return 1 + recurse() end
print(pcall(recurse) == false, depth > 1000)
for level = 1, 3 do
  local ok, message = pcall(function()
    local ok, inner = pcall(error, "level " .. level, 0)
    error("outer of " .. inner, 0)
  end)
  print(ok, message)
end
do
  local closed = {}
  local ok = pcall(function()
    local x <close> = setmetatable({}, { __close = function(_, e) closed[#closed + 1] = tostring(e) end })
    error("through a to-be-closed variable", 0)
  end)
  print(ok, closed[1])
end
print(load("return 1 +")) print(load("x = = 1")) print(load("return ...", "chunk")(7))

section "coroutines"
local function generate(n)
  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i) end return "end" end)
end
local g = generate(3)
print(g()) print(g()) print(g()) print(g())
local co = coroutine.create(function(...)
  local got = { ... }
  while true do got = { coroutine.yield(#got, table.concat(got, "-")) } end
end)
print(coroutine.resume(co, 1, 2)) print(coroutine.resume(co, "x")) print(coroutine.status(co))
print(coroutine.resume(coroutine.create(function() error("in a coroutine", 0) end)))
print(coroutine.resume(coroutine.create(function() return pcall(coroutine.yield, "through pcall") end)))
print(coroutine.isyieldable(), coroutine.close(co), coroutine.status(co))
local function permutations(list, n)
  if n == 0 then coroutine.yield(table.concat(list)) return end
  for i = 1, n do
    list[n], list[i] = list[i], list[n]
    permutations(list, n - 1)
    list[n], list[i] = list[i], list[n]
  end
end
local all = {}
for p in coroutine.wrap(function() permutations({ "a", "b", "c", "d" }, 4) end) do all[#all + 1] = p end
print(#all, all[1], all[24])

section "algorithms"
local function queens(n)
  local count, columns, up, down = 0, {}, {}, {}
  local function place(row)
    if row > n then count = count + 1 return end
    for c = 1, n do
      if not (columns[c] or up[row + c] or down[row - c + n]) then
        columns[c], up[row + c], down[row - c + n] = true, true, true
        place(row + 1)
        columns[c], up[row + c], down[row - c + n] = nil, nil, nil
      end
    end
  end
  place(1)
  return count
end
print("queens", queens(8))
local sieve, primes = {}, 0
for i = 2, 200000 do
  if not sieve[i] then
    primes = primes + 1
    for j = i * i, 200000, i do sieve[j] = true end
  end
end
print("primes", primes)
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print("fib", fib(27))
local x, sum = 42, 0.0
for i = 1, 200000 do x = (x * 1103515245 + 12345) & 0x7fffffff; sum = sum + math.sin(x % 1000) / i end
print("mix", x, ("%.9f"):format(sum))
local words, order = {}, {}
for w in (text:lower() .. " " .. text:upper():lower()):gmatch "%a+" do
  if not words[w] then words[w] = 0; order[#order + 1] = w end
  words[w] = words[w] + 1
end
table.sort(order, function(p, q) if words[p] ~= words[q] then return words[p] > words[q] end return p < q end)
for i = 1, 4 do io.write(order[i], " ", words[order[i]], " ") end
print()
local s = {}
for i = 1, 20000 do s[#s + 1] = tostring(i * i) if #s > 100 then s = { table.concat(s):sub(-50) } end end
print(table.concat(s):sub(-60))
collectgarbage() collectgarbage("generational") collectgarbage("incremental")
local weak = setmetatable({}, { __mode = "k" })
weak[{}] = 1; collectgarbage()
print(next(weak))
goto done
print("not reached")
::done::
print("done")
