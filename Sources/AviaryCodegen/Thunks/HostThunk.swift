package import AviaryCore
import CAviaryContract

extension Thunks {
  private static let callHost = Int32(
    unsafe MemoryLayout<AviaryHostFunction>.offset(of: \.call_host)!)

  /// What wasm code calls as a host function: r15 = `AviaryHostFunction`,
  /// r10 = the caller's context.
  ///
  /// ```
  ///  stack arguments
  ///  return address
  ///  rbp          <- rbp
  ///  host function    [rbp-8], as in every frame
  ///  result area's address, or nothing  [rbp-16]
  ///  values       <- rsp: max(parameters, results) of them
  /// ```
  /// Where fuel is metered, the host finds it in the store, from the first instruction on.
  /// - Parameter waits: of a host function that does nothing but suspend its guest. The call pushes its return address and
  ///   jumps: it does not return as calls do, and would leave the processor's prediction of returns one off.
  package static func host(_ type: FunctionType, isMetered: Bool = false, waits: Bool = false) -> [UInt8] {
    let layout = SignatureLayout(type)
    var asm = Assembler(capacity: 512)
    if isMetered { asm.storeFuel() }
    asm.push(.rbp)
    asm.move(.b64, .rbp, .rsp)
    asm.push(.r15)
    switch layout.resultArea {
    case .gpr(let register): asm.push(register)
    case .stack(let offset): asm.push(Address(.rbp, 16 + offset))
    default: asm.push(.r15)  // keeps rsp aligned
    }
    let count = max(type.parameters.count, type.results.count)
    if count > 0 { asm.alu(.sub, .b64, .rsp, immediate: Int32(count) * valueBytes) }

    for (index, place) in layout.parameters.enumerated() {
      let parameter = type.parameters[index]
      if case .stack(let offset) = place {
        asm.copyValue(
          parameter, value(.rsp, index), Address(.rbp, 16 + offset), scratch: .rax)
      } else {
        asm.storeValue(parameter, value(.rsp, index), place)
      }
    }
    asm.move(.b64, .rdi, .r15)
    asm.move(.b64, .rsi, .r10)
    asm.move(.b64, .rdx, .rsp)
    if waits {
      let next = asm.makeLabel()
      asm.lea(.b64, .r11, Address(next))
      asm.push(.r11)
      asm.jump(Address(.r15, callHost))
      asm.bind(next)
    } else {
      asm.call(Address(.r15, callHost))
    }
    if isMetered { asm.loadFuel() }

    // It returns only when the host function succeeded. The area first, while
    // r11 and rax are free.
    if layout.resultArea != nil {
      asm.load(.b64, .r11, Address(.rbp, -16))
      for (index, place) in layout.results.enumerated() {
        guard case .stack(let offset) = place else { continue }
        asm.copyValue(
          type.results[index], Address(.r11, offset), value(.rsp, index), scratch: .rax)
      }
    }
    for (index, place) in layout.results.enumerated() {
      if case .stack = place { continue }
      asm.loadValue(type.results[index], place, value(.rsp, index))
    }
    asm.leave()
    asm.ret(popping: UInt16(truncatingIfNeeded: layout.argumentBytes))
    asm.finish()
    return asm.code.bytes()
  }
}
