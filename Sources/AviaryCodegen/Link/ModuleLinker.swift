package import AviaryContract
package import AviaryCore
import CAviaryContract

/// Lays the chunks of all workers out as one text and resolves what they left
/// open. Order of the text:
///
/// ```
///  trap thunks     mov eax, code; jmp [r15+raise]   only those that are used
///  epoch thunk     only if it is used
///  chunk           functions, each aligned to 16
///  chunk …
/// ```
/// Chunks are laid out in the order of their first function, whichever worker
/// was faster, so that equal modules give equal artifacts.
package struct ModuleLinker {
  /// Text beyond this is refused, so that every distance fits in a rel32 and
  /// every offset in 31 bits.
  package static let maximumTextBytes = 1 << 30

  private let chunks: [CompiledChunk]
  /// Where each chunk starts in the text.
  private var starts: [Int] = []
  private var text: [UInt8] = []
  private var functions: [FunctionRange]
  /// Per trap code: the offset of its thunk.
  private var thunks: [UInt32: Int] = [:]
  private var epochThunk = 0
  private let isMetered: Bool

  /// - Parameter functionCount: the number of defined functions; the chunks
  ///   hold each exactly once.
  /// - Throws: `ModuleError` of kind `unsupported` when the code is too large.
  package static func link(
    _ chunks: [CompiledChunk], functionCount: Int, tunables: Tunables
  ) throws(ModuleError) -> Artifact {
    var linker = ModuleLinker(chunks, functionCount: functionCount, isMetered: tunables.fuelMetering)
    try linker.layOut()
    linker.resolve()
    return Artifact(
      fingerprint: tunables.fingerprint, cpu: tunables.cpu, text: linker.text,
      functions: linker.functions, traps: linker.trapTable(), addresses: linker.addressMap(),
      exceptions: linker.handlerTables())
  }

  private init(_ chunks: [CompiledChunk], functionCount: Int, isMetered: Bool) {
    self.isMetered = isMetered
    self.chunks = chunks.sorted {
      ($0.functions.first?.index ?? .max) < ($1.functions.first?.index ?? .max)
    }
    functions = Array(repeating: FunctionRange(offset: 0, size: 0), count: functionCount)
  }

  private mutating func layOut() throws(ModuleError) {
    let thunkCode = makeThunks()
    var end = thunkCode.count
    for chunk in chunks {
      end = (end + 15) & ~15
      starts.append(end)
      end += chunk.code.count
    }
    guard end <= Self.maximumTextBytes else {
      throw ModuleError(
        .unsupported, "\(end) bytes of machine code exceed the limit of \(Self.maximumTextBytes)",
        offset: 0)
    }
    text.reserveCapacity(end)
    text += thunkCode
    for (chunk, start) in zip(chunks, starts) {
      while text.count < start { text.append(0xCC) }
      text += chunk.code
      assert(Self.returnAddressesLieInside(chunk))
      for function in chunk.functions {
        assert((start + Int(function.offset)) % 16 == 0)
        assert(functions[Int(function.index)].size == 0, "a function is compiled twice")
        functions[Int(function.index)] = FunctionRange(
          offset: UInt32(start) + function.offset, size: function.size)
      }
    }
    precondition(functions.allSatisfy { $0.size > 0 }, "a function was not compiled")
  }

  private static func returnAddressesLieInside(_ chunk: CompiledChunk) -> Bool {
    let ends = Set(chunk.functions.map { $0.offset + $0.size })
    return chunk.addresses.allSatisfy { !ends.contains($0.offset) }
      && chunk.trapStubs.allSatisfy { !ends.contains($0.offset + 4) }
  }

  private mutating func makeThunks() -> [UInt8] {
    var used: Set<UInt32> = []
    for chunk in chunks {
      for stub in chunk.trapStubs { used.insert(stub.code.rawValue) }
    }
    var asm = Assembler(capacity: 512)
    for code in used.sorted() {
      thunks[code] = asm.position
      if isMetered { asm.storeFuel() }
      asm.moveImmediate(.b32, .rax, Int64(code))
      asm.jump(Address(.r15, Int32(AVIARY_VMCTX_RAISE)))
    }
    if chunks.contains(where: { !$0.epochCalls.isEmpty }) {
      asm.code.alignWithBreakpoints(to: 16)
      epochThunk = asm.position
      asm.epochThunk(isMetered: isMetered)
    }
    asm.finish()
    return asm.code.bytes()
  }

  private mutating func resolve() {
    for (chunk, start) in zip(chunks, starts) {
      for call in chunk.calls {
        patch(start + Int(call.offset), to: Int(functions[Int(call.target)].offset))
      }
      for stub in chunk.trapStubs {
        patch(start + Int(stub.offset), to: thunks[stub.code.rawValue]!)
      }
      for field in chunk.epochCalls { patch(start + Int(field), to: epochThunk) }
    }
  }

  /// Makes the rel32 at `offset` reach `target`.
  private mutating func patch(_ offset: Int, to target: Int) {
    let distance = UInt32(bitPattern: Int32(target - (offset + 4)))
    for byte in 0..<4 {
      text[offset + byte] = UInt8(truncatingIfNeeded: distance >> UInt32(8 * byte))
    }
  }

  // MARK: Tables

  // Both tables are pairs of words with the offset first. As one 64-bit key
  // they sort by offset; workers mostly write them in order already.

  private func trapTable() -> [TrapSite] {
    var keys: [UInt64] = []
    keys.reserveCapacity(chunks.reduce(0) { $0 + $1.traps.count + $1.trapStubs.count })
    for (chunk, start) in zip(chunks, starts) {
      for site in chunk.traps { keys.append(Self.key(start, site.offset, site.code)) }
      for stub in chunk.trapStubs {
        keys.append(Self.key(start, stub.offset + 4, stub.code.rawValue))
      }
    }
    return Self.ordered(keys).map { key in
      TrapSite(
        offset: UInt32(truncatingIfNeeded: key >> 32),
        code: TrapCode(rawValue: UInt32(truncatingIfNeeded: key))!)
    }
  }

  private func addressMap() -> [AddressMapping] {
    var keys: [UInt64] = []
    keys.reserveCapacity(chunks.reduce(0) { $0 + $1.addresses.count })
    for (chunk, start) in zip(chunks, starts) {
      for entry in chunk.addresses {
        keys.append(Self.key(start, entry.offset, entry.wasmOffset))
      }
    }
    return Self.ordered(keys).map { key in
      AddressMapping(
        offset: UInt32(truncatingIfNeeded: key >> 32),
        wasmOffset: UInt32(truncatingIfNeeded: key))
    }
  }

  /// Chunks are in the order of their text, so that the segments are sorted as each chunk's are.
  private func handlerTables() -> HandlerTables {
    var tables = HandlerTables()
    for (chunk, start) in zip(chunks, starts) {
      let handlers = UInt32(tables.handlers.count)
      let clauses = UInt32(tables.clauses.count)
      func moved(_ handler: UInt32) -> UInt32 { handler == HandlerSegment.none ? handler : handler + handlers }
      for segment in chunk.handlerSegments {
        tables.segments.append(HandlerSegment(offset: UInt32(start) + segment.offset, handler: moved(segment.handler)))
      }
      for handler in chunk.handlers {
        tables.handlers.append(
          Handler(parent: moved(handler.parent), first: clauses + handler.first, count: handler.count))
      }
      for clause in chunk.handlerClauses {
        tables.clauses.append(HandlerClause(tag: clause.tag, landing: UInt32(start) + clause.landing))
      }
    }
    return tables
  }

  private static func key(_ start: Int, _ offset: UInt32, _ value: UInt32) -> UInt64 {
    UInt64(start + Int(offset)) << 32 | UInt64(value)
  }

  /// Sorted, and of each offset only one entry.
  private static func ordered(_ unsorted: [UInt64]) -> [UInt64] {
    var keys = unsorted
    var isAscending = true
    var previous: UInt64 = 0
    for key in keys {
      // The first offset may be 0: nothing is below it.
      if key < previous || (key >> 32 == previous >> 32 && previous != 0) {
        isAscending = false
        break
      }
      previous = key
    }
    if isAscending { return keys }
    keys.sort()
    var kept = 0
    for key in keys {
      if kept > 0 && keys[kept - 1] >> 32 == key >> 32 {
        assert(keys[kept - 1] == key, "one place with two meanings")
        continue
      }
      keys[kept] = key
      kept += 1
    }
    keys.removeSubrange(kept...)
    return keys
  }
}
