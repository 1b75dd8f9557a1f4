import AviaryCore
import AviaryPool
import CAviaryContract

/// Values of constant expressions. Iterative; the expressions were validated, and what
/// does not read as one all the same is an error and no crash.
struct ConstantEvaluator {
  let instance: InstanceState

  func evaluate(_ expression: ConstantExpression) throws(VMError) -> AviaryValue {
    switch expression.simple {
    case .i32(let value), .f32(let value): return AviaryValue(low: UInt64(value), high: 0)
    case .i64(let value), .f64(let value): return AviaryValue(low: value, high: 0)
    case .v128(let low, let high): return AviaryValue(low: low, high: high)
    case .globalGet(let index): return try global(index)
    case .refNull: return AviaryValue(low: 0, high: 0)
    case .refFunc(let index): return try function(index)
    case nil: return try run(expression.range)
    }
  }

  private func global(_ index: UInt32) throws(VMError) -> AviaryValue {
    guard Int(index) < instance.module.info.globals.count else { throw ConstantEvaluator.unreadable }
    return unsafe instance.globalCells[Int(index)].pointee
  }

  private func function(_ index: UInt32) throws(VMError) -> AviaryValue {
    guard Int(index) < instance.module.info.functions.count else { throw ConstantEvaluator.unreadable }
    return AviaryValue(low: UInt64(UInt(bitPattern: unsafe instance.functionRef(index))), high: 0)
  }

  private static let unreadable = VMError.unsupported("a constant expression uses an instruction that is not supported")

  private func run(_ range: Range<Int>) throws(VMError) -> AviaryValue {
    var reader = Reader(bytes: instance.module.info.bytes, position: range.lowerBound, end: range.upperBound)
    var stack: [AviaryValue] = []
    func pop() throws(VMError) -> UInt64 {
      guard let value = stack.popLast() else { throw ConstantEvaluator.unreadable }
      return value.low
    }
    func push(_ value: UInt64) { stack.append(AviaryValue(low: value, high: 0)) }
    func binary(_ operation: (UInt64, UInt64) -> UInt64, mask: UInt64) throws(VMError) {
      let right = try pop()
      push(operation(try pop(), right) & mask)
    }
    while true {
      switch try reader.byte() {
      case 0x0B:
        guard stack.count == 1, let value = stack.last else { throw ConstantEvaluator.unreadable }
        return value
      case 0x23: stack.append(try global(try reader.index()))
      case 0x41: push(UInt64(bitPattern: try reader.leb()) & 0xFFFF_FFFF)
      case 0x42: push(UInt64(bitPattern: try reader.leb()))
      case 0x43: push(try reader.word(bytes: 4))
      case 0x44: push(try reader.word(bytes: 8))
      case 0x6A: try binary({ $0 &+ $1 }, mask: 0xFFFF_FFFF)
      case 0x6B: try binary({ $0 &- $1 }, mask: 0xFFFF_FFFF)
      case 0x6C: try binary({ $0 &* $1 }, mask: 0xFFFF_FFFF)
      case 0x7C: try binary({ $0 &+ $1 }, mask: .max)
      case 0x7D: try binary({ $0 &- $1 }, mask: .max)
      case 0x7E: try binary({ $0 &* $1 }, mask: .max)
      case 0xD0:
        _ = try reader.leb()
        push(0)
      case 0xD2: stack.append(try function(try reader.index()))
      case 0xFD:
        guard try reader.index() == 12 else { throw ConstantEvaluator.unreadable }
        let low = try reader.word(bytes: 8)
        stack.append(AviaryValue(low: low, high: try reader.word(bytes: 8)))
      default: throw ConstantEvaluator.unreadable
      }
    }
  }

  private struct Reader {
    let bytes: ModuleBytes
    var position: Int
    let end: Int

    mutating func byte() throws(VMError) -> UInt8 {
      guard position < end, position < bytes.count else { throw ConstantEvaluator.unreadable }
      defer { position += 1 }
      return unsafe bytes.buffer[position]
    }

    mutating func index() throws(VMError) -> UInt32 {
      var result: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 35, by: 7) {
        let byte = try byte()
        result |= UInt64(byte & 0x7F) << shift
        if byte & 0x80 == 0 { return UInt32(truncatingIfNeeded: result) }
      }
      throw ConstantEvaluator.unreadable
    }

    /// Signed.
    mutating func leb() throws(VMError) -> Int64 {
      var result: UInt64 = 0
      var shift: UInt64 = 0
      while true {
        let byte = try byte()
        result |= UInt64(byte & 0x7F) << shift
        shift += 7
        if byte & 0x80 == 0 {
          if byte & 0x40 != 0, shift < 64 { result |= .max << shift }
          return Int64(bitPattern: result)
        }
        guard shift < 70 else { throw ConstantEvaluator.unreadable }
      }
    }

    mutating func word(bytes count: Int) throws(VMError) -> UInt64 {
      var result: UInt64 = 0
      for index in 0..<count { result |= UInt64(try byte()) << UInt64(8 * index) }
      return result
    }
  }
}
