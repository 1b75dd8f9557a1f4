import AviaryContract
import CAviaryContract

extension Assembler {
  /// What an epoch check calls when the poll word is set: the builtin, with all registers preserved but r11, xmm15
  /// and the flags.
  ///
  /// ```
  ///  return address in the function: the check's
  ///  rbp              <- rbp, so that the chain of frames holds the function's
  ///  xmm14 … xmm0     16 bytes each: vectors too
  ///  r10 … rax        <- rsp, aligned as at every call
  /// ```
  /// rbx, r12, r13 and r14 are kept by the builtin, over a suspension too.
  mutating func epochThunk(isMetered: Bool) {
    let integers: [GPR] = [.rax, .rcx, .rdx, .rsi, .rdi, .r8, .r9, .r10]
    let vectors = XMM.all.dropLast()
    let vectorsOffset = Int32(8 * integers.count)
    push(.rbp)
    move(.b64, .rbp, .rsp)
    alu(.sub, .b64, .rsp, immediate: vectorsOffset + Int32(16 * vectors.count))
    for (index, register) in integers.enumerated() { store(.b64, Address(.rsp, Int32(8 * index)), register) }
    for (index, register) in vectors.enumerated() {
      storeVector(Address(.rsp, vectorsOffset + Int32(16 * index)), register)
    }
    if isMetered { storeFuel() }
    move(.b64, .rdi, .r15)
    load(.b64, .r11, Address(.r15, Int32(AVIARY_VMCTX_BUILTINS)))
    call(Address(.r11, 8 * Int32(AVIARY_BUILTIN_EPOCH.rawValue)))
    if isMetered { loadFuel() }
    for (index, register) in integers.enumerated() { load(.b64, register, Address(.rsp, Int32(8 * index))) }
    for (index, register) in vectors.enumerated() {
      loadVector(register, Address(.rsp, vectorsOffset + Int32(16 * index)))
    }
    leave()
    ret()
  }
}
