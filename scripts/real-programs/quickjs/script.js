"use strict";
// A walk through the language; prints nothing that may differ between two correct builds.

print("numbers", 0.1 + 0.2, 1 / 3, 1e21, -0, 5e-324, (255).toString(16), (0.5).toString(2), parseFloat("3.14abc"));
print("integers", 7 % -3, -7 >> 1, -7 >>> 28, 2 ** 31 | 0, Math.imul(0x12345678, 0x9abcdef0), Math.clz32(1));
print("bigint", 2n ** 200n, (-7n) / 2n, BigInt.asUintN(8, 257n), 123456789012345678901234567890n * 987654321n);
print("math", Math.hypot(3, 4), Math.fround(5.5), Math.sign(-3), Math.trunc(-4.7), Math.cbrt(27).toFixed(9), Math.atan2(1, 1).toFixed(12));

const text = "The quick brown fox jumps over the lazy dog";
print("strings", text.split(" ").map(w => w[0].toUpperCase() + w.slice(1)).join(" "), "abc".padStart(6, "*"), "ß".toUpperCase());
print("unicode", [..."a€😀"].length, "😀".codePointAt(0).toString(16), "é".normalize("NFD").length, "İ".toLowerCase().length);
print("regexp", text.replace(/(\w+) (\w+)/g, "$2 $1"), /(?<year>\d{4})-(?<month>\d\d)/.exec("on 2024-05-01").groups.month,
  "aBc".match(/[a-z]/gi).length, /(?<=\$)\d+/.exec("cost $42")[0], /^\p{Lu}/u.test("Éa"));
print("template", `${1 + 1} ${[1, 2, 3]} ${{}}`, String.raw`a\n${2}`);

const { a, ...others } = { a: 1, b: 2, c: 3 };
const [first, , third = 9, ...tail] = [1, 2, undefined, 4, 5];
print("destructuring", a, JSON.stringify(others), first, third, tail);
print("json", JSON.stringify({ x: [1, "two", null, { y: true }], d: new Date(0) }, null, 1), JSON.parse('{"a":[1,2,{"b":3}]}').a[2].b);

class Shape {
  #name;
  static count = 0;
  constructor(name) { this.#name = name; Shape.count++; }
  get name() { return this.#name; }
  area() { return 0; }
  toString() { return `${this.name} of area ${this.area().toFixed(2)}`; }
}
class Circle extends Shape {
  constructor(r) { super("circle"); this.r = r; }
  area() { return Math.PI * this.r ** 2; }
}
class Square extends Shape {
  constructor(s) { super("square"); this.s = s; }
  area() { return this.s ** 2; }
}
print("classes", [new Circle(1), new Square(2)].join("; "), Shape.count);

function* fibonacci() { let [x, y] = [0, 1]; for (;;) { yield x; [x, y] = [y, x + y]; } }
const some = [];
for (const n of fibonacci()) { if (n > 100) break; some.push(n); }
print("generator", some);

try { null.property; } catch (e) { print("error", e instanceof TypeError, e.message); }
try { undefinedName; } catch (e) { print("error", e.name, e.message); }
try { try { throw new RangeError("inner"); } finally { print("finally"); } } catch (e) { print("error", e.message); }
try { (function f() { f(); })(); } catch (e) { print("overflow", e instanceof Error); }
try { eval("1 +"); } catch (e) { print("syntax", e.name); }

const m = new Map([["one", 1], [NaN, "nan"]]);
m.set("two", 2).delete("one");
print("map", m.size, m.get(NaN), [...new Set([3, 1, 3, 2])], new WeakMap() instanceof WeakMap);
print("proxy", new Proxy({}, { get: (_, k) => "got " + String(k) }).anything, Reflect.ownKeys({ z: 1, 2: 1, 1: 1, [Symbol.iterator]: 1 }).length);
const bytes = new DataView(new ArrayBuffer(8));
bytes.setFloat64(0, Math.PI);
print("typed", bytes.getUint32(0).toString(16), new Uint8ClampedArray([300, -5, 1.5]), Float32Array.of(0.1)[0], new Int16Array([70000])[0]);
print("sort", [5, 1, 10, 2].sort(), [5, 1, 10, 2].sort((x, y) => x - y), [3, 1, 2].reduce((s, x) => s + x), [[1, [2, [3]]]].flat(Infinity));
print("date", new Date(Date.UTC(2024, 1, 29, 12, 30)).toISOString(), new Date("2024-03-01T00:00:00Z").getTime());

Promise.resolve(1).then(x => { print("then", x); return Promise.all([x, 2, new Promise(r => r(3))]); })
  .then(all => print("all", all)).finally(() => print("settled"));
(async () => { try { await Promise.reject(new Error("rejected")); } catch (e) { print("await", e.message); } })();

let seed = 42;
const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
const numbers = Array.from({ length: 50000 }, random).sort((x, y) => x - y);
print("sorted", numbers[0].toFixed(9), numbers[25000].toFixed(9), numbers[49999].toFixed(9));
const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);
print("fib", fib(22));
const sieve = new Uint8Array(200000);
let primes = 0;
for (let i = 2; i < sieve.length; i++) { if (!sieve[i]) { primes++; for (let j = i * 2; j < sieve.length; j += i) sieve[j] = 1; } }
print("primes", primes);
let pi = 0n;
{ // Machin's formula in big integers, 200 digits
  const one = 10n ** 210n, arctan = x => { let t = one / x, s = t, n = 3n; for (let k = -1n; t; k = -k, n += 2n) { t /= x * x; s += k * t / n; } return s; };
  pi = 4n * (4n * arctan(5n) - arctan(239n)) / 10n ** 10n;
}
print("pi", pi);
const counts = {};
for (const w of (text + " " + text.toUpperCase()).toLowerCase().match(/\w+/g)) counts[w] = (counts[w] || 0) + 1;
print("words", Object.entries(counts).sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1)).slice(0, 3).join(" "));
