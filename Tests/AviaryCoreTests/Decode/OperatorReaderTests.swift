import Testing

@testable import AviaryCore

@Suite struct OperatorReaderTests {
  /// Immediates that the grammar accepts, for every kind.
  private func immediates(_ kind: ImmediateKind) -> [UInt8] {
    switch kind {
    case .none: []
    case .block: [0x40]
    case .brOnCast: [3, 0, 0x6E, 0x6D]
    case .brTable: [2, 0, 1, 2]
    case .dataMemory, .elemTable, .memoryMemory, .tableTable, .typeCount, .typeData, .typeElem, .typeField,
      .typeTable, .typeType:
      [0, 0]
    case .f32: [0, 0, 0x80, 0x3F]
    case .f64: [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
    case .heap: [0x70]
    case .memarg: [0, 0]
    case .memargLane: [0, 0, 0]
    case .selectTypes: [1, 0x7F]
    case .shuffle, .v128: [UInt8](0..<16)
    case .tryTable: [0x40, 2, 0, 0, 0, 3, 1]
    case .data, .elem, .fence, .func, .global, .i32, .i64, .label, .lane, .local, .memory, .table, .tag, .type: [0]
    }
  }

  private func encoding(_ row: OpcodeRow) -> [UInt8] {
    row.prefix == 0 ? [UInt8(row.code)] : [row.prefix] + ModuleBuilder.leb(UInt64(row.code))
  }

  /// The reader is written by hand, the table is generated: they must agree on each operator.
  @Test func everyRowIsRead() throws {
    for opcode in Opcode.allCases {
      let bytes = encoding(opcode.row) + immediates(opcode.row.immediates)
      let owner = ModuleBytes(bytes)
      defer { withExtendedLifetime(owner) {} }
      var reader = OperatorReader(ByteCursor(owner, in: 0..<bytes.count), features: .all)
      var sink = RecordingSink()
      try reader.next(&sink)
      #expect(sink.opcodes == [opcode], "\(opcode.mnemonic)")
      let isAtEnd = reader.isAtEnd
      #expect(isAtEnd, "\(opcode.mnemonic) left bytes")
    }
  }

  /// Each operator needs its feature, unless it is one of the first standard.
  @Test func featuresAreRequired() {
    for opcode in Opcode.allCases {
      let row = opcode.row
      // throw is in both proposals of exceptions.
      let without = opcode == .throw ? Features.all.subtracting([.exceptions, .legacyExceptions]) : .all.subtracting(row.feature)
      let bytes = encoding(row) + immediates(row.immediates)
      let owner = ModuleBytes(bytes)
      defer { withExtendedLifetime(owner) {} }
      var reader = OperatorReader(ByteCursor(owner, in: 0..<bytes.count), features: without)
      var sink = RecordingSink()
      if row.feature.isEmpty {
        #expect(throws: Never.self) { try reader.next(&sink) }
      } else {
        let error = #expect(throws: ModuleError.self, "\(row.mnemonic)") { try reader.next(&sink) }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.hasPrefix("illegal opcode") == true)
        #expect(error?.offset == 0)
      }
    }
  }

  /// Codes that are in no row are refused, whatever their prefix.
  @Test func unknownCodesAreIllegal() {
    let known = Set(OpcodeTable.rows.map { UInt32($0.prefix) << 16 | UInt32($0.code) })
    for prefix in [0, 0xFB, 0xFC, 0xFD, 0xFE] as [UInt32] {
      for code in 0..<(prefix == 0 ? 0x100 : 0x300) as Range<UInt32> {
        guard !known.contains(prefix << 16 | code), prefix != 0 || !(0xFB...0xFE).contains(code) else { continue }
        let start = prefix == 0 ? [UInt8(code)] : [UInt8(prefix)] + ModuleBuilder.leb(UInt64(code))
        let owner = ModuleBytes(start + [UInt8](repeating: 0, count: 20))
        defer { withExtendedLifetime(owner) {} }
        var reader = OperatorReader(ByteCursor(owner, in: 0..<start.count + 20), features: .all)
        var sink = RecordingSink()
        let error = #expect(throws: ModuleError.self) { try reader.next(&sink) }
        #expect(error?.message.hasPrefix("illegal opcode") == true)
      }
    }
  }

  /// The reader makes opcodes of raw values by bit pattern.
  @Test func rawValuesAreOrdinals() {
    #expect(Opcode.allCases.count == OpcodeTable.count)
    for (index, opcode) in Opcode.allCases.enumerated() {
      #expect(Int(opcode.rawValue) == index)
      #expect(unsafe unsafeBitCast(opcode, to: UInt16.self) == opcode.rawValue)
    }
    for byte in 0x45...0xC4 as ClosedRange<UInt8> {
      #expect(OperatorReader.opcode(.i32Eqz, plus: byte - 0x45).row.code == UInt16(byte))
    }
    for byte in 0x28...0x3E as ClosedRange<UInt8> {
      #expect(OperatorReader.opcode(.i32Load, plus: byte - 0x28).row.code == UInt16(byte))
    }
  }

  @Test func everyTruncationFails() {
    for opcode in Opcode.allCases {
      let bytes = encoding(opcode.row) + immediates(opcode.row.immediates)
      for length in 0..<bytes.count {
        let owner = ModuleBytes(bytes)
        defer { withExtendedLifetime(owner) {} }
        var reader = OperatorReader(ByteCursor(owner, in: 0..<length), features: .all)
        var sink = RecordingSink()
        #expect(throws: ModuleError.self, "\(opcode.mnemonic) cut to \(length)") { try reader.next(&sink) }
      }
    }
  }

  @Test func scratchStorageIsReused() throws {
    let many: [UInt8] = [0x0E, 100] + [UInt8](0...100)
    let bytes = many + [0x0E, 1, 5, 6, 0x1F, 0x40, 1, 1, 7, 8]
    let owner = ModuleBytes(bytes)
    defer { withExtendedLifetime(owner) {} }
    var reader = OperatorReader(ByteCursor(owner, in: 0..<bytes.count), features: .all)
    var sink = RecordingSink()
    try reader.next(&sink)
    #expect(sink.targets == (0...100).map { UInt32($0) })
    try reader.next(&sink)
    #expect(sink.targets == [5, 6])
    try reader.next(&sink)
    #expect(sink.catches == [CatchClause(kind: .catchRef, tag: 7, depth: 8)])
    #expect(sink.offsets == [0, UInt32(many.count), UInt32(many.count) + 4])
  }

  @Test func localsAreBounded() throws {
    func runs(_ bytes: [UInt8]) throws(ModuleError) -> [UInt32] {
      let owner = ModuleBytes(bytes)
      defer { withExtendedLifetime(owner) {} }
      var reader = OperatorReader(ByteCursor(owner, in: 0..<bytes.count), features: .all)
      var counts: [UInt32] = []
      try reader.readLocals { (count: UInt32, _: ValueType) throws(ModuleError) in counts.append(count) }
      return counts
    }
    #expect(try runs([2, 3, Code.i32, 1, Code.f64]) == [3, 1])
    #expect(try runs([1] + ModuleBuilder.leb(50_000) + [Code.i32]) == [50_000])
    let tooMany = #expect(throws: ModuleError.self) { try runs([1] + ModuleBuilder.leb(50_001) + [Code.i32]) }
    #expect(tooMany?.kind == .unsupported)
    let wrapping = ModuleBuilder.leb(UInt64(UInt32.max)) + [Code.i32]
    let malformed = #expect(throws: ModuleError.self) { try runs([2] + [1, Code.i32] + wrapping) }
    #expect(malformed?.message == "too many locals")
    #expect(malformed?.kind == .malformed)
  }
}
