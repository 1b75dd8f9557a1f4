/// `(type x)? (param …)* (result …)*` as written.
struct WrittenTypeUse {
  var type: UInt32?
  /// Where the type index stands, for errors.
  var token: Token
  var signature = TextSignature()
}

extension ModuleEncoder {
  /// Parameters and results; `parameterNames` says what was named.
  mutating func takeSignature(allowsNames: Bool) throws(TextError) -> TextSignature {
    var signature = TextSignature()
    parameterNames.removeAll(keepingCapacity: true)
    while reader.takeForm(.param) {
      if reader.isAtID {
        guard allowsNames else { throw reader.unexpected() }
        parameterNames.append((UInt32(truncatingIfNeeded: signature.parameters.count), reader.token))
        reader.advance()
        signature.parameters.append(try takeValueType())
      } else {
        while !reader.isAtRightParen { signature.parameters.append(try takeValueType()) }
      }
      try reader.expectRightParen()
    }
    while reader.takeForm(.result) {
      while !reader.isAtRightParen { signature.results.append(try takeValueType()) }
      try reader.expectRightParen()
    }
    return signature
  }

  mutating func takeWrittenTypeUse(allowsNames: Bool) throws(TextError) -> WrittenTypeUse {
    var use = WrittenTypeUse(token: reader.token)
    if reader.takeForm(.type) {
      use.token = reader.token
      use.type = try takeIndex(.type)
      try reader.expectRightParen()
    }
    use.signature = try takeSignature(allowsNames: allowsNames)
    // Out of order: to be told from a signature that contradicts the type.
    if reader.isAtForm(.type) || reader.isAtForm(.param) { throw reader.unexpected(reader.nextToken) }
    return use
  }

  /// The type index of a type use; adds a type when none fits.
  mutating func resolve(_ use: WrittenTypeUse) throws(TextError) -> UInt32 {
    guard let type = use.type else { return implicitType(use.signature) }
    if !use.signature.isEmpty {
      guard Int(type) < signatures.count else {
        throw error(.resolution, "unknown type \(reader.text(use.token))", at: use.token)
      }
      if signatures[Int(type)] != use.signature {
        throw error(.resolution, "inline function type", at: use.token)
      }
    }
    return type
  }

  /// The least type that is plainly `signature`; added behind all others when there is none.
  mutating func implicitType(_ signature: TextSignature) -> UInt32 {
    if let index = plainSignatures[signature] { return index }
    let index = UInt32(truncatingIfNeeded: signatures.count)
    plainSignatures[signature] = index
    signatures.append(signature)
    signature.encode(into: &typeSection.bytes)
    typeSection.count += 1
    return index
  }

  /// A type use whose parameters may not be named, as of instructions and blocks.
  mutating func takeTypeUse() throws(TextError) -> UInt32 {
    try resolve(try takeWrittenTypeUse(allowsNames: false))
  }

  /// Encodes a block's type: nothing, one result, or a type index.
  mutating func encodeBlockType() throws(TextError) {
    let use = try takeWrittenTypeUse(allowsNames: false)
    if use.type == nil, use.signature.parameters.isEmpty, use.signature.results.count < 2 {
      if let result = use.signature.results.first {
        result.encode(into: &code)
      } else {
        code.append(0x40)
      }
      return
    }
    code.appendSigned(Int64(try resolve(use)))
  }
}
