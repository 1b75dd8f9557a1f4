/// What the validator needs of an operator with a fixed signature, packed so that the
/// common case is a few compares.
struct PackedSignature: BitwiseCopyable {
  /// Type on top of the operand stack.
  var top: UInt32
  /// Type below it, compared under `belowMask` (0 where there is one operand).
  var below: UInt32
  var belowMask: UInt32
  var result: UInt32
  var pops: UInt8
  var pushes: UInt8
  /// log2 of the natural alignment of a memory access.
  var alignLog2: UInt8
  /// More than two operands or one result: takes the slow path.
  var isLong: Bool

  /// - Parameter index: the type that stands for a memory's index type.
  init(_ row: OpcodeRow, index: ValueType) {
    let signature = row.signature
    let isFixed = signature != .special
    let operands = isFixed ? signature.operandCount : 0
    let results = isFixed ? signature.resultCount : 0
    pops = UInt8(operands)
    pushes = UInt8(results)
    alignLog2 = UInt8(truncatingIfNeeded: max(Int(row.width), 1).trailingZeroBitCount)
    isLong = !isFixed || operands > 2 || operands == 0 || results > 1
    func operand(_ position: Int) -> UInt32 {
      OpcodeSignature.type(code: signature.operandCode(position), index: index).rawValue
    }
    top = operands >= 1 ? operand(operands - 1) : 0
    below = operands >= 2 ? operand(operands - 2) : 0
    belowMask = operands >= 2 ? .max : 0
    result = results >= 1 ? OpcodeSignature.type(code: signature.resultCode(0), index: index).rawValue : 0
  }
}

/// The packed signatures of all operators, for 32-bit and for 64-bit memories; made once.
@safe struct OperatorSignatures: Sendable {
  /// Entry per opcode number. Never freed.
  nonisolated(unsafe) let index32: UnsafePointer<PackedSignature>
  nonisolated(unsafe) let index64: UnsafePointer<PackedSignature>

  static let shared = OperatorSignatures()

  private init() {
    unsafe index32 = Self.make(.i32)
    unsafe index64 = Self.make(.i64)
  }

  private static func make(_ index: ValueType) -> UnsafePointer<PackedSignature> {
    let rows = OpcodeTable.rows
    let packed = UnsafeMutablePointer<PackedSignature>.allocate(capacity: rows.count)
    for (number, row) in rows.enumerated() {
      unsafe (packed + number).initialize(to: PackedSignature(row, index: index))
    }
    return unsafe UnsafePointer(packed)
  }
}
