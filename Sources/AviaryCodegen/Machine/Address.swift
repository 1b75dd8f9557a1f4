/// The width of an integer operand.
package enum OperandSize: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case b8, b16, b32, b64

  @inline(__always)
  package var bytes: Int { 1 &<< Int(rawValue) }
}

/// The width of a scalar float operand.
package enum FloatSize: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case f32, f64

  @inline(__always)
  package var bytes: Int { self == .f32 ? 4 : 8 }
}

/// What an index register is multiplied with.
package enum Scale: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case x1, x2, x4, x8
}

/// A place in the code, known or still to come. Made by `Assembler.makeLabel`.
package struct Label: Equatable, Hashable, Sendable, BitwiseCopyable {
  package let index: Int32

  @inline(__always)
  package init(index: Int32) { self.index = index }
}

/// A memory operand: base + index × scale + displacement, or a label relative
/// to rip; with GS in front of either on demand.
package struct Address: Equatable, Sendable, BitwiseCopyable {
  @inline(__always) static var noRegister: UInt8 { 0xFF }
  @inline(__always) static var ripRelative: UInt8 { 0xFE }

  /// A hardware number, `noRegister` or `ripRelative`.
  let base: UInt8
  /// A hardware number other than rsp's, or `noRegister`.
  let index: UInt8
  let scale: Scale
  let usesGS: Bool
  package let displacement: Int32
  /// The label's index where the base is `ripRelative`.
  let label: Int32

  @inline(__always)
  private init(
    base: UInt8, index: UInt8, scale: Scale, usesGS: Bool, displacement: Int32, label: Int32
  ) {
    // Hardware number 4 in the index field means "none".
    assert(index != 4)
    self.base = base
    self.index = index
    self.scale = scale
    self.usesGS = usesGS
    self.displacement = displacement
    self.label = label
  }

  /// [base + displacement]
  @inline(__always)
  package init(_ base: GPR, _ displacement: Int32 = 0) {
    self.init(
      base: base.number, index: Self.noRegister, scale: .x1, usesGS: false,
      displacement: displacement, label: 0)
  }

  /// [base + index × scale + displacement]; the index can't be rsp.
  @inline(__always)
  package init(_ base: GPR, _ index: GPR, _ scale: Scale = .x1, _ displacement: Int32 = 0) {
    self.init(
      base: base.number, index: index.number, scale: scale, usesGS: false,
      displacement: displacement, label: 0)
  }

  /// [index × scale + displacement], which always takes a displacement of four bytes.
  @inline(__always)
  package init(index: GPR, _ scale: Scale, _ displacement: Int32 = 0) {
    self.init(
      base: Self.noRegister, index: index.number, scale: scale, usesGS: false,
      displacement: displacement, label: 0)
  }

  /// [displacement] in the lowest or highest 2 GiB: of use with GS only.
  @inline(__always)
  package init(absolute displacement: Int32) {
    self.init(
      base: Self.noRegister, index: Self.noRegister, scale: .x1, usesGS: false,
      displacement: displacement, label: 0)
  }

  /// [rip + label + displacement]
  @inline(__always)
  package init(_ label: Label, _ displacement: Int32 = 0) {
    self.init(
      base: Self.ripRelative, index: Self.noRegister, scale: .x1, usesGS: false,
      displacement: displacement, label: label.index)
  }

  /// The same address with the base of GS added.
  @inline(__always)
  package var inGS: Address {
    Address(
      base: base, index: index, scale: scale, usesGS: true, displacement: displacement,
      label: label)
  }

  /// The same address `bytes` further on. The sum must fit in 32 bits.
  @inline(__always)
  package func offset(by bytes: Int32) -> Address {
    Address(
      base: base, index: index, scale: scale, usesGS: usesGS,
      displacement: displacement + bytes, label: label)
  }
}

/// A condition on the flags, by its hardware number. After `ucomiss` and
/// `ucomisd` the unsigned ones apply, and `parity` means unordered.
package enum Condition: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case overflow, notOverflow
  /// Unsigned <; also carry set.
  case below
  /// Unsigned >=; also carry clear.
  case aboveOrEqual
  case equal, notEqual
  case belowOrEqual, above
  case negative, notNegative
  case parity, notParity
  case less, greaterOrEqual, lessOrEqual, greater

  @inline(__always)
  package init(number: UInt8) {
    self = unsafe unsafeBitCast(number & 15, to: Condition.self)
  }

  /// The condition that holds exactly when this one does not.
  @inline(__always)
  package var inverted: Condition { Condition(number: rawValue ^ 1) }

  /// The condition to use when the operands of the comparison are exchanged.
  package var swapped: Condition {
    switch self {
    case .below: .above
    case .above: .below
    case .belowOrEqual: .aboveOrEqual
    case .aboveOrEqual: .belowOrEqual
    case .less: .greater
    case .greater: .less
    case .lessOrEqual: .greaterOrEqual
    case .greaterOrEqual: .lessOrEqual
    default: self
    }
  }
}
