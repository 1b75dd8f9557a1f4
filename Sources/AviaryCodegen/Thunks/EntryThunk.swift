package import AviaryCore
import CAviaryContract

/// Code between C and wasm: one entry thunk and one host thunk per function
/// type, free of absolute addresses (docs/abi.md, "Entering and leaving").
package enum Thunks {
  /// An `AviaryValue`'s size.
  static let valueBytes: Int32 = 16

  static func value(_ base: GPR, _ index: Int) -> Address {
    // At most a thousand values, by the decoder's limits.
    Address(base, Int32(index) * valueBytes)
  }

  /// (vmctx rdi, code rsi, values rdx) by C's rules: calls `code` by wasm's.
  ///
  /// ```
  ///  return address
  ///  rbp          <- rbp
  ///  vmctx        [rbp-8], as in every frame
  ///  r15          [rbp-16]
  ///  r14          [rbp-24]
  ///  values       [rbp-32]
  ///  result area
  ///  stack arguments  <- rsp at the call
  /// ```
  /// rbx, r12 and r13 are not touched here and kept by wasm code; where fuel is metered, r13 is what is left of it,
  /// and whoever calls the thunk keeps his own.
  package static func entry(_ type: FunctionType, isMetered: Bool = false) -> [UInt8] {
    let layout = SignatureLayout(type)
    var asm = Assembler(capacity: 512)
    asm.push(.rbp)
    asm.move(.b64, .rbp, .rsp)
    asm.push(.rdi)
    asm.push(.r15)
    asm.push(.r14)
    asm.push(.rdx)
    let area = layout.resultAreaBytes + layout.argumentBytes
    if area > 0 { asm.alu(.sub, .b64, .rsp, immediate: area) }
    asm.move(.b64, .r15, .rdi)
    asm.load(
      .b64, .r14, Address(.r15, Int32(AVIARY_VMCTX_MEMORY0_BASE)))
    asm.move(.b64, .r11, .rsi)
    asm.move(.b64, .r10, .rdx)

    // Stack slots first, while rax is free and nothing is loaded yet.
    for (index, place) in layout.parameters.enumerated() {
      guard case .stack(let offset) = place else { continue }
      asm.copyValue(
        type.parameters[index], Address(.rsp, offset), value(.r10, index), scratch: .rax)
    }
    if case .stack(let offset) = layout.resultArea {
      asm.lea(.b64, .rax, Address(.rsp, layout.argumentBytes))
      asm.store(.b64, Address(.rsp, offset), .rax)
    }
    for (index, place) in layout.parameters.enumerated() {
      if case .stack = place { continue }
      asm.loadValue(type.parameters[index], place, value(.r10, index))
    }
    if case .gpr(let register) = layout.resultArea {
      asm.lea(.b64, register, Address(.rsp, layout.argumentBytes))
    }
    if isMetered { asm.loadFuel() }
    asm.zero(.r10)
    asm.call(.r11)
    if isMetered { asm.storeFuel() }

    // The callee popped the arguments: rsp is at the result area.
    asm.load(.b64, .r11, Address(.rbp, -32))
    for (index, place) in layout.results.enumerated() {
      if case .stack = place { continue }
      asm.storeValue(type.results[index], value(.r11, index), place)
    }
    for (index, place) in layout.results.enumerated() {
      guard case .stack(let offset) = place else { continue }
      asm.copyValue(
        type.results[index], value(.r11, index), Address(.rsp, offset), scratch: .rax)
    }
    asm.load(.b64, .r14, Address(.rbp, -24))
    asm.load(.b64, .r15, Address(.rbp, -16))
    asm.leave()
    asm.ret()
    asm.finish()
    return asm.code.bytes()
  }
}
