internal import AviaryCore

/// Identifiers for a module's index spaces, from its name section.
///
/// The first holder of a name gets it as its identifier; a later one keeps it as a
/// `(@name …)` annotation where there can be one, and is referred to by number.
struct PrintedNames {
  /// By space and index: identifier with its `$`.
  private var identifiers: [[UInt32: String]]
  private var annotated: [[UInt32: String]]
  /// By function and by type.
  private let locals: [UInt32: [UInt32: String]]
  private let fields: [UInt32: [UInt32: String]]
  let labels: [UInt32: [UInt32: String]]

  init(_ names: NameSection) {
    identifiers = []
    annotated = []
    for space in Space.allCases {
      let map: [UInt32: String]
      switch space {
      case .type: map = names.types
      case .function: map = names.functions
      case .table: map = names.tables
      case .memory: map = names.memories
      case .global: map = names.globals
      case .tag: map = names.tags
      case .element: map = names.elements
      case .data: map = names.data
      }
      let (unique, others) = Self.identifiers(map)
      identifiers.append(unique)
      annotated.append(others)
    }
    locals = names.locals.mapValues { Self.identifiers($0).unique }
    fields = names.fields.mapValues { Self.identifiers($0).unique }
    labels = names.labels
  }

  /// Equality here is that of bytes: `String` takes canonically equivalent names for equal.
  private static func identifiers(_ map: [UInt32: String]) -> (unique: [UInt32: String], others: [UInt32: String]) {
    var seen: Set<[UInt8]> = []
    var unique: [UInt32: String] = [:]
    var others: [UInt32: String] = [:]
    for (index, name) in map.sorted(by: { $0.key < $1.key }) {
      if let identifier = TextOutput.identifier(name), seen.insert(Array(name.utf8)).inserted {
        unique[index] = identifier
      } else {
        others[index] = name
      }
    }
    return (unique, others)
  }

  /// An identifier, or the number.
  func reference(_ space: Space, _ index: UInt32) -> String {
    identifiers[space.rawValue][index] ?? String(index)
  }

  /// What stands behind the word of a definition: identifier, annotation, index as a comment.
  func definition(_ space: Space, _ index: UInt32) -> String {
    var text = ""
    if let identifier = identifiers[space.rawValue][index] { text += " " + identifier }
    if let name = annotated[space.rawValue][index] { text += " (@name " + TextOutput.quoted(name) + ")" }
    return text + " (;\(index);)"
  }

  func localDefinition(_ function: UInt32, _ local: UInt32) -> String? { locals[function]?[local] }
  func fieldDefinition(_ type: UInt32, _ field: UInt32) -> String? { fields[type]?[field] }
}
