/// Decodes a body's operators, one after the other, into an `OperatorSink`.
///
/// Used by the validator, by the compilers' passes and by the printer; it is generic
/// and inlinable so that each of them gets a loop of its own, specialised. The
/// dense switch below knows the hot operators; prefixed ones (`OperatorReader+Prefixed`)
/// are out of line.
///
/// The reader checks the binary grammar and the features; indices, types and nesting are for
/// the validator. It owns the scratch storage of `br_table` and `try_table`, whose counts
/// are bounded by the bytes that remain.
@safe public struct OperatorReader: ~Copyable {
  public var cursor: ByteCursor
  @usableFromInline let features: Features
  @usableFromInline var targets: UnsafeMutablePointer<UInt32>?
  @usableFromInline var targetCapacity = 0
  @usableFromInline var catches: UnsafeMutablePointer<CatchClause>?
  @usableFromInline var catchCapacity = 0

  /// - Parameter features: operators of other features are refused. Bytes that
  ///   were validated before need no second check: pass `.all`.
  public init(_ cursor: ByteCursor, features: Features) {
    self.cursor = cursor
    self.features = features
  }

  /// A reader of `body` of a validated module.
  public init(body: Range<Int>, of bytes: ModuleBytes) {
    self.init(ByteCursor(bytes, in: body), features: .all)
  }

  deinit {
    unsafe targets?.deallocate()
    unsafe catches?.deallocate()
  }

  /// Goes on elsewhere, with the scratch storage kept.
  public mutating func move(to cursor: ByteCursor) { self.cursor = cursor }

  @inlinable public var isAtEnd: Bool { cursor.isAtEnd }

  /// Calls `visit` for each run of equal locals that a body declares: count and type. The total is
  /// at most `Limits.locals`. Comes before the operators.
  @inlinable public mutating func readLocals(
    _ visit: (UInt32, ValueType) throws(ModuleError) -> Void
  ) throws(ModuleError) {
    let offset = cursor.offset
    let runs = try cursor.readLength()
    var total: UInt64 = 0
    for _ in 0..<runs {
      let count = try cursor.readU32()
      total &+= UInt64(count)
      guard total <= UInt64(UInt32.max) else {
        throw ModuleError(.malformed, "too many locals", offset: offset)
      }
      let type = try cursor.readValueType(features)
      // A later run may still make the body malformed, which is worse.
      if total <= UInt64(Limits.locals) { try visit(count, type) }
    }
    guard total <= UInt64(Limits.locals) else {
      throw ModuleError(.unsupported, "too many locals", offset: offset)
    }
  }

  /// Decodes all operators up to the end of the cursor's range.
  @inlinable public mutating func readAll<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    while !cursor.isAtEnd { try next(&sink) }
  }

  /// Pass 2 over a validated body: its locals, then its operators.
  @inlinable public static func forEachOperator<S: OperatorSink & ~Copyable>(
    in body: Range<Int>, of bytes: ModuleBytes, locals: (UInt32, ValueType) -> Void, sink: inout S
  ) throws(ModuleError) {
    var reader = OperatorReader(body: body, of: bytes)
    try reader.readLocals { (count: UInt32, type: ValueType) throws(ModuleError) in locals(count, type) }
    try reader.readAll(&sink)
  }

  /// Decodes one operator. An error has an offset: that of the operator, if no better one was known.
  @inlinable public mutating func next<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    let offset = UInt32(truncatingIfNeeded: cursor.offset)
    sink.operatorOffset = offset
    do throws(ModuleError) {
      try dispatch(&sink)
    } catch {
      throw error.located(at: Int(offset))
    }
  }

  /// The operator `distance` after `first` in the table's order.
  ///
  /// Sound because raw values are dense from 0 and an enum without payloads is its case's
  /// ordinal in memory; a test goes through all of them.
  @inlinable @inline(__always)
  public static func opcode(_ first: Opcode, plus distance: UInt8) -> Opcode {
    unsafe unsafeBitCast(first.rawValue &+ UInt16(distance), to: Opcode.self)
  }

  @inlinable @inline(__always)
  mutating func dispatch<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    let byte = try cursor.readByte()
    switch byte {
    case 0x00: try sink.visitUnreachable()
    case 0x01: try sink.visitNop()
    case 0x02: try sink.visitBlock(cursor.readBlockType(features))
    case 0x03: try sink.visitLoop(cursor.readBlockType(features))
    case 0x04: try sink.visitIf(cursor.readBlockType(features))
    case 0x05: try sink.visitElse()
    case 0x0B: try sink.visitEnd()
    case 0x0C: try sink.visitBr(cursor.readU32())
    case 0x0D: try sink.visitBrIf(cursor.readU32())
    case 0x0E: try unsafe sink.visitBrTable(readTargets())
    case 0x0F: try sink.visitReturn()
    case 0x10: try sink.visitCall(cursor.readU32())
    case 0x11:
      let type = try cursor.readU32()
      try sink.visitCallIndirect(type: type, table: readTableIndex())
    case 0x1A: try sink.visitDrop()
    case 0x1B: try sink.visitSelect()
    case 0x20: try sink.visitLocalGet(cursor.readU32())
    case 0x21: try sink.visitLocalSet(cursor.readU32())
    case 0x22: try sink.visitLocalTee(cursor.readU32())
    case 0x23: try sink.visitGlobalGet(cursor.readU32())
    case 0x24: try sink.visitGlobalSet(cursor.readU32())
    case 0x28...0x3E:
      let memarg = try cursor.readMemArg(features)
      try sink.visitMemoryAccess(Self.opcode(.i32Load, plus: byte &- 0x28), memarg)
    case 0x3F: try sink.visitMemorySize(readMemoryIndex())
    case 0x40: try sink.visitMemoryGrow(readMemoryIndex())
    case 0x41: try sink.visitI32Const(cursor.readS32())
    case 0x42: try sink.visitI64Const(cursor.readS64())
    case 0x43: try sink.visitF32Const(bits: cursor.readFixed32())
    case 0x44: try sink.visitF64Const(bits: cursor.readFixed64())
    case 0x45...0xBF: try sink.visitNumeric(Self.opcode(.i32Eqz, plus: byte &- 0x45))
    case 0xC0...0xC4:
      try require(.signExtension, byte)
      try sink.visitNumeric(Self.opcode(.i32Eqz, plus: byte &- 0x45))
    case 0xFB: try readAggregate(&sink)
    case 0xFC: try readMiscellaneous(&sink)
    case 0xFD: try readVector(&sink)
    case 0xFE: try readAtomic(&sink)
    default: try readRare(byte, &sink)
    }
  }

  /// Unprefixed operators that come after 1.0.
  @inlinable @inline(never)
  mutating func readRare<S: OperatorSink & ~Copyable>(_ byte: UInt8, _ sink: inout S) throws(ModuleError) {
    switch byte {
    case 0x06:
      try require(.legacyExceptions, byte)
      try sink.visitLegacyException(.try, cursor.readBlockType(features), operand: 0)
    case 0x07, 0x09, 0x18:
      try require(.legacyExceptions, byte)
      let operand = try cursor.readU32()
      let op: Opcode = byte == 0x07 ? .catch : byte == 0x09 ? .rethrow : .delegate
      try sink.visitLegacyException(op, .empty, operand: operand)
    case 0x19:
      try require(.legacyExceptions, byte)
      try sink.visitLegacyException(.catchAll, .empty, operand: 0)
    case 0x08:
      guard features.contains(.exceptions) || features.contains(.legacyExceptions) else { throw switchedOff(byte) }
      try sink.visitThrow(tag: cursor.readU32())
    case 0x0A:
      try require(.exceptions, byte)
      try sink.visitThrowRef()
    case 0x1F:
      try require(.exceptions, byte)
      let type = try cursor.readBlockType(features)
      try unsafe sink.visitTryTable(type, readCatches())
    case 0x12:
      try require(.tailCalls, byte)
      try sink.visitReturnCall(cursor.readU32())
    case 0x13:
      try require(.tailCalls, byte)
      let type = try cursor.readU32()
      try sink.visitReturnCallIndirect(type: type, table: readTableIndex())
    case 0x14:
      try require(.functionReferences, byte)
      try sink.visitCallRef(type: cursor.readU32())
    case 0x15:
      try require([.functionReferences, .tailCalls], byte)
      try sink.visitReturnCallRef(type: cursor.readU32())
    case 0x1C:
      try require(.referenceTypes, byte)
      try sink.visitSelectTyped(readSelectType())
    case 0x25:
      try require(.referenceTypes, byte)
      try sink.visitTableGet(cursor.readU32())
    case 0x26:
      try require(.referenceTypes, byte)
      try sink.visitTableSet(cursor.readU32())
    case 0xD0:
      try require(.referenceTypes, byte)
      try sink.visitRefNull(cursor.readHeapType(features))
    case 0xD1:
      try require(.referenceTypes, byte)
      try sink.visitRefIsNull()
    case 0xD2:
      try require(.referenceTypes, byte)
      try sink.visitRefFunc(cursor.readU32())
    case 0xD3:
      try require(.garbageCollection, byte)
      try sink.visitRefEq()
    case 0xD4:
      try require(.functionReferences, byte)
      try sink.visitRefAsNonNull()
    case 0xD5:
      try require(.functionReferences, byte)
      try sink.visitBrOnNull(cursor.readU32())
    case 0xD6:
      try require(.functionReferences, byte)
      try sink.visitBrOnNonNull(cursor.readU32())
    default:
      throw illegal(byte)
    }
  }

  // MARK: Immediates

  /// A memory index; before multi-memory it was a zero byte.
  @inlinable mutating func readMemoryIndex() throws(ModuleError) -> UInt32 {
    if features.contains(.multiMemory) { return try cursor.readU32() }
    try readZeroByte()
    return 0
  }

  /// A table index; before reference types it was a zero byte.
  @inlinable mutating func readTableIndex() throws(ModuleError) -> UInt32 {
    if features.contains(.referenceTypes) { return try cursor.readU32() }
    try readZeroByte()
    return 0
  }

  @usableFromInline @inline(never)
  mutating func readZeroByte() throws(ModuleError) {
    let offset = cursor.offset
    guard try cursor.readByte() == 0 else { throw ModuleError(.malformed, "zero byte expected", offset: offset) }
  }

  /// The targets of a `br_table`, the default last; valid until the next call.
  @usableFromInline @inline(never)
  mutating func readTargets() throws(ModuleError) -> UnsafeBufferPointer<UInt32> {
    // The default is one more; a count that leaves no byte for it fails when it is read.
    let count = try cursor.readLength() + 1
    if count > targetCapacity {
      unsafe targets?.deallocate()
      targetCapacity = max(count, 2 * targetCapacity, 64)
      unsafe targets = .allocate(capacity: targetCapacity)
    }
    guard let targets = unsafe targets else { preconditionFailure("scratch storage was just made") }
    for index in 0..<count {
      unsafe (targets + index).initialize(to: try cursor.readU32())
    }
    return unsafe UnsafeBufferPointer(start: targets, count: count)
  }

  /// The clauses of a `try_table`; valid until the next call.
  @usableFromInline @inline(never)
  mutating func readCatches() throws(ModuleError) -> UnsafeBufferPointer<CatchClause> {
    let count = try cursor.readLength()
    if count > catchCapacity || catchCapacity == 0 {
      unsafe catches?.deallocate()
      catchCapacity = max(count, 2 * catchCapacity, 8)
      unsafe catches = .allocate(capacity: catchCapacity)
    }
    guard let catches = unsafe catches else { preconditionFailure("scratch storage was just made") }
    for index in 0..<count {
      let offset = cursor.offset
      guard let kind = CatchClause.Kind(rawValue: try cursor.readByte()) else {
        throw ModuleError(.malformed, "malformed catch clause", offset: offset)
      }
      let tag = kind == .catch || kind == .catchRef ? try cursor.readU32() : 0
      let depth = try cursor.readU32()
      unsafe (catches + index).initialize(to: CatchClause(kind: kind, tag: tag, depth: depth))
    }
    return unsafe UnsafeBufferPointer(start: catches, count: count)
  }

  @usableFromInline @inline(never)
  mutating func readSelectType() throws(ModuleError) -> ValueType {
    let count = try cursor.readLength()
    var type = ValueType.bottom
    for _ in 0..<count { type = try cursor.readValueType(features) }
    guard count == 1 else { throw ModuleError(.invalid, "invalid result arity") }
    return type
  }

  // MARK: Errors

  @inlinable @inline(__always)
  func require(_ needed: Features, _ byte: UInt8) throws(ModuleError) {
    guard features.contains(needed) else { throw switchedOff(byte) }
  }

  @usableFromInline @inline(never)
  func switchedOff(_ byte: UInt8, _ code: UInt32? = nil) -> ModuleError {
    ModuleError(.unsupported, "illegal opcode " + Self.hex(byte, code) + ": its feature is switched off")
  }

  @usableFromInline @inline(never)
  func illegal(_ byte: UInt8, _ code: UInt32? = nil) -> ModuleError {
    ModuleError(.malformed, "illegal opcode " + Self.hex(byte, code))
  }

  private static func hex(_ byte: UInt8, _ code: UInt32?) -> String {
    func digits(_ value: UInt32) -> String {
      let text = String(value, radix: 16)
      return text.count < 2 ? "0" + text : text
    }
    return digits(UInt32(byte)) + (code.map { " " + digits($0) } ?? "")
  }
}
