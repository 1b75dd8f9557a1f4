#!/usr/bin/env bash
# Rebuilds words.wasm. Needs `pip install ziglang`, or set CC to another
# compiler for wasm32-wasi.
set -eu
cd "$(dirname "$0")"
${CC:-python3 -m ziglang cc -target wasm32-wasi} -Os -s words.c -o words.wasm
