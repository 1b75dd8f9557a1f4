// Runs one script with `print` defined, then the promise jobs it left behind.
#include "quickjs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static JSValue print(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self;
  for (int i = 0; i < count; i++) {
    const char *text = JS_ToCString(context, arguments[i]);
    if (!text) return JS_EXCEPTION;
    printf("%s%s", i ? " " : "", text);
    JS_FreeCString(context, text);
  }
  putchar('\n');
  return JS_UNDEFINED;
}

static int report(JSContext *context) {
  JSValue error = JS_GetException(context);
  const char *text = JS_ToCString(context, error);
  fprintf(stderr, "uncaught: %s\n", text ? text : "?");
  JS_FreeCString(context, text);
  JS_FreeValue(context, error);
  return 1;
}

int main(int count, char **arguments) {
  if (count != 2) return fprintf(stderr, "usage: driver SCRIPT\n"), 2;
  FILE *file = fopen(arguments[1], "rb");
  if (!file) return perror(arguments[1]), 1;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *source = malloc(size + 1);
  source[fread(source, 1, size, file)] = 0;
  fclose(file);

  JSRuntime *runtime = JS_NewRuntime();
  JSContext *context = JS_NewContext(runtime);
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "print", JS_NewCFunction(context, print, "print", 1));
  JS_FreeValue(context, global);

  int failed = 0;
  JSValue result = JS_Eval(context, source, strlen(source), arguments[1], JS_EVAL_TYPE_GLOBAL);
  if (JS_IsException(result)) failed = report(context);
  JS_FreeValue(context, result);
  JSContext *job;
  int code;
  while ((code = JS_ExecutePendingJob(runtime, &job)) != 0) {
    if (code < 0) failed = report(job);
  }
  free(source);
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
  return failed;
}
