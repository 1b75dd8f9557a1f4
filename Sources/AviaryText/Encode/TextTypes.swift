/// A value type as the text names it: type indices are not yet known to be in range.
struct TextValueType: Hashable, Sendable {
  enum Form: UInt8, Sendable { case plain, reference, nullableReference }
  var form: Form
  /// For plain types their code; for references an abstract type's code (as a
  /// negative number) or a type index, as the binary format's s33.
  var heap: Int64

  init(form: Form, heap: Int64) {
    self.form = form
    self.heap = heap
  }
  static func plain(_ code: UInt8) -> TextValueType { .init(form: .plain, heap: Int64(code) - 0x80) }
  static func null(_ code: UInt8) -> TextValueType { .init(form: .nullableReference, heap: Int64(code) - 0x80) }
  static let functionReference = TextValueType(form: .reference, heap: 0x70 - 0x80)
  static let nullableFunction = TextValueType.null(0x70)

  func encode(into bytes: inout [UInt8]) {
    switch form {
    case .reference: bytes.append(0x64)
    case .nullableReference where heap >= 0: bytes.append(0x63)
    default: break
    }
    bytes.appendSigned(heap)
  }
}

/// A function type as the text names it.
struct TextSignature: Hashable, Sendable {
  var parameters: [TextValueType] = []
  var results: [TextValueType] = []
  var isEmpty: Bool { parameters.isEmpty && results.isEmpty }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(0x60)
    bytes.appendCount(parameters.count)
    for type in parameters { type.encode(into: &bytes) }
    bytes.appendCount(results.count)
    for type in results { type.encode(into: &bytes) }
  }
}
