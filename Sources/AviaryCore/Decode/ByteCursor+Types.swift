/// Types and memory arguments as they occur in sections and in bodies alike.
extension ByteCursor {
  /// Source: WebAssembly 3.0 section 5.3.
  @inlinable public mutating func readValueType(_ features: Features) throws(ModuleError) -> ValueType {
    if let byte = peek, byte >= 0x7C && byte <= 0x7F {
      unsafe next += 1
      return ValueType(rawValue: UInt32(byte))
    }
    return try readRareValueType(features)
  }

  @inlinable public mutating func readBlockType(_ features: Features) throws(ModuleError) -> BlockType {
    if let byte = peek, byte == 0x40 || byte >= 0x7C && byte <= 0x7F {
      unsafe next += 1
      return byte == 0x40 ? .empty : .value(ValueType(rawValue: UInt32(byte)))
    }
    return try readRareBlockType(features)
  }

  @usableFromInline @inline(never)
  mutating func readRareValueType(_ features: Features) throws(ModuleError) -> ValueType {
    let offset = offset
    guard let byte = peek else { throw unexpectedEnd() }
    switch byte {
    case 0x7C...0x7F:
      unsafe next += 1
      return ValueType(rawValue: UInt32(byte))
    case 0x7B:
      unsafe next += 1
      guard features.contains(.simd) else { throw Self.switchedOff("v128", offset) }
      return .v128
    default:
      return try readReferenceType(features)
    }
  }

  public mutating func readReferenceType(_ features: Features) throws(ModuleError) -> ValueType {
    let offset = offset
    let byte = try readByte()
    switch byte {
    case 0x63, 0x64:
      guard features.contains(.functionReferences) else { throw Self.switchedOff("reference types by index", offset) }
      return .reference(try readHeapType(features), nullable: byte == 0x63)
    case 0x69...0x74:
      let heap = HeapType.abstract(code: byte)
      try Self.require(heap, features, offset)
      return .reference(heap, nullable: true)
    default:
      throw ModuleError(.malformed, "malformed reference type", offset: offset)
    }
  }

  /// An abstract heap type, or a type index. Indices beyond what a module can hold are clamped
  /// to one that no module has, so that they fit a `HeapType`.
  public mutating func readHeapType(_ features: Features) throws(ModuleError) -> HeapType {
    let offset = offset
    if let byte = peek, byte >= 0x69 && byte <= 0x74 {
      unsafe next += 1
      let heap = HeapType.abstract(code: byte)
      try Self.require(heap, features, offset)
      return heap
    }
    let index = try readS33()
    guard index >= 0 else { throw ModuleError(.malformed, "malformed heap type", offset: offset) }
    guard features.contains(.functionReferences) else { throw Self.switchedOff("heap types by index", offset) }
    return .concrete(UInt32(truncatingIfNeeded: min(index, 0xFF_FFFF)))
  }

  @usableFromInline @inline(never)
  mutating func readRareBlockType(_ features: Features) throws(ModuleError) -> BlockType {
    let offset = offset
    guard let byte = peek else { throw unexpectedEnd() }
    if byte & 0xC0 == 0x40 {
      // A negative number of one byte: a value type.
      return .value(try readRareValueType(features))
    }
    let index = try readS33()
    guard index >= 0 else { throw ModuleError(.malformed, "malformed block type", offset: offset) }
    guard features.contains(.multiValue) else { throw Self.switchedOff("block types by index", offset) }
    return .index(UInt32(truncatingIfNeeded: index))
  }

  @inlinable public mutating func readMemArg(_ features: Features) throws(ModuleError) -> MemArg {
    if remaining >= 2 {
      let flags = unsafe next[0]
      let offset = unsafe next[1]
      if flags < 0x40 && offset < 0x80 {
        unsafe next += 2
        return MemArg(offset: UInt64(offset), memory: 0, alignLog2: flags)
      }
    }
    return try readRareMemArg(features)
  }

  @usableFromInline @inline(never)
  mutating func readRareMemArg(_ features: Features) throws(ModuleError) -> MemArg {
    let start = offset
    let flags = try readU32()
    let hasIndex = flags & 0x40 != 0
    guard flags < 0x80, !hasIndex || features.contains(.multiMemory) else {
      throw ModuleError(.malformed, "malformed memop flags", offset: start)
    }
    let memory = hasIndex ? try readU32() : 0
    let offset = features.contains(.memory64) ? try readU64() : UInt64(try readU32())
    return MemArg(offset: offset, memory: memory, alignLog2: UInt8(flags & 0x3F))
  }

  private static func require(_ heap: HeapType, _ features: Features, _ offset: Int) throws(ModuleError) {
    let needed: Features =
      switch heap {
      case .func, .extern: .referenceTypes
      case .exn, .noexn: .exceptions
      default: .garbageCollection
      }
    guard features.contains(needed) else {
      // The old name: 0x70 was the only element type.
      throw switchedOff("this heap type", offset)
    }
  }

  static func switchedOff(_ what: String, _ offset: Int) -> ModuleError {
    ModuleError(.unsupported, "malformed type: the feature for \(what) is switched off", offset: offset)
  }
}
