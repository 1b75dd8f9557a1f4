// QuickJS evaluates a script of objects, strings, closures and typed arrays.
#include "../kernels/kernel.h"
#include "quickjs.h"
#include <string.h>

static const char script[] =
  "(n => { let total = 0;\n"
  "for (let round = 0; round < n; round++) {\n"
  "  const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);\n"
  "  total += fib(16);\n"
  "  const list = Array.from({length: 2000}, (_, i) => ({key: (i * 7919 + round) % 2003, text: 'item ' + i}));\n"
  "  list.sort((a, b) => a.key - b.key);\n"
  "  total += list.filter(x => x.text.includes('7')).map(x => x.text.length).reduce((a, b) => a + b, 0);\n"
  "  const bytes = new Uint8Array(20000);\n"
  "  for (let i = 2; i < bytes.length; i++) if (!bytes[i]) { total++; for (let j = i * 2; j < bytes.length; j += i) bytes[j] = 1; }\n"
  "  total += JSON.stringify(JSON.parse(JSON.stringify(list.slice(0, 200)))).length;\n"
  "  total += 'the quick brown fox '.repeat(50).replace(/(\\w+) (\\w+)/g, '$2 $1').match(/o/g).length;\n"
  "} return total; })";

RUN {
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *context = JS_NewContext(runtime);
  JSValue function = JS_Eval(context, script, strlen(script), "bench", JS_EVAL_TYPE_GLOBAL);
  JSValue count = JS_NewInt32(context, n);
  JSValue result = JS_Call(context, function, JS_UNDEFINED, 1, &count);
  int64_t total = -1;
  if (!JS_IsException(result)) JS_ToInt64(context, &total, result);
  JS_FreeValue(context, result);
  JS_FreeValue(context, function);
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
  return total;
}
