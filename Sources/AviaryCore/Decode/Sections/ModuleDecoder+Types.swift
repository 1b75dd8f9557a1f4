/// The type section: recursion groups of subtypes of functions, structs and arrays.
extension ModuleDecoder {
  mutating func decodeTypeSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.recursionGroups, "recursion groups")
    for _ in 0..<count {
      let start = info.types.count
      if cursor.peek == 0x4E {
        try requireCollection()
        _ = try cursor.readByte()
        let members = try readCount(limit: Limits.types, "types")
        for _ in 0..<members { try decodeSubType() }
      } else {
        try decodeSubType()
      }
      info.recursionGroups.append(start..<info.types.count)
    }
  }

  private func requireCollection() throws(ModuleError) {
    guard features.contains(.garbageCollection) else {
      throw ModuleError(
        .unsupported, "malformed definition type: garbage collection is switched off", offset: cursor.offset)
    }
  }

  private mutating func decodeSubType() throws(ModuleError) {
    guard info.types.count < Limits.types else {
      throw ModuleError(.unsupported, "too many types", offset: cursor.offset)
    }
    var type = SubType(composite: .structure([]))
    if let byte = cursor.peek, byte == 0x50 || byte == 0x4F {
      try requireCollection()
      _ = try cursor.readByte()
      type.isFinal = byte == 0x4F
      let count = try cursor.readLength()
      for index in 0..<count {
        let supertype = try cursor.readU32()
        // More than one is invalid; there is no use in keeping more than that takes to be seen.
        if index < 2 { type.supertypes.append(supertype) }
      }
    }
    type.composite = try readCompositeType()
    info.types.append(type)
  }

  private mutating func readCompositeType() throws(ModuleError) -> CompositeType {
    let offset = cursor.offset
    switch try cursor.readByte() {
    case 0x60:
      let parameters = try readResultType(limit: Limits.parameters, "parameters")
      let results = try readResultType(limit: Limits.results, "results")
      guard results.count <= 1 || features.contains(.multiValue) else {
        throw ModuleError(.unsupported, "invalid result arity: multiple values are switched off", offset: offset)
      }
      return .function(FunctionType(parameters: parameters, results: results))
    case 0x5F:
      try requireCollection()
      let count = try readCount(limit: Limits.structFields, "fields")
      var fields: [FieldType] = []
      for _ in 0..<count { fields.append(try readFieldType()) }
      return .structure(fields)
    case 0x5E:
      try requireCollection()
      return .array(try readFieldType())
    case let byte:
      // In the reference a type's code is a signed LEB128 number of 7 bits.
      let isLong = byte & 0x80 != 0
      throw ModuleError(
        .malformed, isLong ? "integer representation too long" : "malformed definition type", offset: offset)
    }
  }

  private mutating func readResultType(limit: Int, _ what: StaticString) throws(ModuleError) -> [ValueType] {
    let count = try readCount(limit: limit, what)
    var types: [ValueType] = []
    types.reserveCapacity(count)
    for _ in 0..<count { types.append(try cursor.readValueType(features)) }
    return types
  }

  private mutating func readFieldType() throws(ModuleError) -> FieldType {
    let storage = try readStorageType()
    return FieldType(storage: storage, isMutable: try readMutability())
  }

  private mutating func readStorageType() throws(ModuleError) -> StorageType {
    let offset = cursor.offset
    switch cursor.peek {
    case 0x78:
      _ = try cursor.readByte()
      return .i8
    case 0x77:
      _ = try cursor.readByte()
      return .i16
    default:
      do throws(ModuleError) {
        return .value(try cursor.readValueType(features))
      } catch {
        guard error.message.hasPrefix("malformed reference type") else { throw error }
        throw ModuleError(.malformed, "malformed storage type", offset: offset)
      }
    }
  }
}
