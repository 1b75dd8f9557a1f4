/// Types one function body after the other: the sink that every body passes before anyone else sees it.
///
/// ```
///  operand stack   │ pad pad │ outer blocks' operands │ this block's operands │ free … │
///                  bottom-2  bottom                   base                    top      limit
///  control stack   │ function │ block │ loop │ … frames, with the height of their base
/// ```
/// Operands are raw `ValueType`s; `bottom` (0) is what unreachable code provides. The two pad words
/// let the fast path look at two operands before it knows how many there are.
///
/// Invariants: bottom ≤ base ≤ top ≤ limit; base is that of the innermost frame; every concrete
/// type on the stack names a type of the module. Every push compares with the limit.
///
/// The storage is kept from function to function. Errors have the wording of the reference
/// interpreter. Source: WebAssembly 3.0 section 3.4 and appendix 7.3.
@safe struct FunctionValidator: OperatorSink, ~Copyable {
  var operatorOffset: UInt32 = 0

  let tables: ModuleTables
  let lattice: TypeLattice
  let functions: FlatArray<UInt32>
  let signatures: FlatArray<ModuleTables.Signature>
  let values: FlatArray<UInt32>
  let globals: FlatArray<UInt32>
  /// Globals that may be named: all in bodies, fewer in constant expressions.
  var visibleGlobals: UInt32
  let operators: UnsafePointer<PackedSignature>
  /// `operators` for memory 0's index type; nil where there is no memory 0.
  let memory0Operators: UnsafePointer<PackedSignature>?

  // Operand stack
  private(set) var bottom: UnsafeMutablePointer<UInt32>
  private(set) var limit: UnsafeMutablePointer<UInt32>
  var top: UnsafeMutablePointer<UInt32>
  var base: UnsafeMutablePointer<UInt32>

  // Control stack
  var frames: UnsafeMutablePointer<ControlFrame>
  /// Per frame the type of a block type of one value, as a list of one.
  var frameValues: UnsafeMutablePointer<UInt32>
  var frameCount = 0
  var frameCapacity: Int

  // Locals
  let locals: UnsafeMutablePointer<UInt32>
  var localCount: UInt32 = 0
  /// Locals without a default that were set, in order; frames remember how many.
  var initialized: [UInt32] = []
  /// Per local without a default: set. Others are not in it.
  var isInitialized: Set<UInt32> = []

  // What facts are made of
  var hasForeignTailCalls = false
  /// Functions named by `ref.func` in constant expressions.
  var isConstantExpression = false

  init(_ tables: ModuleTables) {
    self.tables = tables
    lattice = tables.lattice
    functions = tables.functions
    signatures = tables.signatures
    values = tables.values
    globals = tables.globals
    visibleGlobals = tables.globals.count
    unsafe operators = OperatorSignatures.shared.index32
    let is64 = tables.memories64[0]
    unsafe memory0Operators = is64.map {
      unsafe $0 ? OperatorSignatures.shared.index64 : OperatorSignatures.shared.index32
    }
    let capacity = 4096
    let words = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    unsafe words.initialize(repeating: 0, count: 2)
    unsafe bottom = words + 2
    unsafe limit = words + capacity
    unsafe top = words + 2
    unsafe base = words + 2
    frameCapacity = 256
    unsafe frames = .allocate(capacity: frameCapacity)
    unsafe frameValues = .allocate(capacity: frameCapacity)
    unsafe locals = .allocate(capacity: Limits.locals)
  }

  deinit {
    unsafe (bottom - 2).deallocate()
    unsafe frames.deallocate()
    unsafe frameValues.deallocate()
    unsafe locals.deallocate()
  }

  // MARK: Bodies

  /// Validates a function's body, locals' declarations included.
  mutating func validate(
    function: UInt32, body: Range<Int>, reader: inout OperatorReader
  ) throws(ModuleError) {
    guard let type = functions[function] else { preconditionFailure("function \(function) does not exist") }
    reader.move(to: ByteCursor(tables.info.bytes, in: body))
    try begin(type: type)
    // A closure can't mutate a ~Copyable `self`, so runs come through a list.
    var runs: [(count: UInt32, type: ValueType)] = []
    try reader.readLocals { (count: UInt32, type: ValueType) throws(ModuleError) in runs.append((count, type)) }
    for run in runs { try declareLocals(run.count, run.type, offset: body.lowerBound) }
    while frameCount > 0 {
      guard !reader.isAtEnd else {
        throw ModuleError(.malformed, "END opcode expected", offset: body.upperBound)
      }
      try reader.next(&self)
    }
    guard reader.isAtEnd else {
      throw ModuleError(.malformed, "section size mismatch", offset: reader.cursor.offset)
    }
  }

  /// Starts on a function: parameters are its first locals, its results the outermost block's.
  private mutating func begin(type: UInt32) throws(ModuleError) {
    reset()
    try pushFrame(.function, .index(type))
    // The outermost block takes no operands, whatever the function's parameters are.
    guard let signature = signatures[type] else { preconditionFailure("type \(type) does not exist") }
    let parameters = list(signature.start, signature.parameters)
    for index in 0..<parameters.count { unsafe (locals + index).initialize(to: parameters[index]) }
    localCount = UInt32(parameters.count)
  }

  /// Starts on a constant expression that leaves one value of `type`.
  mutating func begin(constantOf type: ValueType) throws(ModuleError) {
    reset()
    try pushFrame(.function, .value(type))
  }

  private mutating func reset() {
    unsafe top = bottom
    unsafe base = bottom
    frameCount = 0
    localCount = 0
    if !initialized.isEmpty {
      initialized.removeAll(keepingCapacity: true)
      isInitialized.removeAll(keepingCapacity: true)
    }
  }

  private mutating func declareLocals(_ count: UInt32, _ type: ValueType, offset: Int) throws(ModuleError) {
    guard UInt64(localCount) + UInt64(count) <= UInt64(Limits.locals) else {
      throw ModuleError(.unsupported, "too many locals", offset: offset)
    }
    do throws(ModuleError) { try check(type) } catch { throw error.located(at: offset) }
    unsafe (locals + Int(localCount)).initialize(repeating: type.rawValue, count: Int(count))
    localCount += count
  }

  // MARK: Type lists

  /// A run of `values`; function types' values lie there.
  func list(_ start: UInt32, _ count: UInt16) -> TypeList {
    unsafe TypeList(start: values.address(Int(start), count: Int(count)), count: Int(count))
  }

  func parameters(ofType index: UInt32) throws(ModuleError) -> TypeList {
    let signature = try signature(index)
    return list(signature.start, signature.parameters)
  }

  func results(ofType index: UInt32) throws(ModuleError) -> TypeList {
    let signature = try signature(index)
    return list(signature.start + UInt32(signature.parameters), signature.results)
  }

  func signature(_ type: UInt32) throws(ModuleError) -> ModuleTables.Signature {
    guard let signature = signatures[type] else { throw unknown("type", type) }
    guard signature.isFunction else { throw ModuleError(.invalid, "non-function type \(type)") }
    return signature
  }

  // MARK: Operand stack

  @inline(__always)
  mutating func push(_ type: UInt32) {
    if unsafe top == limit { grow(by: 1) }
    unsafe top.initialize(to: type)
    unsafe top += 1
  }
  @inline(__always) mutating func push(_ type: ValueType) { push(type.rawValue) }

  mutating func push(_ list: TypeList) throws(ModuleError) {
    guard list.count > 0 else { return }
    if unsafe limit - top < list.count {
      guard unsafe top - bottom + list.count <= Limits.operandStack else {
        throw ModuleError(.unsupported, "operand stack is too deep")
      }
      grow(by: list.count)
    }
    // One is the usual count: not worth a call.
    for index in 0..<list.count { unsafe (top + index).initialize(to: list.start[index]) }
    unsafe top += list.count
  }

  @inline(never)
  private mutating func grow(by count: Int) {
    let used = unsafe top - bottom
    let capacity = unsafe max(2 * (limit - bottom), used + count) + 2
    let words = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    unsafe words.initialize(repeating: 0, count: 2)
    unsafe (words + 2).initialize(from: bottom, count: used)
    unsafe base = words + 2 + (base - bottom)
    unsafe (bottom - 2).deallocate()
    unsafe bottom = words + 2
    unsafe top = bottom + used
    unsafe limit = words + capacity
  }

  /// Operands of the innermost block.
  var height: Int { unsafe top - base }
  var isUnreachable: Bool { unsafe frames[frameCount - 1].isUnreachable }

  /// Pops an operand of exactly or at least `type`.
  @inline(__always)
  mutating func pop(_ type: ValueType) throws(ModuleError) {
    if unsafe top > base && top[-1] == type.rawValue {
      unsafe top -= 1
      return
    }
    try popSlowly(type)
  }

  @inline(never)
  private mutating func popSlowly(_ type: ValueType) throws(ModuleError) {
    if unsafe top == base {
      guard isUnreachable else { throw mismatch([type.rawValue]) }
      return
    }
    guard unsafe lattice.matches(ValueType(rawValue: top[-1]), type) else { throw mismatch([type.rawValue]) }
    unsafe top -= 1
  }

  /// Pops an operand of any type; `bottom` where unreachable code has none.
  @inline(__always)
  mutating func popAny() throws(ModuleError) -> ValueType {
    if unsafe top > base {
      unsafe top -= 1
      return unsafe ValueType(rawValue: top.pointee)
    }
    guard isUnreachable else { throw mismatch([0]) }
    return .bottom
  }

  mutating func pop(_ below: ValueType, _ above: ValueType) throws(ModuleError) {
    try pop(all: [below.rawValue, above.rawValue])
  }
  mutating func pop(_ first: ValueType, _ second: ValueType, _ third: ValueType) throws(ModuleError) {
    try pop(all: [first.rawValue, second.rawValue, third.rawValue])
  }

  /// Pops operands of all of `types`, the deepest first, or none.
  mutating func pop(all types: [UInt32]) throws(ModuleError) {
    try unsafe types.withUnsafeBufferPointer { (types: UnsafeBufferPointer<UInt32>) throws(ModuleError) in
      guard let start = types.baseAddress else { return }
      try unsafe pop(TypeList(start: start, count: types.count))
    }
  }

  /// Pops operands of all of `list`, the deepest first, or none.
  mutating func pop(_ list: TypeList) throws(ModuleError) {
    try check(list)
    unsafe top -= min(list.count, height)
  }

  /// That the operands on top match `list`; leaves them.
  mutating func check(_ list: TypeList) throws(ModuleError) {
    let available = min(list.count, height)
    guard available == list.count || isUnreachable else { throw unsafe mismatch(list.buffer) }
    var index = 1
    while index <= available {
      let actual = unsafe top[-index]
      let expected = list[list.count - index]
      guard actual == expected || lattice.matches(ValueType(rawValue: actual), ValueType(rawValue: expected)) else {
        throw unsafe mismatch(list.buffer)
      }
      index += 1
    }
  }

  /// What follows is not reached: the block's operands are gone, and any can be had.
  mutating func setUnreachable() {
    unsafe top = base
    unsafe frames[frameCount - 1].isUnreachable = true
  }

  // MARK: Checks of immediates

  /// That the types a value type names exist.
  @inline(__always)
  func check(_ type: ValueType) throws(ModuleError) {
    if type.isReference { try check(type.heapType) }
  }

  func check(_ heap: HeapType) throws(ModuleError) {
    guard !heap.isConcrete || heap.typeIndex < signatures.count else { throw unknown("type", heap.typeIndex) }
  }

  // MARK: Errors

  @inline(never)
  func mismatch<Types: RandomAccessCollection<UInt32>>(_ required: Types) -> ModuleError {
    let stack = unsafe UnsafeBufferPointer(start: base, count: height)
    return unsafe ModuleError(
      .invalid,
      "type mismatch: instruction requires \(TypeNames.list(required)) but stack has \(TypeNames.list(stack))")
  }

  @inline(never)
  func unknown(_ what: StaticString, _ index: UInt32) -> ModuleError {
    ModuleError(.invalid, "unknown \(what) \(index)")
  }
}

/// An open block.
struct ControlFrame: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case function, block, loop, `if`, `else`, tryTable
    case legacyTry, legacyCatch, legacyCatchAll
  }
  var kind: Kind
  /// The rest of the block is not reached.
  var isUnreachable = false
  var type: BlockType
  /// Operands on the stack below the block.
  var base: Int
  /// Entries of `FunctionValidator.initialized` at its start.
  var initialized: Int
}
