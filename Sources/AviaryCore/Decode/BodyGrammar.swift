/// Looks for violations of the binary grammar in bodies, without typing.
///
/// The reference interpreter decodes a whole module before it validates any of it, so
/// "malformed" comes before "invalid" wherever both are true. The validator goes over the bodies
/// once and may meet the latter first; on that path, which costs nothing to a valid module, this
/// decides which of the two to report.
enum BodyGrammar {
  /// The first malformed body's error.
  static func firstError(in info: ModuleInfo) -> ModuleError? {
    var usesData = false
    for body in info.bodies {
      do throws(ModuleError) {
        if try check(body, of: info) { usesData = true }
      } catch {
        if error.kind == .malformed { return error }
      }
    }
    if usesData && info.dataCount == nil && info.features.contains(.bulkMemory) {
      return ModuleError(.malformed, "data count section required", offset: info.bytes.count)
    }
    return nil
  }

  /// Whether the body names a data segment. Reads on beyond the body's end, as the reference
  /// does, to tell a missing `end` from a wrong size.
  private static func check(_ body: Range<Int>, of info: ModuleInfo) throws(ModuleError) -> Bool {
    let cursor = ByteCursor(info.bytes, in: body.lowerBound..<info.bytes.count)
    var reader = OperatorReader(cursor, features: info.features)
    var structure = StructureSink()
    try reader.readLocals { (_: UInt32, _: ValueType) throws(ModuleError) in }
    while !structure.isClosed { try reader.next(&structure) }
    guard reader.cursor.offset == body.upperBound else {
      throw ModuleError(.malformed, "section size mismatch", offset: body.lowerBound)
    }
    return structure.usesData
  }
}
