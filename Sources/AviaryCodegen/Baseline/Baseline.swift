import AviaryContract
import AviaryCore

/// The baseline tier: a scan of each body, then one pass that emits code. Linear in the
/// body's length, nothing recursive, no allocation per operator.
///
/// What lives here: `FunctionEmitter` (start there: how a family is written, the
/// invariants), around it the operand stack (`ValueStack`, `Registers`, `Operands`), the frame
/// (`Frame`, `Pins`, `Scan`), `Control`, `Calls`, and one file for each family of operators.
/// It may use the assembler and the contract, and nothing of the runtime.
@safe
struct BaselineWorker: ~Copyable {
  private let module: ValidatedModule
  private let isMetered: Bool
  private var scan: ScanSink
  private var fuel = FuelSink()
  private var emitter: FunctionEmitter
  private var reader: OperatorReader

  init(_ module: ValidatedModule, _ tables: ModuleTables) {
    self.module = module
    isMetered = tables.tunables.fuelMetering
    scan = ScanSink(tables)
    emitter = FunctionEmitter(tables, module.info.bytes)
    reader = OperatorReader(ByteCursor(module.info.bytes, in: 0..<0), features: .all)
  }

  /// Compiles the defined functions of `range`.
  mutating func compile(_ range: Range<Int>) throws(ModuleError) -> CompiledChunk {
    emitter.beginChunk()
    var chunk = CompiledChunk()
    chunk.functions.reserveCapacity(range.count)
    for index in range {
      let start = try compile(function: index)
      chunk.functions.append(
        .init(
          index: UInt32(index), offset: UInt32(start), size: UInt32(emitter.asm.position - start)))
    }
    if emitter.asm.overflowed { throw emitter.unsupported("more machine code than fits in a chunk:") }
    emitter.finishChunk(&chunk)
    return chunk
  }

  /// Returns where the function starts.
  private mutating func compile(function index: Int) throws(ModuleError) -> Int {
    let info = module.info
    let function = index + info.importedFunctionCount
    let type = info.functions[function]
    let cursor = ByteCursor(info.bytes, in: info.bodies[index])

    emitter.functionIndex = UInt32(function)
    emitter.operatorOffset = UInt32(cursor.offset)
    scan.begin()
    emitter.declareParameters(type, &scan.locals)
    if emitter.signature.hasVectors { scan.facts.hasVectors = true }
    if emitter.signature.hasExceptions { markExceptions(info.types[Int(type)]) }
    reader.move(to: cursor)
    try readLocals()
    try reader.readAll(&scan)

    if isMetered {
      fuel.begin()
      reader.move(to: cursor)
      try reader.readLocals { (_: UInt32, _: ValueType) throws(ModuleError) in }
      try reader.readAll(&fuel)
      swap(&emitter.fuelRegions, &fuel.regions)
    }
    emitter.bodyBytes = UInt32(truncatingIfNeeded: info.bodies[index].count)
    emitter.facts = scan.facts
    swap(&emitter.locals, &scan.locals)
    swap(&emitter.seenLocals, &scan.seenLocals)
    swap(&emitter.uncheckedLoops, &scan.uncheckedLoops)
    emitter.beginFunction(type)
    reader.move(to: cursor)
    try reader.readLocals { (_: UInt32, _: ValueType) throws(ModuleError) in }
    try reader.readAll(&emitter)
    let start = emitter.finishFunction()
    if emitter.hasLongChains {
      emitter.operatorOffset = UInt32(cursor.offset)
      throw emitter.unsupported("more than \(HandlerTables.chainLimit) handlers and clauses around one another:")
    }
    return start
  }

  private mutating func readLocals() throws(ModuleError) {
    try reader.readLocals { (count: UInt32, type: ValueType) throws(ModuleError) in
      var local = LocalInfo(type: ValueClass(type))
      if local.type == .vector && count > 0 { scan.facts.hasVectors = true }
      local.isException = type.isException
      scan.locals.append(repeating: local, count: Int(count))
    }
  }

  /// Parameters that are references to exceptions.
  private mutating func markExceptions(_ type: SubType) {
    guard case .function(let function) = type.composite else { return }
    for (index, parameter) in function.parameters.enumerated() where parameter.isException {
      scan.locals[index].isException = true
    }
  }
}

extension FunctionEmitter {
  mutating func beginChunk() {
    asm.reset()
    calls.removeAll()
    trapStubs.removeAll()
    traps.removeAll()
    addresses.removeAll()
    epochCalls.removeAll()
    handlers.removeAll()
    handlerSegments.removeAll()
    handlerClauses.removeAll()
  }

  func finishChunk(_ chunk: inout CompiledChunk) {
    chunk.code = asm.code.bytes()
    chunk.calls = calls.elements()
    chunk.trapStubs = trapStubs.elements()
    chunk.traps = traps.elements()
    chunk.addresses = addresses.elements()
    chunk.epochCalls = epochCalls.elements()
    chunk.handlerSegments = handlerSegments.elements()
    chunk.handlers = handlers.elements().map(\.row)
    chunk.handlerClauses = handlerClauses.elements()
  }

  /// The parameters as locals.
  mutating func declareParameters(_ type: UInt32, _ locals: inout FlatArray<LocalInfo>) {
    signature = signatures[type]
    for index in 0..<Int(signature.parameterCount) {
      locals.append(LocalInfo(type: parameterClass(signature, index)))
    }
  }

  mutating func beginFunction(_ type: UInt32) {
    stack.removeAll()
    controls.removeAll()
    lazyBase = 0
    maximumHeight = 0
    hasFlags = false
    isDead = false
    deadDepth = 0
    skipsNext = false
    lastLoad = LastLoad()
    nextRegion = 0
    nextUncheckedLoop = 0
    firstHandler = handlers.count
    frame = Frame()
    placeArguments()
    choosePins()
    layOutFrame()
    emitPrologue()
    openFunction(type)
    emitEntryChecks()
  }

  mutating func finishFunction() -> Int {
    assert(nextRegion == fuelRegions.count || !tables.tunables.fuelMetering, "a region of fuel is left")
    finishFrame()
    emitColdCode()
    // The last trap stub ends in a call: its return address has to lie inside of the function.
    asm.breakpoint()
    asm.finish()
    asm.forgetLabels()
    return frame.start
  }
}
