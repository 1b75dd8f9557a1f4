package import AviaryCore

/// Integer values of constant expressions that are known without an instance: those that depend on
/// no import. Iterative, and total: what does not read as such an expression has no value.
package struct StaticValues: Sendable {
  private let bytes: ModuleBytes
  /// Of the globals that come first; nil: not known.
  private var globals: [UInt64?] = []

  package init(_ info: ModuleInfo) {
    bytes = info.bytes
    globals.reserveCapacity(info.globals.count)
    // An expression reads globals before its own only, so that nothing recurses on the guest's input.
    for global in info.globals {
      if let initial = global.initial, !global.type.isMutable {
        globals.append(value(of: initial))
      } else {
        globals.append(nil)
      }
    }
  }

  /// An i32 is zero-extended.
  package func value(of expression: ConstantExpression) -> UInt64? {
    switch expression.simple {
    case .i32(let value): UInt64(value)
    case .i64(let value): value
    case .globalGet(let index): global(UInt64(index))
    case nil: run(expression.range)
    default: nil
    }
  }

  private func global(_ index: UInt64) -> UInt64? { index < UInt64(globals.count) ? globals[Int(index)] : nil }

  private func run(_ range: Range<Int>) -> UInt64? {
    var position = range.lowerBound
    let end = min(range.upperBound, bytes.count)
    var stack: [UInt64] = []
    while position < end {
      let opcode = unsafe bytes.buffer[position]
      position += 1
      switch opcode {
      case 0x0B: return stack.count == 1 ? stack[0] : nil
      case 0x23, 0x41, 0x42:
        guard let operand = leb(&position, end) else { return nil }
        if opcode == 0x23 {
          // Of a number below 2^32 the low bits are right, signed or not.
          guard let value = global(UInt64(bitPattern: operand) & 0xFFFF_FFFF) else { return nil }
          stack.append(value)
        } else {
          stack.append(UInt64(bitPattern: operand) & (opcode == 0x41 ? 0xFFFF_FFFF : .max))
        }
      case 0x6A...0x6C, 0x7C...0x7E:
        guard let right = stack.popLast(), let left = stack.popLast() else { return nil }
        let result =
          switch opcode {
          case 0x6A, 0x7C: left &+ right
          case 0x6B, 0x7D: left &- right
          default: left &* right
          }
        stack.append(result & (opcode < 0x7C ? 0xFFFF_FFFF : .max))
      default: return nil
      }
    }
    return nil
  }

  /// Signed LEB128 of at most 64 bits.
  private func leb(_ position: inout Int, _ end: Int) -> Int64? {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while position < end, shift < 70 {
      let byte = unsafe bytes.buffer[position]
      position += 1
      result |= UInt64(byte & 0x7F) << shift
      shift += 7
      if byte & 0x80 == 0 {
        if byte & 0x40 != 0, shift < 64 { result |= .max << shift }
        return Int64(bitPattern: result)
      }
    }
    return nil
  }
}
