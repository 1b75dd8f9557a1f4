/// Decodes a module's sections. Function bodies stay byte ranges.
///
/// Only the binary grammar, the implementation limits and the features are checked here
/// (errors `malformed` and `unsupported`); the validator does the rest. As in the reference
/// interpreter, a section is read from the whole file and its size compared at its end: no
/// entry can reach beyond the file, and the wording of errors agrees.
///
/// Sizes: a count never sizes an array before its entries were seen, so a small module cannot
/// make a large one of us. No recursion.
package struct ModuleDecoder {
  var cursor: ByteCursor
  var info: ModuleInfo
  let features: Features
  /// Items of all element segments together, bounded by `Limits.elementItems`.
  var elementItems = 0

  /// What was decoded and, where decoding failed, why. The part before the error is usable
  /// to look for earlier errors in bodies (`BodyGrammar`).
  struct Outcome {
    var info: ModuleInfo
    var error: ModuleError?
  }

  package static func decode(_ bytes: ModuleBytes, features: Features) throws(ModuleError) -> ModuleInfo {
    let outcome = attempt(bytes, features: features)
    if let error = outcome.error { throw error }
    return outcome.info
  }

  static func attempt(_ bytes: ModuleBytes, features: Features) -> Outcome {
    var decoder = ModuleDecoder(bytes, features)
    do throws(ModuleError) {
      try decoder.decodeModule()
      return Outcome(info: decoder.info, error: nil)
    } catch {
      return Outcome(info: decoder.info, error: error)
    }
  }

  private init(_ bytes: ModuleBytes, _ features: Features) {
    cursor = ByteCursor(bytes, in: 0..<bytes.count)
    info = ModuleInfo(bytes: bytes, features: features)
    self.features = features
  }

  /// The sections' ids in the order in which they must come; 0 (custom) may stand anywhere.
  private static let order: [UInt8] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]

  private mutating func decodeModule() throws(ModuleError) {
    guard info.bytes.count <= Limits.moduleSize else {
      throw ModuleError(.unsupported, "module is larger than \(Limits.moduleSize) bytes", offset: 0)
    }
    try readHeader()
    var position = 0
    while let id = cursor.peek {
      let start = cursor.offset
      guard id <= 13 else { throw ModuleError(.malformed, "malformed section id", offset: start) }
      if id != 0 {
        guard let found = Self.order[position...].firstIndex(of: id) else {
          throw ModuleError(.malformed, "unexpected content after last section", offset: start)
        }
        position = found + 1
      }
      _ = try cursor.readByte()
      let size = try cursor.readLength()
      let contents = cursor.offset
      info.sectionOffsets[Int(id)] = contents
      try decodeSection(id, size: size)
      guard cursor.offset == contents + size else {
        throw ModuleError(.malformed, "section size mismatch", offset: contents)
      }
    }
    try checkCounts()
    info.names = NameSectionDecoder.decode(info)
  }

  private mutating func readHeader() throws(ModuleError) {
    guard try cursor.readFixed32() == 0x6D73_6100 else {
      throw ModuleError(.malformed, "magic header not detected", offset: 0)
    }
    guard try cursor.readFixed32() == 1 else {
      throw ModuleError(.malformed, "unknown binary version", offset: 4)
    }
  }

  private mutating func decodeSection(_ id: UInt8, size: Int) throws(ModuleError) {
    switch id {
    case 0: try decodeCustomSection(end: cursor.offset + size)
    case 1: try decodeTypeSection()
    case 2: try decodeImportSection()
    case 3: try decodeFunctionSection()
    case 4: try decodeTableSection()
    case 5: try decodeMemorySection()
    case 6: try decodeGlobalSection()
    case 7: try decodeExportSection()
    case 8: info.start = try cursor.readU32()
    case 9: try decodeElementSection()
    case 10: try decodeCodeSection()
    case 11: try decodeDataSection()
    case 12:
      guard features.contains(.bulkMemory) else { throw switchedOff(section: id) }
      info.dataCount = try cursor.readU32()
    default:
      guard features.contains(.exceptions) || features.contains(.legacyExceptions) else {
        throw switchedOff(section: id)
      }
      try decodeTagSection()
    }
  }

  private func switchedOff(section id: UInt8) -> ModuleError {
    ModuleError(.unsupported, "malformed section id \(id): its feature is switched off", offset: cursor.offset)
  }

  private func checkCounts() throws(ModuleError) {
    let end = info.bytes.count
    guard info.bodies.count == info.functions.count - info.importedFunctionCount else {
      throw ModuleError(.malformed, "function and code section have inconsistent lengths", offset: end)
    }
    if let count = info.dataCount, Int(count) != info.data.count {
      throw ModuleError(.malformed, "data count and data section have inconsistent lengths", offset: end)
    }
  }

  private mutating func decodeCustomSection(end: Int) throws(ModuleError) {
    let start = cursor.offset
    let name = try cursor.readName()
    guard cursor.offset <= end else {
      throw ModuleError(.malformed, "unexpected end of section or function", offset: start)
    }
    guard info.customSections.count < Limits.customSections else {
      throw ModuleError(.unsupported, "too many custom sections", offset: start)
    }
    info.customSections.append(CustomSection(name: name, range: cursor.offset..<end))
    try cursor.skip(end - cursor.offset)
  }

  // MARK: Shared by the sections

  /// Reads a vector's length, and refuses one of more than `limit` of `what`.
  mutating func readCount(limit: Int, _ what: StaticString) throws(ModuleError) -> Int {
    let offset = cursor.offset
    let count = try cursor.readLength()
    guard count <= limit else {
      throw ModuleError(.unsupported, "too many \(what): \(count), at most \(limit)", offset: offset)
    }
    return count
  }

  mutating func readMutability() throws(ModuleError) -> Bool {
    let offset = cursor.offset
    let byte = try cursor.readByte()
    guard byte < 2 else { throw ModuleError(.malformed, "malformed mutability", offset: offset) }
    return byte == 1
  }

  /// A constant expression through its `end`. Whether its operators are constant is for the validator.
  mutating func readConstantExpression() throws(ModuleError) -> ConstantExpression {
    let start = cursor.offset
    var reader = OperatorReader(cursor, features: features)
    var structure = StructureSink()
    while !structure.isClosed { try reader.next(&structure) }
    cursor = reader.cursor
    return ConstantExpression(
      range: start..<cursor.offset, simple: structure.operators == 2 ? structure.simple : nil)
  }
}
