/// Blocks, branches and calls.
extension FunctionValidator {
  // MARK: Frames

  /// Opens a block whose parameters lie on the stack already (and become its operands), or that has none.
  mutating func pushFrame(_ kind: ControlFrame.Kind, _ type: BlockType, parameters: Int = 0) throws(ModuleError) {
    if frameCount == frameCapacity { growFrames() }
    unsafe base = top - parameters
    unsafe (frames + frameCount).initialize(
      to: ControlFrame(kind: kind, type: type, base: base - bottom, initialized: initialized.count))
    unsafe (frameValues + frameCount).initialize(to: type.payload)
    frameCount += 1
  }

  private mutating func growFrames() {
    let capacity = 2 * frameCapacity
    let frames = UnsafeMutablePointer<ControlFrame>.allocate(capacity: capacity)
    let frameValues = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    unsafe frames.initialize(from: self.frames, count: frameCount)
    unsafe frameValues.initialize(from: self.frameValues, count: frameCount)
    unsafe self.frames.deallocate()
    unsafe self.frameValues.deallocate()
    unsafe self.frames = frames
    unsafe self.frameValues = frameValues
    frameCapacity = capacity
  }

  /// Pops the innermost frame's results and the frame; the caller pushes what comes instead.
  mutating func popFrame() throws(ModuleError) -> ControlFrame {
    let frame = unsafe frames[frameCount - 1]
    let results = try results(ofFrame: frameCount - 1)
    try check(results)
    guard height <= results.count else {
      let stack = unsafe UnsafeBufferPointer(start: base, count: height)
      throw unsafe ModuleError(
        .invalid,
        "type mismatch: block requires \(TypeNames.list(results.buffer)) but stack has \(TypeNames.list(stack))")
    }
    frameCount -= 1
    unsafe top = base
    if frameCount > 0 { unsafe base = bottom + frames[frameCount - 1].base }
    forgetInitialized(downTo: frame.initialized)
    return frame
  }

  /// Results of a frame that is or was just at `index`.
  func results(ofFrame index: Int) throws(ModuleError) -> TypeList {
    let type = unsafe frames[index].type
    switch type.form {
    case .empty: return unsafe TypeList(start: UnsafePointer(frameValues), count: 0)
    case .value: return unsafe TypeList(start: UnsafePointer(frameValues + index), count: 1)
    case .index: return try results(ofType: type.payload)
    }
  }

  func parameters(of type: BlockType) throws(ModuleError) -> TypeList {
    switch type.form {
    case .empty, .value: unsafe TypeList(start: UnsafePointer(frameValues), count: 0)
    case .index: try parameters(ofType: type.payload)
    }
  }

  /// What a branch to the label `depth` blocks out carries.
  func label(_ depth: UInt32) throws(ModuleError) -> TypeList {
    guard depth < UInt32(truncatingIfNeeded: frameCount) else { throw unknown("label", depth) }
    let index = frameCount - 1 - Int(depth)
    let frame = unsafe frames[index]
    return frame.kind == .loop ? try parameters(of: frame.type) : try results(ofFrame: index)
  }

  // MARK: Blocks

  mutating func visitUnreachable() { setUnreachable() }
  mutating func visitNop() {}
  mutating func visitBlock(_ type: BlockType) throws(ModuleError) { try open(.block, type) }
  mutating func visitLoop(_ type: BlockType) throws(ModuleError) { try open(.loop, type) }
  mutating func visitIf(_ type: BlockType) throws(ModuleError) {
    if type.form == .value { try check(ValueType(rawValue: type.payload)) }
    try pop(.i32)
    try open(.if, type)
  }

  mutating func open(_ kind: ControlFrame.Kind, _ type: BlockType) throws(ModuleError) {
    switch type.form {
    case .empty: try pushFrame(kind, type)
    case .value:
      try check(ValueType(rawValue: type.payload))
      try pushFrame(kind, type)
    case .index:
      let parameters = try parameters(ofType: type.payload)
      // Popped and pushed: the block sees its parameters' types, not the operands'.
      try pop(parameters)
      try push(parameters)
      try pushFrame(kind, type, parameters: parameters.count)
    }
  }

  mutating func visitElse() throws(ModuleError) {
    guard frameCount > 0, unsafe frames[frameCount - 1].kind == .if else {
      throw ModuleError(.malformed, "END opcode expected")
    }
    let frame = try popFrame()
    let parameters = try parameters(of: frame.type)
    try push(parameters)
    try pushFrame(.else, frame.type, parameters: parameters.count)
  }

  mutating func visitEnd() throws(ModuleError) {
    // Most blocks take and give nothing.
    if frameCount > 1 && height == 0 {
      let frame = unsafe frames[frameCount - 1]
      if frame.type.form == .empty {
        frameCount -= 1
        unsafe base = bottom + frames[frameCount - 1].base
        return forgetInitialized(downTo: frame.initialized)
      }
    }
    try endFrame()
  }

  @inline(never)
  private mutating func endFrame() throws(ModuleError) {
    let frame = try popFrame()
    // The frame's entry is still in place just above the stack.
    let results = try results(ofFrame: frameCount)
    if frame.kind == .if {
      // Without an else the parameters become the results.
      let parameters = try parameters(of: frame.type)
      guard parameters.count == results.count else { throw mismatchedElse(parameters, results) }
      for index in 0..<results.count {
        guard lattice.matches(ValueType(rawValue: parameters[index]), ValueType(rawValue: results[index])) else {
          throw mismatchedElse(parameters, results)
        }
      }
    }
    if frameCount > 0 { try push(results) }
  }

  private func mismatchedElse(_ parameters: TypeList, _ results: TypeList) -> ModuleError {
    unsafe ModuleError(
      .invalid,
      "type mismatch: block requires \(TypeNames.list(results.buffer)) but stack has \(TypeNames.list(parameters.buffer))"
    )
  }

  // MARK: Branches

  /// Whether a label exists and carries nothing: the common case of branches.
  @inline(__always)
  private func isEmptyLabel(_ depth: UInt32) -> Bool {
    guard depth < UInt32(truncatingIfNeeded: frameCount) else { return false }
    let frame = unsafe frames[frameCount - 1 - Int(depth)]
    return frame.type.form == .empty
  }

  mutating func visitBr(_ depth: UInt32) throws(ModuleError) {
    if !isEmptyLabel(depth) { try pop(label(depth)) }
    setUnreachable()
  }

  mutating func visitBrIf(_ depth: UInt32) throws(ModuleError) {
    if isEmptyLabel(depth) { return try pop(.i32) }
    let label = try label(depth)
    try pop(.i32)
    if label.count > 0 {
      try pop(label)
      try push(label)
    }
  }

  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) throws(ModuleError) {
    // Decoded with at least the default.
    let last = unsafe targets[targets.count - 1]
    let arity = try label(last).count
    try pop(.i32)
    var checked: UInt32?
    for unsafe target in unsafe targets where target != checked {
      let label = try label(target)
      guard label.count == arity else { throw unsafe mismatch(label.buffer) }
      try check(label)
      checked = target
    }
    setUnreachable()
  }

  mutating func visitReturn() throws(ModuleError) {
    try pop(results(ofFrame: 0))
    setUnreachable()
  }

  // MARK: Calls

  func type(ofFunction function: UInt32) throws(ModuleError) -> UInt32 {
    guard let type = functions[function] else { throw unknown("function", function) }
    return type
  }

  mutating func visitCall(_ function: UInt32) throws(ModuleError) {
    let signature = try signature(type(ofFunction: function))
    try pop(list(signature.start, signature.parameters))
    try push(list(signature.start + UInt32(signature.parameters), signature.results))
  }

  mutating func visitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    try popCallee(table: table)
    try pop(parameters(ofType: type))
    try push(results(ofType: type))
  }

  mutating func visitCallRef(type: UInt32) throws(ModuleError) {
    let parameters = try parameters(ofType: type)
    try pop(.reference(.concrete(type), nullable: true))
    try pop(parameters)
    try push(results(ofType: type))
  }

  mutating func visitReturnCall(_ function: UInt32) throws(ModuleError) {
    let type = try type(ofFunction: function)
    if Int(function) < tables.info.importedFunctionCount { hasForeignTailCalls = true }
    try popTail(type)
  }

  mutating func visitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    hasForeignTailCalls = true
    try popCallee(table: table)
    try popTail(type)
  }

  mutating func visitReturnCallRef(type: UInt32) throws(ModuleError) {
    hasForeignTailCalls = true
    _ = try signature(type)
    try pop(.reference(.concrete(type), nullable: true))
    try popTail(type)
  }

  /// The table's index operand of an indirect call, whose table holds functions.
  private mutating func popCallee(table: UInt32) throws(ModuleError) {
    let element = try element(ofTable: table)
    guard lattice.matches(element, .funcref) else {
      throw ModuleError(
        .invalid,
        "type mismatch: instruction requires table of functions but table has \(TypeNames.name(element))")
    }
    try pop(indexType(ofTable: table))
  }

  /// The arguments of a tail call, whose results must do as this function's.
  private mutating func popTail(_ type: UInt32) throws(ModuleError) {
    let results = try results(ofType: type)
    let own = try self.results(ofFrame: 0)
    var matches = results.count == own.count
    for index in 0..<results.count where matches {
      matches = lattice.matches(ValueType(rawValue: results[index]), ValueType(rawValue: own[index]))
    }
    guard matches else {
      throw unsafe ModuleError(
        .invalid,
        "type mismatch: current function requires result type \(TypeNames.list(own.buffer)) but callee returns \(TypeNames.list(results.buffer))"
      )
    }
    try pop(parameters(ofType: type))
    setUnreachable()
  }
}
