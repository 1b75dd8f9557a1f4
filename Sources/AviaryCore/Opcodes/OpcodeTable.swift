/// Everything that is known of one operator. See `opcodes.tsv` for the columns.
public struct OpcodeRow: Sendable {
  /// 0 for none, else 0xFB…0xFE.
  public let prefix: UInt8
  public let code: UInt16
  public let mnemonic: String
  public let immediates: ImmediateKind
  public let signature: OpcodeSignature
  /// Natural alignment in bytes (memory accesses) or number of lanes (lane operators).
  public let width: UInt8
  public let mayTrap: Bool
  public let feature: Features

  init(
    _ prefix: UInt8, _ code: UInt16, _ mnemonic: String, _ immediates: ImmediateKind,
    _ signature: UInt32, _ width: UInt8, _ mayTrap: Bool, _ feature: Features
  ) {
    self.prefix = prefix
    self.code = code
    self.mnemonic = mnemonic
    self.immediates = immediates
    self.signature = OpcodeSignature(rawValue: signature)
    self.width = width
    self.mayTrap = mayTrap
    self.feature = feature
  }
}

/// Operand and result types of an operator in one word: up to four operands and two
/// results of 4 bits each (1 i32, 2 i64, 3 f32, 4 f64, 5 v128, 6 the memory's index
/// type), then the counts. `special` operators are typed by a rule of their own.
public struct OpcodeSignature: Sendable, Equatable, BitwiseCopyable {
  public var rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static var special: OpcodeSignature { .init(rawValue: 0xFFFF_FFFF) }
  @inlinable public var operandCount: Int { Int((rawValue >> 24) & 0xF) }
  @inlinable public var resultCount: Int { Int(rawValue >> 28) }
  /// Code 1…6 of operand `index`, the deepest first.
  @inlinable public func operandCode(_ index: Int) -> UInt32 { (rawValue >> UInt32(4 * index)) & 0xF }
  @inlinable public func resultCode(_ index: Int) -> UInt32 { (rawValue >> UInt32(16 + 4 * index)) & 0xF }
  /// The type of a code; `index` stands in for 6.
  @inlinable public static func type(code: UInt32, index: ValueType = .i32) -> ValueType {
    code == 6 ? index : ValueType(rawValue: 0x80 - code)
  }
}

/// The table of all operators; rows are generated.
public enum OpcodeTable {}

extension Opcode {
  public var row: OpcodeRow { OpcodeTable.rows[Int(rawValue)] }
  public var mnemonic: String { row.mnemonic }
}
