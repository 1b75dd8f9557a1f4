extension ModuleEncoder {
  /// Code of an abstract heap type.
  static func heapCode(_ keyword: Keyword) -> UInt8? {
    switch keyword {
    case .noexn: 0x74
    case .nofunc: 0x73
    case .noextern: 0x72
    case .none: 0x71
    case .func: 0x70
    case .extern: 0x6F
    case .any: 0x6E
    case .eq: 0x6D
    case .i31: 0x6C
    case .struct: 0x6B
    case .array: 0x6A
    case .exn: 0x69
    default: nil
    }
  }

  private static func referenceAbbreviation(_ keyword: Keyword) -> UInt8? {
    switch keyword {
    case .nullexnref: 0x74
    case .nullfuncref: 0x73
    case .nullexternref: 0x72
    case .nullref: 0x71
    case .funcref: 0x70
    case .externref: 0x6F
    case .anyref: 0x6E
    case .eqref: 0x6D
    case .i31ref: 0x6C
    case .structref: 0x6B
    case .arrayref: 0x6A
    case .exnref: 0x69
    default: nil
    }
  }

  /// A heap type as s33.
  mutating func takeHeapType() throws(TextError) -> Int64 {
    if let keyword = reader.token.keyword, let code = Self.heapCode(keyword) {
      reader.advance()
      return Int64(code) - 0x80
    }
    return Int64(try takeIndex(.type))
  }

  mutating func takeReferenceType() throws(TextError) -> TextValueType {
    let type = try takeValueType()
    if type.form == .plain { throw reader.unexpected(reader.tokens[reader.index - 1]) }
    return type
  }

  var isAtValueType: Bool {
    switch reader.token.keyword {
    case .i32, .i64, .f32, .f64, .v128: true
    case .some(let keyword): Self.referenceAbbreviation(keyword) != nil
    case nil: reader.isAtForm(.ref)
    }
  }

  mutating func takeValueType() throws(TextError) -> TextValueType {
    if reader.takeForm(.ref) {
      let isNullable = reader.take(.null)
      let heap = try takeHeapType()
      try reader.expectRightParen()
      return TextValueType(form: isNullable ? .nullableReference : .reference, heap: heap)
    }
    guard let keyword = reader.token.keyword else { throw reader.unexpected() }
    let type: TextValueType
    switch keyword {
    case .i32: type = .plain(0x7F)
    case .i64: type = .plain(0x7E)
    case .f32: type = .plain(0x7D)
    case .f64: type = .plain(0x7C)
    case .v128: type = .plain(0x7B)
    default:
      guard let code = Self.referenceAbbreviation(keyword) else { throw reader.unexpected() }
      type = .null(code)
    }
    reader.advance()
    return type
  }
}
