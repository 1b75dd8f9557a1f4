internal import AviaryCore

/// Arguments and result patterns.
extension ScriptParser {
  static func takeValue(_ reader: inout TokenReader) throws(TextError) -> ScriptValue {
    let start = reader.nextToken
    if case .value(let value) = try takePattern(&reader) { return value }
    throw reader.unexpected(start)
  }

  /// `(t.const …)`, `(ref.… …)` or `(either …)`; patterns of `either` do not nest.
  static func takePattern(_ reader: inout TokenReader) throws(TextError) -> ResultPattern {
    guard reader.takeForm(.either) else { return try takeSimplePattern(&reader) }
    var patterns: [ResultPattern] = []
    while reader.isAtLeftParen { patterns.append(try takeSimplePattern(&reader)) }
    try reader.expectRightParen()
    return .either(patterns)
  }

  private static func takeSimplePattern(_ reader: inout TokenReader) throws(TextError) -> ResultPattern {
    try reader.expectLeftParen()
    let word = reader.token
    reader.advance()
    let pattern: ResultPattern
    if let opcode = word.opcode {
      pattern = try takeConstant(opcode, word, &reader)
    } else if let keyword = word.keyword {
      pattern = try takeReference(keyword, word, &reader)
    } else {
      throw reader.unexpected(word)
    }
    try reader.expectRightParen()
    return pattern
  }

  private static func takeConstant(
    _ opcode: Opcode, _ word: Token, _ reader: inout TokenReader
  ) throws(TextError) -> ResultPattern {
    switch opcode {
    case .i32Const: return .value(.i32(UInt32(truncatingIfNeeded: try reader.takeInteger(bits: 32))))
    case .i64Const: return .value(.i64(try reader.takeInteger(bits: 64)))
    case .f32Const:
      if reader.take(.nanCanonical) { return .f32CanonicalNaN }
      if reader.take(.nanArithmetic) { return .f32ArithmeticNaN }
      return .value(.f32(try reader.takeF32()))
    case .f64Const:
      if reader.take(.nanCanonical) { return .f64CanonicalNaN }
      if reader.take(.nanArithmetic) { return .f64ArithmeticNaN }
      return .value(.f64(try reader.takeF64()))
    case .v128Const: return try takeVector(&reader)
    case .refNull: return .value(.refNull(takeHeapType(&reader)))
    case .refFunc:
      // An index, if there is one, is of no consequence: functions have no identity here.
      if reader.isAtIndex { reader.advance() }
      return .reference(.func)
    case .refI31: return .reference(.i31)
    case .refEq: return .reference(.eq)
    default: throw reader.unexpected(word)
    }
  }

  private static func takeReference(
    _ keyword: Keyword, _ word: Token, _ reader: inout TokenReader
  ) throws(TextError) -> ResultPattern {
    switch keyword {
    case .refExtern:
      return reader.token.kind == .nat ? .value(.refExtern(try reader.takeNatural32())) : .reference(.extern)
    case .refHost: return .value(.refHost(try reader.takeNatural32()))
    case .refAny: return .reference(.any)
    case .refStruct: return .reference(.struct)
    case .refArray: return .reference(.array)
    case .refExn: return .reference(.exn)
    default: throw reader.unexpected(word)
    }
  }

  private static func takeHeapType(_ reader: inout TokenReader) -> HeapType? {
    if reader.isAtIndex {
      reader.advance()
      return nil
    }
    guard let keyword = reader.token.keyword, let code = ModuleEncoder.heapCode(keyword) else { return nil }
    reader.advance()
    return .abstract(code: code)
  }

  // MARK: Vectors

  private static func takeVector(_ reader: inout TokenReader) throws(TextError) -> ResultPattern {
    let lanes: Int
    switch reader.token.keyword {
    case .i8x16: lanes = 16
    case .i16x8: lanes = 8
    case .i32x4: lanes = 4
    case .i64x2: lanes = 2
    case .f32x4: return try takeFloatLanes(&reader, count: 4)
    case .f64x2: return try takeFloatLanes(&reader, count: 2)
    default: throw reader.unexpected()
    }
    reader.advance()
    let bits = 128 / lanes
    var values: [UInt64] = []
    for _ in 0..<lanes { values.append(try reader.takeInteger(bits: UInt64(bits))) }
    return .value(vector(values))
  }

  /// A vector of equal lanes, the lowest first.
  private static func vector(_ lanes: [UInt64]) -> ScriptValue {
    let bits = UInt64(128 / lanes.count)
    let half = lanes.count / 2
    func word(_ lanes: ArraySlice<UInt64>) -> UInt64 {
      bits == 64 ? lanes.first ?? 0 : lanes.reversed().reduce(0) { $0 << bits | $1 }
    }
    return .v128(low: word(lanes[..<half]), high: word(lanes[half...]))
  }

  private static func takeFloatLanes(_ reader: inout TokenReader, count: Int) throws(TextError) -> ResultPattern {
    reader.advance()
    var lanes: [LanePattern] = []
    var values: [UInt64] = []
    for _ in 0..<count {
      if reader.take(.nanCanonical) {
        lanes.append(.canonicalNaN)
      } else if reader.take(.nanArithmetic) {
        lanes.append(.arithmeticNaN)
      } else {
        let bits = count == 4 ? UInt64(try reader.takeF32()) : try reader.takeF64()
        lanes.append(.bits(bits))
        values.append(bits)
      }
    }
    if values.count == count { return .value(vector(values)) }
    return count == 4 ? .f32x4(lanes) : .f64x2(lanes)
  }
}
