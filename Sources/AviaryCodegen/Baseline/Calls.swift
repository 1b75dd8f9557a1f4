import AviaryContract
import AviaryCore
import CAviaryContract

/// What a call goes to.
enum CallTarget: BitwiseCopyable {
  /// Index among the defined functions.
  case direct(UInt32)
  /// Offset of the AviaryFunctionImport from r15.
  case imported(Int32)
  /// rax holds the AviaryFuncRef, not null, of the right type.
  case reference
}

// Calls by docs/abi.md.
extension FunctionEmitter {
  func callTarget(_ function: UInt32) -> CallTarget {
    let imported = tables.importedFunctionCount
    // The layout's limit of 2^30 bytes covers the product.
    return Int(function) < imported
      ? .imported(Int32(tables.importedFunctionsOffset + VMContextLayout.functionImportSize * Int(function)))
      : .direct(function - UInt32(imported))
  }

  mutating func emitCall(_ function: UInt32) throws(ModuleError) {
    settle()
    call(callTarget(function), signatures[tables.functions[function]])
  }

  mutating func emitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    let callee = signatures[type]
    loadTableFunction(type, table, isFinal: callee.isFinal)
    call(.reference, callee)
  }

  mutating func emitCallRef(type: UInt32) throws(ModuleError) {
    let callee = signatures[type]
    loadFunctionReference()
    call(.reference, callee)
  }

  // MARK: The callee

  /// Pops a funcref into rax and checks that it is one.
  mutating func loadFunctionReference() {
    let reference = pop()
    takeRAX(reference)
    asm.test(.b64, .rax, .rax)
    trap(.equal, .nullFunctionReference)
  }

  /// Moves a popped operand to rax, which becomes ours.
  private mutating func takeRAX(_ entry: Entry) {
    if entry.kind == .gpr && entry.gpr == .rax { return }
    claim(.rax)
    load(entry, into: .rax)
    release(entry)
  }

  /// Pops an index into a table, and leaves the checked AviaryFuncRef in rax.
  mutating func loadTableFunction(_ type: UInt32, _ index: UInt32, isFinal: Bool) {
    let entry = pop()
    takeRAX(entry)
    loadTableBase(tables.tables[index], .rax, .undefinedElement)
    asm.load(.b64, .rax, Address(.r11, .rax, .x8))
    asm.test(.b64, .rax, .rax)
    trap(.equal, .uninitializedElement)
    asm.load(.b64, .r11, Address(.r15, Int32(AVIARY_VMCTX_TYPE_IDS)))
    // At most a million types.
    asm.load(.b32, .r11, Address(.r11, 4 &* Int32(truncatingIfNeeded: type)))
    let actual = Address(.rax, Int32(unsafe MemoryLayout<AviaryFuncRef>.offset(of: \.type_id)!))
    if isFinal {
      asm.alu(.cmp, .b32, .r11, actual)
      trap(.notEqual, .indirectCallTypeMismatch)
    } else {
      checkSubtype(actual)
    }
  }

  /// Equal ids are the fast way; otherwise the runtime decides.
  private mutating func checkSubtype(_ actual: Address) {
    spillRegisters(below: height)
    savePins()
    let matches = asm.makeLabel()
    asm.alu(.cmp, .b32, .r11, actual)
    asm.jump(.equal, to: matches)
    asm.load(.b32, .rsi, actual)
    asm.move(.b32, .rdx, .r11)
    asm.push(.rax)
    asm.push(.rax)
    callBuiltin(AVIARY_BUILTIN_IS_SUBTYPE)
    asm.test(.b32, .rax, .rax)
    asm.pop(.rax)
    asm.pop(.rax)
    trap(.equal, .indirectCallTypeMismatch)
    reloadPins()
    asm.bind(matches)
  }

  /// r11 = the table's base, after the check that `index` is inside.
  mutating func loadTableBase(_ table: ModuleTables.Table, _ index: GPR, _ code: TrapCode) {
    if table.place.isIndirect {
      asm.load(.b64, .r11, Address(.r15, table.place.offset))
      asm.alu(.cmp, .b64, index, Address(.r11, 8))
      trap(.aboveOrEqual, code)
      asm.load(.b64, .r11, Address(.r11))
    } else {
      asm.alu(.cmp, .b64, index, Address(.r15, table.place.offset + 8))
      trap(.aboveOrEqual, code)
      asm.load(.b64, .r11, Address(.r15, table.place.offset))
    }
  }

  // MARK: The call

  /// Passes the topmost entries and pushes the results.
  private mutating func call(_ target: CallTarget, _ callee: ModuleTables.Signature) {
    let count = Int(callee.parameterCount)
    let first = height - count
    spillRegisters(below: first)
    savePins()
    let area = Int32(callee.argumentBytes + callee.resultAreaBytes)
    if area > 0 {
      asm.alu(.sub, .b64, .rsp, immediate: area)
      frame.outgoing = max(frame.outgoing, area)
    }
    var resultArea: Address?
    if callee.resultAreaBytes > 0 { resultArea = Address(.rsp, Int32(callee.argumentBytes)) }
    passArguments(callee, first: first, area: Address(.rsp), resultArea: resultArea, isAddress: true)
    truncate(to: first)
    switch target {
    case .direct(let index):
      let field = asm.callRelocated()
      calls.append(.init(offset: UInt32(truncatingIfNeeded: field), target: index))
      recordAddress(operatorOffset)
      if tables.hasForeignTailCalls { reloadContext() }
    case .imported, .reference:
      enterForeign(target)
      asm.call(.r11)
      recordAddress(operatorOffset)
      reloadContext()
    }
    free = allocatable
    receiveResults(callee)
  }

  /// Sets r10, r11 (the code), r15 and r14 for a function that may be another instance's.
  mutating func enterForeign(_ target: CallTarget) {
    asm.move(.b64, .r10, .r15)
    switch target {
    case .imported(let offset):
      asm.load(.b64, .r11, Address(.r15, offset))
      asm.load(.b64, .r15, Address(.r15, offset + 8))
    case .reference:
      asm.load(.b64, .r11, Address(.rax))
      asm.load(.b64, .r15, Address(.rax, 8))
    case .direct: preconditionFailure("a function of the same instance")
    }
    asm.load(.b64, .r14, Address(.r15, Int32(AVIARY_VMCTX_MEMORY0_BASE)))
  }

  private mutating func reloadContext() {
    asm.load(.b64, .r15, Address(.rbp, -8))
    asm.load(.b64, .r14, Address(.r15, Int32(AVIARY_VMCTX_MEMORY0_BASE)))
  }

  /// Brings the entries from `first` on to where the callee expects them: stack
  /// arguments relative to `area`, then registers all at once, then what comes from memory.
  /// The result area is an address to take or, for tail calls, a place to load it from.
  mutating func passArguments(
    _ callee: ModuleTables.Signature, first: Int, area: Address, resultArea: Address?, isAddress: Bool
  ) {
    let count = Int(callee.parameterCount)
    var places = ArgumentAssignment()
    moves.removeAll()
    for index in 0..<count {
      let entry = stack[first + index]
      let place = places.next(entry.type)
      if place.kind == .stack {
        store(entry, to: area.offset(by: place.offset))
      } else if let source = sourceNumber(entry) {
        let number = place.number + (place.kind == .xmm ? 16 : 0)
        moves.append(RegisterMove(destination: number, source: source, isWide: entry.type.size == .b64))
      }
    }
    if let resultArea {
      let place = places.next(.i64)
      if place.kind == .stack {
        addressOrLoad(resultArea, .r11, isAddress)
        asm.store(.b64, area.offset(by: place.offset), .r11)
      }
    }
    emitMoves()
    places = ArgumentAssignment()
    for index in 0..<count {
      let entry = stack[first + index]
      let place = places.next(entry.type)
      if place.kind == .stack || sourceNumber(entry) != nil { continue }
      if place.kind == .xmm {
        load(entry, into: XMM(place.number))
      } else {
        load(entry, into: GPR(place.number))
      }
    }
    if let resultArea {
      let place = places.next(.i64)
      if place.kind == .gpr { addressOrLoad(resultArea, GPR(place.number), isAddress) }
    }
  }

  private mutating func addressOrLoad(_ place: Address, _ register: GPR, _ isAddress: Bool) {
    if isAddress { asm.lea(.b64, register, place) } else { asm.load(.b64, register, place) }
  }

  /// The register that holds an entry, vector registers from 16 on.
  private func sourceNumber(_ entry: Entry) -> UInt8? {
    switch entry.kind {
    case .gpr: return entry.register
    case .xmm: return entry.register + 16
    case .local:
      let local = locals[Int(entry.index)]
      return local.isPinned ? local.pin + (local.type.isFloat ? 16 : 0) : nil
    default: return nil
    }
  }

  /// Reloads pins and pushes what a call returned, in that order: a push may bring a deeper
  /// entry into its slot, and that entry may stand for a pinned local.
  private mutating func receiveResults(_ callee: ModuleTables.Signature) {
    let count = Int(callee.resultCount)
    let base = height
    if count > 1 { storeResults(callee, base) }
    // None of them is rax or xmm0.
    reloadPins()
    if count == 1 {
      let type = resultClass(callee, 0)
      if type.isFloat {
        free.remove(.xmm0)
        return push(type, .xmm0)
      }
      free.remove(.rax)
      return push(type, .rax)
    }
    for index in 0..<count { push(.slot(resultClass(callee, index), base + index)) }
  }

  /// Several results go from registers and the result area, which is dropped, to the slots from `base` on.
  private mutating func storeResults(_ callee: ModuleTables.Signature, _ base: Int) {
    var places = ArgumentAssignment(isResult: true)
    for index in 0..<Int(callee.resultCount) {
      let type = resultClass(callee, index)
      let place = places.next(type)
      let slot = slotAddress(base + index)
      switch place.kind {
      case .gpr: asm.store(type.size, slot, GPR(place.number))
      case .xmm: store(type, slot, XMM(place.number))
      case .stack where type == .vector:
        asm.loadVector(.xmm15, Address(.rsp, place.offset))
        asm.storeVector(slot, .xmm15)
      case .stack:
        // The callee popped its arguments: rsp is at the result area.
        asm.load(type.size, .r11, Address(.rsp, place.offset))
        asm.store(type.size, slot, .r11)
      }
    }
    if callee.resultAreaBytes > 0 {
      asm.alu(.add, .b64, .rsp, immediate: Int32(callee.resultAreaBytes))
    }
  }

  // MARK: Builtins

  /// The registers are set but rdi. All that C does not preserve is lost.
  mutating func callBuiltin(_ builtin: AviaryBuiltin) {
    asm.move(.b64, .rdi, .r15)
    asm.load(.b64, .r11, Address(.r15, Int32(AVIARY_VMCTX_BUILTINS)))
    asm.call(Address(.r11, 8 * Int32(builtin.rawValue)))
    recordAddress(operatorOffset)
  }

  /// Calls a builtin with constants first and then `operands` entries of the stack, in
  /// order or, if `reversed`, the topmost first, and then `offset` if there is one. At most five arguments in all.
  mutating func emitBuiltin(
    _ builtin: AviaryBuiltin, _ constants: UInt32..., operands: Int, reversed: Bool = false, offset: UInt64? = nil
  ) {
    let registers: [GPR] = [.rsi, .rdx, .rcx, .r8, .r9]
    settle()
    let first = height - operands
    spillRegisters(below: first)
    savePins()
    moves.removeAll()
    for pass in 0..<2 {
      for index in 0..<operands {
        let entry = stack[first + (reversed ? operands - 1 - index : index)]
        let register = registers[constants.count + index]
        if let source = sourceNumber(entry) {
          if pass == 0 {
            moves.append(
              RegisterMove(destination: register.number, source: source, isWide: entry.type.size == .b64))
          }
        } else if pass == 1 {
          load(entry, into: register)
        }
      }
      if pass == 0 { emitMoves() }
    }
    for (index, constant) in constants.enumerated() {
      asm.moveImmediate(.b32, registers[index], Int64(constant))
    }
    if let offset {
      asm.moveImmediate(.b64, registers[constants.count + operands], Int64(bitPattern: offset))
    }
    truncate(to: first)
    storeFuel()
    callBuiltin(builtin)
    loadFuel()
    free = allocatable
    reloadPins()
  }
}
