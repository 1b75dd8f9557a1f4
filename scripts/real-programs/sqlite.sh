#!/usr/bin/env bash
# SQLite (the amalgamation in PyPI's sdist of `sqlean.py`) creates a database
# file in a preopened folder, runs joins and transactions on it, natively and
# as WebAssembly. Both print the same, write the same tables, and each reads
# the file that the other wrote.
source "$(dirname "$0")/common.sh"
sdist sqlean.py 3.50.4.5
sqlite=$work/sqlean.py/sqlite
build=$work/sqlite
mkdir -p "$build"

common=(-O2 -I"$sqlite" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION
  -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS
  "$sqlite/sqlite3.c" "$here/sqlite/driver.c")
if stale "$build/native" "$here"/sqlite{.sh,/driver.c}; then
  native_cc "${common[@]}" -lm -o "$build/native"
fi
# WASI has no advisory locks: one process owns the file, so "none" is right.
if stale "$build/sqlite.wasm" "$here"/sqlite{.sh,/driver.c}; then
  wasm_cc "${common[@]}" -DSQLITE_OMIT_WAL -Wno-unused-command-line-argument \
    -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_MMAN \
    -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lwasi-emulated-signal -lwasi-emulated-mman \
    -Wl,-z,stack-size=1048576 -o "$build/sqlite.wasm"
fi

sql=$here/sqlite/script.sql
rm -rf "$build/native.d" "$build/guest.d"
mkdir "$build/native.d" "$build/guest.d"
cp "$sql" "$build/guest.d/script.sql"
cp "$sql" "$build/native.d/script.sql"
(cd "$build/native.d" && "$build/native" test.db script.sql > "$build/native.txt")
timed $RUNNER --dir "$build/guest.d::/" "$build/sqlite.wasm" test.db script.sql > "$build/guest.txt"
same "sqlite script" "$build/native.txt" "$build/guest.txt"
"$build/native" "$build/native.d/test.db" --dump > "$build/native.dump"
"$build/native" "$build/guest.d/test.db" --dump > "$build/guest.dump"
same "sqlite database written by the guest" "$build/native.dump" "$build/guest.dump"
$RUNNER --dir "$build/native.d::/data" "$build/sqlite.wasm" /data/test.db --dump > "$build/read.dump"
same "sqlite database read by the guest" "$build/native.dump" "$build/read.dump"
