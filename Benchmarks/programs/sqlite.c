// SQLite fills an in-memory database and joins, groups and updates it n times.
#include "../kernels/kernel.h"
#include <sqlite3.h>

// The package's amalgamation calls this to register its own extensions.
int sqlite3_sqlean_init(sqlite3 *db, char **error, const void *api) {
  (void)db, (void)error, (void)api;
  return SQLITE_OK;
}

static uint64_t hash;
static int row(void *context, int columns, char **values, char **names) {
  (void)context, (void)names;
  for (int i = 0; i < columns; i++)
    for (const char *c = values[i] ? values[i] : ""; *c; c++) hash = (hash ^ (uint8_t)*c) * 1099511628211u;
  return 0;
}

RUN {
  sqlite3 *db;
  hash = 14695981039346656037u;
  for (int32_t round = 0; round < n; round++) {
    if (sqlite3_open(":memory:", &db)) return -1;
    int code = sqlite3_exec(db,
      "CREATE TABLE a(id INTEGER PRIMARY KEY, name TEXT, value REAL);"
      "CREATE TABLE b(id INTEGER PRIMARY KEY, a INTEGER, note TEXT);"
      "BEGIN;"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
      "  INSERT INTO a SELECT i, 'name ' || (i * 7919 % 2000), i * 0.25 FROM n;"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
      "  INSERT INTO b SELECT i, i * 31 % 2000, printf('note %05d', i * 17 % 6000) FROM n;"
      "COMMIT;"
      "CREATE INDEX a_name ON a(name); CREATE INDEX b_a ON b(a);"
      "SELECT count(*), sum(a.value), max(b.note) FROM a JOIN b ON b.a = a.id GROUP BY a.id % 10;"
      "SELECT a.name, count(*) c FROM a LEFT JOIN b ON b.a = a.id WHERE a.name LIKE '%7%' GROUP BY a.name ORDER BY c DESC, 1 LIMIT 20;"
      "UPDATE a SET value = value * 2 WHERE id IN (SELECT a FROM b WHERE note > 'note 03000');"
      "DELETE FROM b WHERE id % 3 = 0;"
      "SELECT sum(value), (SELECT count(*) FROM b) FROM a;",
      row, 0, 0);
    sqlite3_close(db);
    if (code) return code;
  }
  return (int64_t)hash;
}
