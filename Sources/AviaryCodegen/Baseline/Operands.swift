/// A right-hand operand as an instruction takes it.
enum Source: BitwiseCopyable {
  case register(GPR)
  case memory(Address)
  case immediate(Int32)
}

/// Likewise for floats.
enum FloatSource: BitwiseCopyable {
  case register(XMM)
  case memory(Address)
}

// From entries to what instructions take.
extension FunctionEmitter {
  /// Where an entry is in memory: a slot, or a local that is not pinned.
  @inline(__always)
  func memoryAddress(_ entry: Entry) -> Address? {
    if entry.kind == .slot { return slotAddress(Int(entry.index)) }
    if entry.kind == .local {
      let local = locals[Int(entry.index)]
      if !local.isPinned { return Address(.rbp, local.home) }
    }
    return nil
  }

  /// Whether the operand is in this pinned register.
  @inline(__always)
  func isPin(_ entry: Entry, _ register: GPR) -> Bool {
    entry.kind == .local && locals[Int(entry.index)].pin == register.number
  }
  @inline(__always)
  func isPin(_ entry: Entry, _ register: XMM) -> Bool {
    entry.kind == .local && locals[Int(entry.index)].pin == register.number
  }

  // MARK: Integers

  /// The integer operand in some register, which may be a pinned one: read only.
  @inline(__always)
  mutating func gpr(_ entry: inout Entry) -> GPR {
    if entry.kind == .gpr { return entry.gpr }
    if entry.kind == .local {
      let pin = locals[Int(entry.index)].pin
      if pin != LocalInfo.unpinned { return GPR(pin) }
    }
    return ownedGPR(&entry)
  }

  /// The integer operand in a register of its own, to be overwritten.
  @inline(__always)
  mutating func ownedGPR(_ entry: inout Entry) -> GPR {
    if entry.kind == .gpr { return entry.gpr }
    let register = allocateGPR()
    load(entry, into: register)
    entry = .gpr(entry.type, register)
    return register
  }

  /// Copies an operand (an integer one, or the bits of an f32 or f64 from memory or a vector
  /// register) into `register`. Changes no flags and allocates nothing.
  mutating func load(_ entry: Entry, into register: GPR) {
    let size = entry.type.size
    switch entry.kind {
    case .const: asm.moveImmediate(size, register, entry.signedValue)
    case .gpr: if entry.gpr != register { asm.move(size, register, entry.gpr) }
    case .xmm: asm.move(size, register, entry.xmm)
    case .slot: asm.load(size, register, slotAddress(Int(entry.index)))
    case .local:
      let local = locals[Int(entry.index)]
      if !local.isPinned {
        asm.load(size, register, Address(.rbp, local.home))
      } else if entry.type.isFloat {
        asm.move(size, register, XMM(local.pin))
      } else if local.pin != register.number {
        asm.move(size, register, GPR(local.pin))
      }
    case .flags: setBoolean(FlagCondition(number: entry.register), register)
    }
  }

  /// The operand as the right-hand side of an integer instruction.
  @inline(__always)
  mutating func source(_ entry: inout Entry) -> Source {
    switch entry.kind {
    case .gpr: return .register(entry.gpr)
    case .const:
      if let value = entry.immediate { return .immediate(value) }
    case .slot: return .memory(slotAddress(Int(entry.index)))
    case .local:
      let local = locals[Int(entry.index)]
      return local.isPinned ? .register(GPR(local.pin)) : .memory(Address(.rbp, local.home))
    default: break
    }
    return .register(ownedGPR(&entry))
  }

  mutating func alu(_ operation: ALUOperation, _ size: OperandSize, _ dst: GPR, _ source: Source) {
    switch source {
    case .register(let register): asm.alu(operation, size, dst, register)
    case .memory(let address): asm.alu(operation, size, dst, address)
    case .immediate(let value): asm.alu(operation, size, dst, immediate: value)
    }
  }

  /// Stores an operand. Uses r11 and xmm15 where it must; changes no flags.
  mutating func store(_ entry: Entry, to address: Address) {
    if entry.type == .vector { return storeVector(entry, to: address) }
    let size = entry.type.size
    switch entry.kind {
    case .gpr: asm.store(size, address, entry.gpr)
    case .xmm: asm.store(entry.type.floatSize, address, entry.xmm)
    case .const:
      if let value = entry.immediate, !entry.type.isFloat {
        asm.storeImmediate(size, address, value)
      } else if let value = Int32(exactly: entry.signedBits) {
        asm.storeImmediate(size, address, value)
      } else {
        asm.moveImmediate(size, .r11, entry.signedBits)
        asm.store(size, address, .r11)
      }
    case .local:
      let local = locals[Int(entry.index)]
      if !local.isPinned {
        asm.load(size, .r11, Address(.rbp, local.home))
        asm.store(size, address, .r11)
      } else if entry.type.isFloat {
        asm.store(entry.type.floatSize, address, XMM(local.pin))
      } else {
        asm.store(size, address, GPR(local.pin))
      }
    case .slot, .flags:
      load(entry, into: .r11)
      asm.store(size, address, .r11)
    }
  }

  // MARK: Floats

  @inline(__always)
  mutating func xmm(_ entry: inout Entry) -> XMM {
    if entry.kind == .xmm { return entry.xmm }
    if entry.kind == .local {
      let pin = locals[Int(entry.index)].pin
      if pin != LocalInfo.unpinned { return XMM(pin) }
    }
    return ownedXMM(&entry)
  }

  @inline(__always)
  mutating func ownedXMM(_ entry: inout Entry) -> XMM {
    if entry.kind == .xmm { return entry.xmm }
    let register = allocateXMM()
    load(entry, into: register)
    entry = .xmm(entry.type, register)
    return register
  }

  /// Copies a float operand into `register`. Changes no flags and allocates nothing.
  mutating func load(_ entry: Entry, into register: XMM) {
    switch entry.kind {
    case .const:
      if entry.bits == 0 {
        asm.zero(register)
      } else if entry.type == .vector {
        loadConstant(entry, into: register)
      } else {
        asm.load(entry.type.floatSize, register, constantAddress(entry))
      }
    case .xmm: if entry.xmm != register { asm.move(register, entry.xmm) }
    case .slot: load(entry.type, register, slotAddress(Int(entry.index)))
    case .local:
      let local = locals[Int(entry.index)]
      if !local.isPinned {
        load(entry.type, register, Address(.rbp, local.home))
      } else if local.pin != register.number {
        asm.move(register, XMM(local.pin))
      }
    case .gpr, .flags: preconditionFailure("a float in an integer register")
    }
  }

  /// The float operand as the right-hand side of a scalar instruction: the memory
  /// operand has the operand's own width, no more.
  @inline(__always)
  mutating func floatSource(_ entry: inout Entry) -> FloatSource {
    if let address = memoryAddress(entry) { return .memory(address) }
    if entry.kind == .const && entry.bits != 0 { return .memory(constantAddress(entry)) }
    return .register(xmm(&entry))
  }

  /// A constant of the function's pool. The pool is emitted behind the code.
  mutating func constantAddress(_ entry: Entry) -> Address {
    let label = asm.makeLabel()
    floatConstants.append(FloatConstant(label: label, bits: entry.bits, isDouble: entry.type == .f64))
    return Address(label)
  }

  // MARK: Destinations

  /// The pinned register of the local that the operator at `next` assigns, if there is
  /// one: the result may go there directly. Aliases of the local become copies first.
  ///
  /// Whoever uses it pushes the register like an owned one; `local.set` and `local.tee`
  /// recognise it. The operands are still there, maybe in that very register.
  @inline(__always)
  mutating func pinnedDestination(after next: Int) -> UInt8 {
    let byte = byte(at: next)
    guard byte == 0x21 || byte == 0x22 else { return LocalInfo.unpinned }
    return assignedPin(next &+ 1)
  }

  private mutating func assignedPin(_ immediate: Int) -> UInt8 {
    var local = UInt32(byte(at: immediate))
    if local >= 0x80 {
      let second = UInt32(byte(at: immediate &+ 1))
      guard second < 0x80 else { return LocalInfo.unpinned }
      local = local & 0x7F | second &<< 7
    }
    guard Int(local) < locals.count, locals[Int(local)].isPinned else { return LocalInfo.unpinned }
    keepAliases(of: local)
    return locals[Int(local)].pin
  }

  /// As above, for an integer result of the one-byte operator in hand.
  @inline(__always)
  mutating func destinationGPR() -> GPR? {
    let pin = pinnedDestination(after: Int(operatorOffset) &+ 1)
    return pin == LocalInfo.unpinned ? nil : GPR(pin)
  }

  @inline(__always)
  mutating func destinationXMM() -> XMM? {
    let pin = pinnedDestination(after: Int(operatorOffset) &+ 1)
    return pin == LocalInfo.unpinned ? nil : XMM(pin)
  }
}

extension Entry {
  /// A constant's bits as an integer of its width, sign-extended.
  @inline(__always) var signedBits: Int64 {
    type == .i32 || type == .f32 ? Int64(Int32(truncatingIfNeeded: bits)) : Int64(bitPattern: bits)
  }
}
