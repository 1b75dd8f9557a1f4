/// What the name section will say, gathered while encoding.
struct NameCollector {
  var module: [UInt8]?
  var hasAnnotatedModule = false
  /// `(@name …)` annotations by the token at which the named field opens.
  var byField: [Int: [UInt8]] = [:]
  /// The same by space and index; they go before identifiers.
  var annotated: [UInt64: [UInt8]] = [:]
  private(set) var locals: [(function: UInt32, local: UInt32, id: UInt32)] = []
  private(set) var labelsByFunction: [(function: UInt32, label: UInt32, id: UInt32)] = []
  private var function: UInt32?
  private var labelCount: UInt32 = 0

  mutating func beginFunction(_ index: UInt32) {
    function = index
    labelCount = 0
  }
  mutating func beginConstantExpression() { function = nil }

  mutating func addLocal(function: UInt32, local: UInt32, _ id: UInt32) {
    locals.append((function, local, id))
  }
  /// The next label of the function, in order of opening.
  mutating func addLabel(_ id: UInt32?) {
    if let function, let id { labelsByFunction.append((function, labelCount, id)) }
    labelCount &+= 1
  }

  static func key(_ space: Space, _ index: UInt32) -> UInt64 { UInt64(space.rawValue) << 32 | UInt64(index) }
}

extension ModuleEncoder {
  /// Contents of the name section; empty when nothing has a name.
  func nameSection() -> [UInt8] {
    var section: [UInt8] = []
    func subsection(_ id: UInt8, _ contents: [UInt8]) {
      if contents.isEmpty { return }
      section.append(id)
      section.appendVector(contents)
    }
    if let module = names.module {
      var contents: [UInt8] = []
      contents.appendVector(module)
      subsection(0, contents)
    }
    subsection(1, nameMap(.function))
    subsection(2, indirectMap(names.locals.map { ($0.function, $0.local, $0.id) }))
    subsection(3, indirectMap(names.labelsByFunction.map { ($0.function, $0.label, $0.id) }))
    subsection(4, nameMap(.type))
    subsection(5, nameMap(.table))
    subsection(6, nameMap(.memory))
    subsection(7, nameMap(.global))
    subsection(8, nameMap(.element))
    subsection(9, nameMap(.data))
    subsection(10, indirectMap(namedFields.map { ($0.type, $0.field, $0.id) }))
    subsection(11, nameMap(.tag))
    return section
  }

  private func nameMap(_ space: Space) -> [UInt8] {
    var entries = spaces[space.rawValue].named.map { (index: $0.index, name: Array(identifiers.name($0.id))) }
    if !names.annotated.isEmpty {
      var byIndex = Dictionary(entries.map { ($0.index, $0.name) }, uniquingKeysWith: { $1 })
      for (key, name) in names.annotated where key >> 32 == UInt64(space.rawValue) {
        byIndex[UInt32(truncatingIfNeeded: key)] = name
      }
      entries = byIndex.sorted { $0.key < $1.key }.map { (index: $0.key, name: $0.value) }
    }
    if entries.isEmpty { return [] }
    var contents: [UInt8] = []
    contents.appendCount(entries.count)
    for (index, name) in entries {
      contents.appendUnsigned(index)
      contents.appendVector(name)
    }
    return contents
  }

  /// `entries` come grouped by their first component, in order.
  private func indirectMap(_ entries: [(UInt32, UInt32, UInt32)]) -> [UInt8] {
    var groups = 0
    var contents: [UInt8] = []
    var index = 0
    while index < entries.count {
      let outer = entries[index].0
      var end = index
      while end < entries.count, entries[end].0 == outer { end += 1 }
      contents.appendUnsigned(outer)
      contents.appendCount(end - index)
      for entry in entries[index..<end] {
        contents.appendUnsigned(entry.1)
        contents.appendVector(Array(identifiers.name(entry.2)))
      }
      groups += 1
      index = end
    }
    if groups == 0 { return [] }
    var result: [UInt8] = []
    result.appendCount(groups)
    return result + contents
  }
}
