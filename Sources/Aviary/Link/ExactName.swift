/// A name of an import or export, compared byte by byte as the standard does: `String`
/// takes canonically equivalent texts for equal, which WebAssembly does not.
struct ExactName: Hashable, Sendable {
  let string: String
  init(_ string: String) { self.string = string }

  static func == (a: ExactName, b: ExactName) -> Bool { a.string.utf8.elementsEqual(b.string.utf8) }
  func hash(into hasher: inout Hasher) {
    for byte in string.utf8 { hasher.combine(byte) }
    hasher.combine(string.utf8.count)
  }
}
