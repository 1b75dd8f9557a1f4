extension ModuleEncoder {
  /// Encodes all type definitions; afterwards `signatures` covers them.
  mutating func encodeTypeFields() throws(TextError) {
    reader.index = fields.lowerBound
    while reader.index < fields.upperBound {
      let end = Int(reader.token.end)
      switch reader.nextToken.keyword {
      case .type:
        let index = UInt32(truncatingIfNeeded: signatures.count)
        let isPlain = try encodeTypeField()
        typeSection.count += 1
        if isPlain { notePlainSignature(index) }
      case .rec:
        reader.index += 2
        let first = UInt32(truncatingIfNeeded: signatures.count)
        var count = 0
        var isPlain = false
        var group: [UInt8] = []
        swap(&group, &typeSection.bytes)
        while !reader.isAtRightParen {
          isPlain = try encodeTypeField()
          count += 1
        }
        swap(&group, &typeSection.bytes)
        if count != 1 {
          typeSection.bytes.append(0x4E)
          typeSection.bytes.appendCount(count)
        } else if isPlain {
          notePlainSignature(first)
        }
        typeSection.bytes += group
        typeSection.count += 1
      default: break
      }
      reader.index = end + 1
    }
  }

  private mutating func notePlainSignature(_ index: UInt32) {
    if let signature = signatures[Int(index)], plainSignatures[signature] == nil {
      plainSignatures[signature] = index
    }
  }

  /// `(type $id? subtype)`; returns whether it is a final function type without supertypes.
  private mutating func encodeTypeField() throws(TextError) -> Bool {
    if !names.byField.isEmpty {
      noteAnnotatedName(head: reader.index, .type, UInt32(truncatingIfNeeded: signatures.count))
    }
    guard reader.takeForm(.type) else { throw reader.unexpected() }
    _ = reader.takeID()
    var isPlain = true
    if reader.takeForm(.sub) {
      let isFinal = reader.take(.final)
      var supertypes: [UInt32] = []
      while reader.isAtIndex { supertypes.append(try takeIndex(.type)) }
      if !isFinal || !supertypes.isEmpty {
        isPlain = false
        typeSection.bytes.append(isFinal ? 0x4F : 0x50)
        typeSection.bytes.appendCount(supertypes.count)
        for type in supertypes { typeSection.bytes.appendUnsigned(type) }
      }
      try encodeCompositeType()
      try reader.expectRightParen()
    } else {
      try encodeCompositeType()
    }
    try reader.expectRightParen()
    return isPlain && signatures.last! != nil
  }

  private mutating func encodeCompositeType() throws(TextError) {
    if reader.takeForm(.func) {
      // The names of its parameters document; they bind nothing.
      let signature = try takeSignature(allowsNames: true)
      signature.encode(into: &typeSection.bytes)
      signatures.append(signature)
    } else if reader.takeForm(.struct) {
      try encodeStructFields()
      signatures.append(nil)
    } else if reader.takeForm(.array) {
      typeSection.bytes.append(0x5E)
      try encodeFieldType()
      signatures.append(nil)
    } else {
      throw reader.unexpected(reader.isAtLeftParen ? reader.nextToken : reader.token)
    }
    try reader.expectRightParen()
  }

  private mutating func encodeStructFields() throws(TextError) {
    let type = UInt32(truncatingIfNeeded: signatures.count)
    var count: UInt32 = 0
    var contents: [UInt8] = []
    swap(&contents, &typeSection.bytes)
    while reader.takeForm(.field) {
      if let token = reader.takeID() {
        let id = intern(token)
        if structFields.updateValue(count, forKey: UInt64(type) << 32 | UInt64(id)) != nil {
          throw error(.resolution, "duplicate field \(reader.text(token))", at: token)
        }
        namedFields.append((type, count, id))
        try encodeFieldType()
        count += 1
      } else {
        while !reader.isAtRightParen {
          try encodeFieldType()
          count += 1
        }
      }
      try reader.expectRightParen()
    }
    swap(&contents, &typeSection.bytes)
    typeSection.bytes.append(0x5F)
    typeSection.bytes.appendUnsigned(count)
    typeSection.bytes += contents
  }

  private mutating func encodeFieldType() throws(TextError) {
    let isMutable = reader.takeForm(.mut)
    if reader.take(.i8) {
      typeSection.bytes.append(0x78)
    } else if reader.take(.i16) {
      typeSection.bytes.append(0x77)
    } else {
      try takeValueType().encode(into: &typeSection.bytes)
    }
    typeSection.bytes.append(isMutable ? 1 : 0)
    if isMutable { try reader.expectRightParen() }
  }

  /// A field of struct type `type`, by number or identifier.
  mutating func takeFieldIndex(of type: UInt32) throws(TextError) -> UInt32 {
    if reader.token.kind == .nat { return try reader.takeNatural32() }
    guard let token = reader.takeID() else { throw reader.unexpected() }
    let id = intern(token)
    guard let field = structFields[UInt64(type) << 32 | UInt64(id)] else {
      throw error(.resolution, "unknown field \(reader.text(token))", at: token)
    }
    return field
  }
}
