import Aviary
import AviaryContract
import AviaryCore

extension ModuleSummary {
  /// For people.
  /// - Parameter allFunctions: list all instead of the largest.
  func text(_ file: ModuleFile, allFunctions: Bool) -> String {
    var lines = ["\(file.displayName): \(Self.size(info.bytes.count))" + (info.names.module.map { ", module \(Self.quoted($0))" } ?? "")]
    lines.append("\nsections")
    for section in sections {
      let count = self.count(of: section).map { "  \($0)" } ?? ""
      lines.append(
        "  \(Self.padded(Self.name(section), 24)) at 0x\(String(section.range.lowerBound, radix: 16))"
          + "  \(Self.size(section.range.count))\(count)")
    }
    append("imports", imports, &lines)
    append("exports", exports, &lines)
    if let start = info.start { lines.append("\nstart function[\(start)]") }
    appendDefinitions(&lines)
    appendFunctions(all: allFunctions, &lines)
    return lines.joined(separator: "\n")
  }

  private func append(_ title: String, _ items: [Item], _ lines: inout [String]) {
    guard !items.isEmpty else { return }
    lines.append("\n\(title) (\(items.count))")
    for item in items {
      let names = item.names.map(Self.quoted).joined(separator: " ")
      lines.append("  \(Self.padded("\(item.kind)[\(item.index)]", 12)) \(names)  \(item.type)")
    }
  }

  private func appendDefinitions(_ lines: inout [String]) {
    var definitions: [String] = []
    for (index, memory) in info.memories.enumerated() {
      definitions.append("  memory[\(index)]  \(TypeText.text(memory))\(Self.text(contents[index]))")
    }
    for (index, table) in info.tables.enumerated() { definitions.append("  table[\(index)]  \(TypeText.text(table.type))") }
    if !info.globals.isEmpty { definitions.append("  \(info.globals.count) globals") }
    if !info.elements.isEmpty { definitions.append("  \(info.elements.count) element segments") }
    if !info.data.isEmpty { definitions.append("  \(info.data.count) data segments, \(Self.size(dataSize))") }
    if definitions.isEmpty { return }
    lines.append("\nstate")
    lines += definitions
  }

  private static func text(_ contents: InitialContents) -> String {
    var parts: [String] = []
    if contents.imageBytes > 0 {
      let pages = contents.imageBytes / MemoryImagePlan.pageBytes
      parts.append(
        "image of \(size(Int(contents.imageBytes))), \(count(Int(pages), "page")), at \(contents.imageStart) "
          + "from \(count(contents.staticSegments, "segment"))")
    }
    if contents.copiedSegments > 0 { parts.append("\(count(contents.copiedSegments, "segment")) copied at instantiation") }
    return parts.isEmpty ? "" : "; " + parts.joined(separator: ", ")
  }

  private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  private func appendFunctions(all: Bool, _ lines: inout [String]) {
    guard !functions.isEmpty else { return }
    var title = "\nfunctions (\(info.importedFunctionCount) imported, \(functions.count) defined), \(Self.size(codeSize))"
    if let machineCode = machineCodeSize { title += ", \(Self.size(machineCode)) of machine code" }
    let shown = all ? functions[...] : functions.sorted { ($1.size, $0.index) < ($0.size, $1.index) }.prefix(10)
    lines.append(title + (shown.count < functions.count ? "; the largest:" : ""))
    for function in shown {
      let machineCode = function.machineCode.map { " -> \($0)" } ?? ""
      let name = function.name.map { " " + Self.quoted($0) } ?? ""
      lines.append("  \(Self.padded("\(function.size)\(machineCode)", 14)) func[\(function.index)]\(name)  \(function.type)")
    }
  }

  /// Names are the module's: quoted, so that they cannot pass for something else.
  static func quoted(_ name: String) -> String { JSON.string(name).text }

  private static func name(_ section: SectionTable.Section) -> String {
    section.customName.map { "custom \(quoted($0))" } ?? section.name
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func size(_ count: Int) -> String {
    guard count >= 10_240 else { return "\(count) bytes" }
    let (unit, scale) = count >= 10_485_760 ? ("MiB", 1 << 20) : ("KiB", 1 << 10)
    return "\(count) bytes (\(count / scale) \(unit))"
  }
}

extension ModuleSummary {
  /// For programs.
  func json(_ file: ModuleFile, allFunctions: Bool) -> JSON {
    var members: [(String, JSON)] = [
      ("file", .string(file.path)), ("form", .string("\(file.form)")), ("bytes", .integer(info.bytes.count)),
      ("name", info.names.module.map { .string($0) } ?? .null),
      (
        "sections",
        .array(
          sections.map { section in
            .object([
              ("id", .integer(section.id)), ("name", .string(section.customName ?? section.name)),
              ("offset", .integer(section.range.lowerBound)), ("size", .integer(section.range.count)),
              ("count", count(of: section).map { .integer($0) } ?? .null),
            ])
          })
      ),
      ("types", .array(info.types.map { .string(TypeText.text($0)) })),
      ("imports", .array(imports.map { Self.json($0, nameKeys: ["module", "name"]) })),
      ("exports", .array(exports.map { Self.json($0, nameKeys: ["name"]) })),
      ("start", info.start.map { .integer($0) } ?? .null),
      ("memories", .array(info.memories.map { .string(TypeText.text($0)) })),
      ("initial_contents", .array(contents.map(Self.json))),
      ("tables", .array(info.tables.map { .string(TypeText.text($0.type)) })),
      ("globals", .array(info.globals.map { .string(TypeText.text($0.type)) })),
      ("tags", .integer(info.tags.count)), ("element_segments", .integer(info.elements.count)),
      ("data_segments", .integer(info.data.count)), ("data_bytes", .integer(dataSize)),
      ("imported_functions", .integer(info.importedFunctionCount)), ("defined_functions", .integer(functions.count)),
      ("named_functions", .integer(info.names.functions.count)), ("code_bytes", .integer(codeSize)),
    ]
    if let machineCode = machineCodeSize { members.append(("machine_code_bytes", .integer(machineCode))) }
    if allFunctions { members.append(("functions", .array(functions.map(Self.json)))) }
    return .object(members)
  }

  private static func json(_ contents: InitialContents) -> JSON {
    .object([
      ("image_bytes", .integer(Int(contents.imageBytes))), ("image_start", .integer(Int(contents.imageStart))),
      ("image_pages", .integer(Int(contents.imageBytes / MemoryImagePlan.pageBytes))),
      ("static_segments", .integer(contents.staticSegments)), ("copied_segments", .integer(contents.copiedSegments)),
    ])
  }

  private static func json(_ item: Item, nameKeys: [String]) -> JSON {
    .object(
      zip(nameKeys, item.names).map { ($0, .string($1)) } + [
        ("kind", .string(item.kind)), ("index", .integer(item.index)), ("type", .string(item.type)),
      ])
  }

  private static func json(_ function: Function) -> JSON {
    var members: [(String, JSON)] = [
      ("index", .integer(function.index)), ("name", function.name.map { .string($0) } ?? .null),
      ("type", .string(function.type)), ("size", .integer(function.size)),
    ]
    if let machineCode = function.machineCode { members.append(("machine_code", .integer(machineCode))) }
    return .object(members)
  }
}
