import AviaryCore

// drop, select, locals and globals.
extension FunctionEmitter {
  mutating func emitDrop() {
    // Flags that nobody reads need no code.
    let entry = popCondition()
    release(entry)
  }

  // MARK: Locals

  mutating func emitLocalSet(_ local: UInt32) {
    var entry = popCondition()
    assign(&entry, to: local)
  }

  mutating func emitLocalTee(_ local: UInt32) {
    var entry = popCondition()
    assign(&entry, to: local)
    pushLocal(local)
  }

  /// Gives a local its value and releases the operand.
  @inline(__always)
  private mutating func assign(_ entry: inout Entry, to local: UInt32) {
    let info = locals[Int(local)]
    if info.isPinned {
      markDirty(info.pin, isFloat: info.type.isFloat)
      // The operator before put it there.
      if (entry.kind == .gpr || entry.kind == .xmm) && entry.register == info.pin { return }
      if entry.kind == .local && entry.index == local { return }
      keepAliases(of: local)
      if info.type.isFloat {
        load(entry, into: XMM(info.pin))
      } else if entry.kind == .const && entry.bits == 0 {
        asm.zero(GPR(info.pin))
      } else {
        load(entry, into: GPR(info.pin))
      }
    } else {
      if entry.kind == .local && entry.index == local { return }
      if entry.kind == .flags {
        let register = allocateGPR()
        load(entry, into: register)
        entry = .gpr(.i32, register)
      }
      keepAliases(of: local)
      store(entry, to: Address(.rbp, info.home))
    }
    release(entry)
  }

  // MARK: Select

  mutating func emitSelect() {
    var condition = popCondition()
    var otherwise = pop()
    var then = pop()
    if then.type.isFloat {
      selectFloat(&condition, &then, &otherwise)
    } else {
      selectInteger(&condition, &then, &otherwise)
    }
  }

  /// Loads, stores and moves below change no flags, so they may stand between the
  /// comparison and its use.
  private mutating func selectInteger(_ condition: inout Entry, _ then: inout Entry, _ otherwise: inout Entry) {
    let type = then.type
    let isFlags = condition.kind == .flags
    var flags = isFlags ? FlagCondition(number: condition.register) : FlagCondition(.notEqual)
    if flags == .floatNotEqual {
      // Two conditional moves can express "equal", but not "unequal".
      swap(&then, &otherwise)
      flags = .floatEqual
    }
    let dst = ownedGPR(&then)
    var other = Source.register(.r11)
    if let address = memoryAddress(otherwise) {
      other = .memory(address)
    } else {
      other = .register(gpr(&otherwise))
    }
    if !isFlags { flags = test(&condition) }
    if flags == .floatEqual {
      moveIf(.parity, type.size, dst, other)
      moveIf(.notEqual, type.size, dst, other)
    } else {
      moveIf(flags.inverted.machine, type.size, dst, other)
    }
    release(otherwise)
    push(type, dst)
  }

  private mutating func moveIf(_ condition: Condition, _ size: OperandSize, _ dst: GPR, _ source: Source) {
    switch source {
    case .register(let register): asm.moveIf(condition, size, dst, register)
    case .memory(let address): asm.moveIf(condition, size, dst, address)
    case .immediate: preconditionFailure("cmov takes no immediate")
    }
  }

  private mutating func selectFloat(_ condition: inout Entry, _ then: inout Entry, _ otherwise: inout Entry) {
    let type = then.type
    let dst = ownedXMM(&then)
    let flags = test(&condition)
    let done = asm.makeLabel()
    jump(flags, to: done)
    load(otherwise, into: dst)
    asm.bind(done)
    release(otherwise)
    push(type, dst)
  }

  // MARK: Globals

  /// The address of a global's cell; r11 may hold the pointer to it.
  private mutating func globalAddress(_ global: ModuleTables.Global) -> Address {
    guard global.place.isIndirect else { return Address(.r15, global.place.offset) }
    asm.load(.b64, .r11, Address(.r15, global.place.offset))
    return Address(.r11)
  }

  mutating func emitGlobalGet(_ index: UInt32) {
    settle()
    let global = tables.globals[index]
    let address = globalAddress(global)
    let pin = pinnedDestination(after: afterLEB(Int(operatorOffset) &+ 1))
    if global.type.isFloat {
      let register = pin == LocalInfo.unpinned ? allocateXMM() : XMM(pin)
      load(global.type, register, address)
      push(global.type, register)
    } else {
      let register = pin == LocalInfo.unpinned ? allocateGPR() : GPR(pin)
      asm.load(global.type.size, register, address)
      push(global.type, register)
    }
  }

  mutating func emitGlobalSet(_ index: UInt32) {
    var entry = pop()
    let global = tables.globals[index]
    // Values that travel through r11 come before the pointer does.
    if entry.kind != .const {
      if entry.type.isFloat { _ = xmm(&entry) } else { _ = gpr(&entry) }
    } else if entry.immediate == nil && !entry.type.isFloat {
      _ = gpr(&entry)
    } else if entry.type == .vector || entry.type.isFloat && Int32(exactly: entry.signedBits) == nil {
      _ = xmm(&entry)
    }
    store(entry, to: globalAddress(global))
    release(entry)
  }
}
