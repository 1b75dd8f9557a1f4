// A small SQL shell.
//   driver DATABASE SCRIPT   runs the script, prints every row and error
//   driver DATABASE --dump   prints the schema and every row of every table
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The package's amalgamation calls this to register its own extensions.
int sqlite3_sqlean_init(sqlite3 *db, char **error, const void *api) {
  (void)db, (void)error, (void)api;
  return SQLITE_OK;
}

#ifdef __wasi__
// WASI has no file modes, and the library calls fchmod wherever stat shows none.
static int no_permissions(int file, unsigned mode) {
  (void)file, (void)mode;
  return 0;
}
#endif

// Prints the rows of one statement; false where SQL remains that is wrong.
static int print_rows(sqlite3 *db, sqlite3_stmt *statement) {
  int columns = sqlite3_column_count(statement), code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    for (int i = 0; i < columns; i++) {
      const unsigned char *text = sqlite3_column_text(statement, i);
      printf("%s%s", i ? "|" : "", text ? (const char *)text : "NULL");
    }
    putchar('\n');
  }
  if (code != SQLITE_DONE) printf("error: %s\n", sqlite3_errmsg(db));
  return code == SQLITE_DONE;
}

static void execute(sqlite3 *db, const char *sql) {
  while (*sql) {
    sqlite3_stmt *statement = 0;
    const char *rest = sql;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, &rest) != SQLITE_OK) {
      printf("error: %s\n", sqlite3_errmsg(db));
      rest = strchr(sql, ';');  // A statement that does not parse ends at its semicolon.
      rest = rest ? rest + 1 : sql + strlen(sql);
    }
    if (statement) print_rows(db, statement);
    sqlite3_finalize(statement);
    sql = rest;
  }
}

static void dump(sqlite3 *db) {
  execute(db, "PRAGMA integrity_check; SELECT sql FROM sqlite_schema ORDER BY name");
  sqlite3_stmt *tables = 0;
  sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &tables, 0);
  while (sqlite3_step(tables) == SQLITE_ROW) {
    char *sql = sqlite3_mprintf("SELECT '%q', * FROM \"%w\"", sqlite3_column_text(tables, 0), sqlite3_column_text(tables, 0));
    execute(db, sql);
    sqlite3_free(sql);
  }
  sqlite3_finalize(tables);
}

static char *contents(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return perror(path), NULL;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *bytes = malloc(size + 1);
  bytes[fread(bytes, 1, size, file)] = 0;
  fclose(file);
  return bytes;
}

int main(int count, char **arguments) {
  if (count != 3) return fprintf(stderr, "usage: driver DATABASE SCRIPT|--dump\n"), 2;
  sqlite3 *db;
  const char *vfs = NULL;
#ifdef __wasi__
  vfs = "unix-none";
  sqlite3_initialize();
  sqlite3_vfs *unix_none = sqlite3_vfs_find(vfs);
  unix_none->xSetSystemCall(unix_none, "fchmod", (sqlite3_syscall_ptr)no_permissions);
#endif
  if (sqlite3_open_v2(arguments[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs)) {
    return fprintf(stderr, "%s: %s\n", arguments[1], sqlite3_errmsg(db)), 1;
  }
  if (!strcmp(arguments[2], "--dump")) {
    dump(db);
  } else {
    char *sql = contents(arguments[2]);
    if (!sql) return 1;
    execute(db, sql);
    free(sql);
  }
  return sqlite3_close(db) != SQLITE_OK;
}
