# C++ with WebAssembly exceptions; sourced after common.sh.
#
# The libc++ that `zig c++` links for WASI is built without exceptions. This
# builds LLVM's libc++, libc++abi and the WebAssembly part of libunwind from the
# sources that come with ziglang, once for each form of exceptions:
#   new     try_table, throw_ref, exnref (WebAssembly 3.0)
#   legacy  try, catch, rethrow, which toolchains still emit by default
llvm=$("$python" -c 'import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), "lib"))')

# Zig puts its own list of features behind -msimd128 and the like; only -mcpu counts.
cxx_cpu=lime1+exception_handling+reference_types

# cxx_flags FORM: what every C++ source is compiled with.
cxx_flags() {
  local legacy=false
  [ "$1" = legacy ] && legacy=true
  echo "-target wasm32-wasi -mcpu=$cxx_cpu -g0 -fwasm-exceptions -mllvm -wasm-use-legacy-eh=$legacy"
}

# cxx_runtime FORM: builds $work/cxx-FORM/libcxx.a.
cxx_runtime() {
  local dir=$work/cxx-$1 source object flags
  stale "$dir/libcxx.a" "$here/cxx-runtime.sh" || return 0
  rm -rf "$dir"
  mkdir -p "$dir"
  flags="$(cxx_flags "$1") -Os -w -I$llvm/libunwind/include -I$llvm/libunwind/src"
  local cxx="$flags -std=c++23 -I$llvm/libcxx/src -I$llvm/libcxx/libc -I$llvm/libcxxabi/src -D_LIBCPP_BUILDING_LIBRARY"
  for source in any algorithm bind call_once charconv chrono error_category exception expected fstream functional hash ios \
    ios.instantiations iostream locale memory memory_resource new_handler new_helpers optional ostream print random regex \
    ryu/d2fixed ryu/d2s ryu/f2s stdexcept string strstream system_error typeinfo valarray variant vector verbose_abort; do
    "$python" -m ziglang c++ $cxx -DLIBCXX_BUILDING_LIBCXXABI -DLIBC_NAMESPACE=__llvm_libc_common_utils \
      -c "$llvm/libcxx/src/$source.cpp" -o "$dir/cxx-${source/\//-}.o"
  done
  for source in abort_message cxa_aux_runtime cxa_default_handlers cxa_demangle cxa_exception cxa_exception_storage cxa_guard \
    cxa_handlers cxa_personality cxa_vector cxa_virtual fallback_malloc private_typeinfo stdlib_exception \
    stdlib_new_delete stdlib_stdexcept stdlib_typeinfo; do
    "$python" -m ziglang c++ $cxx -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCXXABI_HAS_NO_THREADS \
      -DLIBCXXABI_NON_DEMANGLING_TERMINATE -c "$llvm/libcxxabi/src/$source.cpp" -o "$dir/abi-$source.o"
  done
  "$python" -m ziglang cc $flags -fdeclspec -D_LIBUNWIND_IS_NATIVE_ONLY \
    -c "$llvm/libunwind/src/Unwind-wasm.c" -o "$dir/unwind.o"
  # The tag of C++'s exceptions, which the linker expects from the runtime.
  printf '\t.tagtype __cpp_exception i32\n\t.globl __cpp_exception\n__cpp_exception:\n' > "$dir/tag.s"
  "$python" -m ziglang cc -target wasm32-wasi -mcpu=$cxx_cpu -c "$dir/tag.s" -o "$dir/tag.o"
  "$python" -m ziglang ar rcs "$dir/libcxx.a" "$dir"/*.o
}

# wasm_cxx FORM OUT.wasm SOURCE COMPILER-FLAGS... [-- LINKER-FLAGS...]
wasm_cxx() {
  local form=$1 out=$2 source=$3 compiler=()
  shift 3
  while [ $# -gt 0 ] && [ "$1" != -- ]; do compiler+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  cxx_runtime "$form"
  "$python" -m ziglang c++ $(cxx_flags "$form") "${compiler[@]}" -c "$source" -o "$out.o"
  # Linked as C, or zig would add its own libc++.
  "$python" -m ziglang cc -target wasm32-wasi -mcpu=$cxx_cpu "$out.o" "$work/cxx-$form/libcxx.a" -Wl,--strip-debug "$@" -o "$out"
  rm "$out.o"
}
