import AviaryContract
import AviaryCore

/// What a module holds, in plain data: the source of `inspect`'s text and JSON.
///
/// Made of a valid module only: indices are taken for granted.
struct ModuleSummary {
  struct Item {
    var kind: String
    /// Module and field of an import, field of an export.
    var names: [String]
    var index: UInt32
    var type: String
  }
  struct Function {
    var index: UInt32
    var name: String?
    var type: String
    /// Bytes of the body.
    var size: Int
    /// Bytes of machine code, where the module was compiled.
    var machineCode: Int?
  }
  /// What a memory starts with.
  struct InitialContents {
    /// Bytes that are there from the start, whole pages; 0 is no image.
    var imageBytes: UInt64 = 0
    var imageStart: UInt64 = 0
    /// Active data segments that are part of the image, and those that each instantiation copies.
    var staticSegments = 0
    var copiedSegments = 0
  }

  let info: ModuleInfo
  let sections: [SectionTable.Section]
  let imports: [Item]
  let exports: [Item]
  let functions: [Function]
  /// Per memory.
  let contents: [InitialContents]

  init(_ info: ModuleInfo, machineCode: [Int]?) throws {
    self.info = info
    sections = try SectionTable(info.bytes).sections
    imports = Self.imports(info)
    contents = Self.contents(info)
    exports = info.exports.map { export in
      let index = Int(export.index)
      let (kind, type) =
        switch export.kind {
        case .function: ("func", TypeText.text(info.type(ofFunction: export.index)))
        case .table: ("table", TypeText.text(info.tables[index].type))
        case .memory: ("memory", TypeText.text(info.memories[index]))
        case .global: ("global", TypeText.text(info.globals[index].type))
        case .tag: ("tag", TypeText.text(info.functionType(info.tags[index])))
        }
      return Item(kind: kind, names: [export.name], index: export.index, type: type)
    }
    functions = info.bodies.enumerated().map { position, body in
      let index = UInt32(info.importedFunctionCount + position)
      return Function(
        index: index, name: info.names.functions[index], type: TypeText.text(info.type(ofFunction: index)),
        size: body.count, machineCode: machineCode?[position])
    }
  }

  private static func contents(_ info: ModuleInfo) -> [InitialContents] {
    let plan = MemoryImagePlan(info)
    var contents = info.memories.map { _ in InitialContents() }
    for image in plan.images {
      contents[image.memory].imageBytes = image.count
      contents[image.memory].imageStart = image.start
    }
    for (segment, isStatic) in zip(info.data, plan.isInImage) {
      guard case .active(let memory, _) = segment.mode else { continue }
      if isStatic { contents[Int(memory)].staticSegments += 1 } else { contents[Int(memory)].copiedSegments += 1 }
    }
    return contents
  }

  private static func imports(_ info: ModuleInfo) -> [Item] {
    var counts: [String: UInt32] = [:]
    return info.imports.map { item in
      let (kind, type) =
        switch item.description {
        case .function(let type): ("func", TypeText.text(info.functionType(type)))
        case .table(let type): ("table", TypeText.text(type))
        case .memory(let type): ("memory", TypeText.text(type))
        case .global(let type): ("global", TypeText.text(type))
        case .tag(let type): ("tag", TypeText.text(info.functionType(type)))
        }
      defer { counts[kind, default: 0] += 1 }
      return Item(kind: kind, names: [item.module, item.name], index: counts[kind, default: 0], type: type)
    }
  }

  /// Entries of a section; nil where that says nothing.
  func count(of section: SectionTable.Section) -> Int? {
    switch section.id {
    case 1: info.types.count
    case 2: info.imports.count
    case 3, 10: info.bodies.count
    case 4: info.tables.count - info.importedTableCount
    case 5: info.memories.count - info.importedMemoryCount
    case 6: info.globals.count - info.importedGlobalCount
    case 7: info.exports.count
    case 9: info.elements.count
    case 11: info.data.count
    case 13: info.tags.count - info.importedTagCount
    default: nil
    }
  }

  var codeSize: Int { sections.first { $0.id == 10 }?.range.count ?? 0 }
  var dataSize: Int { info.data.reduce(0) { $0 + $1.range.count } }
  var machineCodeSize: Int? {
    functions.isEmpty || functions[0].machineCode == nil ? nil : functions.reduce(0) { $0 + ($1.machineCode ?? 0) }
  }
}
