import AviaryCore

/// Where a module's sections stand.
struct SectionTable {
  struct Section {
    var id: UInt8
    /// Of custom sections.
    var customName: String?
    /// The contents, in the module.
    var range: Range<Int>

    var name: String { customName.map { "custom \"\($0)\"" } ?? Self.names[Int(id)] }

    private static let names = [
      "custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code",
      "data", "data count", "tag",
    ]
  }
  private(set) var sections: [Section] = []

  /// - Throws: `Failure` for bytes that are no module; one that the decoder takes never throws.
  init(_ bytes: [UInt8]) throws {
    try self.init(ModuleBytes(bytes))
  }

  init(_ module: ModuleBytes) throws {
    // The cursor points into the module without keeping it.
    defer { withExtendedLifetime(module) {} }
    var cursor = ByteCursor(module, in: 0..<module.count)
    do throws(ModuleError) {
      try cursor.skip(8)
      while let id = cursor.peek {
        _ = try cursor.readByte()
        let size = try cursor.readLength()
        let start = cursor.offset
        guard id <= 13, size <= module.count - start else {
          throw ModuleError(.malformed, "malformed section id", offset: start)
        }
        var name: String?
        if id == 0 {
          var inner = cursor
          name = try inner.readName()
        }
        sections.append(Section(id: id, customName: name, range: start..<start + size))
        try cursor.skip(size)
      }
    } catch {
      throw Failure("\(error)")
    }
  }

  /// Bytes of the section's contents, 0 where it is absent.
  func size(of id: UInt8) -> Int { sections.first { $0.id == id }?.range.count ?? 0 }
}
