/// One value of the operand stack, and where it is at present.
///
/// | kind | the value is |
/// |---|---|
/// | const | `bits`; a vector's is in the pool at `index`, and `bits` says whether it is all zeros or all ones |
/// | local | what local `index` holds; `local.set` makes it a copy first (ValueStack) |
/// | gpr, xmm | in `register`, which this entry owns; a vector's `bits` may say that `areLaneNumbers` |
/// | slot | in the frame's canonical slot number `index` |
/// | flags | 0 or 1 by the machine's flags, under the condition `register`; the topmost entry only |
struct Entry: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case const, local, gpr, xmm, slot, flags
  }
  var kind: Kind
  var type: ValueClass
  var register: UInt8 = 0
  var index: UInt32 = 0
  var bits: UInt64 = 0

  @inline(__always) static func const(_ type: ValueClass, _ bits: UInt64) -> Entry {
    Entry(kind: .const, type: type, bits: bits)
  }
  @inline(__always) static func gpr(_ type: ValueClass, _ register: GPR) -> Entry {
    Entry(kind: .gpr, type: type, register: register.number)
  }
  @inline(__always) static func xmm(_ type: ValueClass, _ register: XMM) -> Entry {
    Entry(kind: .xmm, type: type, register: register.number)
  }
  @inline(__always) static func slot(_ type: ValueClass, _ index: Int) -> Entry {
    Entry(kind: .slot, type: type, index: UInt32(truncatingIfNeeded: index))
  }

  /// Of a vector in a register: each byte is known to be less than 16 or at least 128, so that swizzling by it needs no
  /// saturation. Whoever makes a new value pushes a new entry, and so forgets it.
  @inline(__always) var areLaneNumbers: Bool { kind == .xmm && type == .vector && bits != 0 }

  @inline(__always) var gpr: GPR { GPR(register) }
  @inline(__always) var xmm: XMM { XMM(register) }
  /// Of an integer constant, sign-extended from its width.
  @inline(__always) var signedValue: Int64 {
    type == .i32 ? Int64(Int32(truncatingIfNeeded: bits)) : Int64(bitPattern: bits)
  }
  /// Of an integer constant: the value where it can be an instruction's immediate.
  @inline(__always) var immediate: Int32? {
    guard kind == .const else { return nil }
    return Int32(exactly: signedValue)
  }
}

/// A condition on the flags: the machine's sixteen, and two that need the parity
/// flag as well after a comparison of floats. Inversion flips the lowest bit.
struct FlagCondition: Equatable, BitwiseCopyable {
  var number: UInt8
  @inline(__always) init(number: UInt8) { self.number = number }
  @inline(__always) init(_ condition: Condition) { number = condition.rawValue }
  /// Equal and not unordered.
  static var floatEqual: FlagCondition { .init(number: 16) }
  /// Not equal or unordered.
  static var floatNotEqual: FlagCondition { .init(number: 17) }
  @inline(__always) var inverted: FlagCondition { .init(number: number ^ 1) }
  @inline(__always) var isMachine: Bool { number < 16 }
  @inline(__always) var machine: Condition { Condition(number: number) }
}
