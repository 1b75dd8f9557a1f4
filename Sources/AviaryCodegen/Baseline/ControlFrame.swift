import AviaryCore

/// An open block.
struct ControlFrame: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case function, block, loop
    /// The first arm of an `if`, while no `else` was seen.
    case then
    case otherwise
    case tryTable
    /// While no `catch` was seen, and behind the first.
    case legacyTry, legacyCatch
  }
  var kind: Kind
  /// Where branches go: a loop's head, any other block's end.
  var label: Label
  /// Of `then`: where the second arm starts.
  var elseLabel: Label
  /// The operand stack's height below the block's parameters.
  var height: Int32
  var parameterCount: UInt32
  var resultCount: UInt32
  var type: BlockType
  /// A jump table refers to the label, which the assembler does not know yet.
  var isTableTarget = false
  /// Bytes of operators since the latest epoch check: on the longest of the ways that branch to the block's end, and at an
  /// `if`'s condition.
  var branchPath: UInt32 = 0
  var conditionPath: UInt32 = 0
  /// The innermost handler around the block's operators, a number of the chunk's; -1: none in this function.
  var handler: Int32
  /// Of a try: its own.
  var ownHandler: Int32 = -1
  /// While a jump table with values is emitted: where it brings them to this block.
  var tableStub: Label?

  @inline(__always) var isTry: Bool { ownHandler >= 0 }
  /// Values that a branch to this block carries.
  @inline(__always) var arity: Int { Int(kind == .loop ? parameterCount : resultCount) }
  /// A single value travels in rax or xmm0, unless the block is a loop.
  @inline(__always) var joinsInRegister: Bool { kind != .loop && resultCount == 1 }
}
