/// Decodes the custom section "name", leniently: what cannot be read is left out, and the
/// section is never a reason to refuse a module.
///
/// Source: WebAssembly 3.0 appendix 7.4, and the extended-name-section proposal for labels.
struct NameSectionDecoder {
  private var cursor: ByteCursor
  private var names = NameSection()
  /// Entries that may still be kept: bounds what a large section makes us hold.
  private var budget = Limits.names

  static func decode(_ info: ModuleInfo) -> NameSection {
    guard let section = info.customSections.first(where: { $0.name == "name" }) else { return NameSection() }
    var decoder = NameSectionDecoder(cursor: ByteCursor(info.bytes, in: section.range))
    do throws(ModuleError) {
      while !decoder.cursor.isAtEnd { try decoder.decodeSubsection(info) }
    } catch {
      // What came before stays.
    }
    return decoder.names
  }

  private init(cursor: ByteCursor) { self.cursor = cursor }

  private mutating func decodeSubsection(_ info: ModuleInfo) throws(ModuleError) {
    let id = try cursor.readByte()
    let size = try cursor.readLength()
    var contents = try cursor.split(size)
    do throws(ModuleError) {
      switch id {
      case 0: names.module = try contents.readName()
      case 1: try readMap(&contents, bound: info.functions.count, into: \.functions)
      case 2: try readIndirectMap(&contents, bound: info.functions.count, into: \.locals)
      case 3: try readIndirectMap(&contents, bound: info.functions.count, into: \.labels)
      case 4: try readMap(&contents, bound: info.types.count, into: \.types)
      case 5: try readMap(&contents, bound: info.tables.count, into: \.tables)
      case 6: try readMap(&contents, bound: info.memories.count, into: \.memories)
      case 7: try readMap(&contents, bound: info.globals.count, into: \.globals)
      case 8: try readMap(&contents, bound: info.elements.count, into: \.elements)
      case 9: try readMap(&contents, bound: info.data.count, into: \.data)
      case 10: try readIndirectMap(&contents, bound: info.types.count, into: \.fields)
      case 11: try readMap(&contents, bound: info.tags.count, into: \.tags)
      default: break
      }
    } catch {
      // The next subsection may be readable.
    }
  }

  private mutating func readMap(
    _ contents: inout ByteCursor, bound: Int, into path: WritableKeyPath<NameSection, [UInt32: String]>
  ) throws(ModuleError) {
    var map: [UInt32: String] = [:]
    defer { names[keyPath: path] = map }
    try readEntries(&contents, bound: bound, into: &map)
  }

  private mutating func readIndirectMap(
    _ contents: inout ByteCursor, bound: Int, into path: WritableKeyPath<NameSection, [UInt32: [UInt32: String]]>
  ) throws(ModuleError) {
    var maps: [UInt32: [UInt32: String]] = [:]
    defer { names[keyPath: path] = maps }
    let count = try contents.readLength()
    for _ in 0..<count {
      let index = try contents.readU32()
      var map: [UInt32: String] = [:]
      defer { if Int(index) < bound && !map.isEmpty { maps[index] = map } }
      try readEntries(&contents, bound: Int(UInt32.max), into: &map)
    }
  }

  private mutating func readEntries(
    _ contents: inout ByteCursor, bound: Int, into map: inout [UInt32: String]
  ) throws(ModuleError) {
    let count = try contents.readLength()
    for _ in 0..<count {
      let index = try contents.readU32()
      let name = try contents.readName()
      if Int(index) < bound && budget > 0 {
        budget -= 1
        map[index] = name
      }
    }
  }
}
