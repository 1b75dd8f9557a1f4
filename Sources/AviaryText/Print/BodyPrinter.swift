internal import AviaryCore

/// Prints the operators of bodies and constant expressions, flat or folded.
///
/// It trusts nothing: indices may be out of range and blocks unbalanced.
struct BodyPrinter: OperatorSink {
  var operatorOffset: UInt32 = 0
  let info: ModuleInfo
  let names: PrintedNames
  let types: PrintedTypes
  private let isFolded: Bool
  /// Bytes of text that one body may become: a short operator may have a long name.
  private let limit: Int

  struct Block {
    enum Kind { case function, block, `if`, `else`, `try`, `catch` }
    var kind: Kind
    var text: String
    var label: String?
    /// Depth of the block whose label of the same name this one hides, or -1.
    var hidden: Int
    /// Values that a branch to it takes.
    var arity: Int
    var results: Int
    /// Roots of the tree that stand before it.
    var base: Int
    /// Roots that stand before its current part (`then`, `else`, `catch`).
    var partBase: Int
    var part = ""
  }
  private(set) var blocks: [Block] = []
  private var innermost: [String: Int] = [:]
  private var labelCount: UInt32 = 0
  private(set) var function: UInt32?
  /// Parameters and locals that the function has; the name section may name more.
  private var localCount = 0

  var tree = InstructionTree()
  private var flat = TextOutput()
  private var flatLevel = 0

  init(_ info: ModuleInfo, _ names: PrintedNames, _ types: PrintedTypes, isFolded: Bool, limit: Int) {
    self.limit = limit
    self.info = info
    self.names = names
    self.types = types
    self.isFolded = isFolded
  }

  // MARK: Bodies

  /// Prints a function's body behind its head.
  mutating func printBody(
    _ range: Range<Int>, function index: UInt32, level: Int, into output: inout TextOutput
  ) throws(ModuleError) {
    let type = Int(index) < info.functions.count ? types.function(info.functions[Int(index)]) : nil
    begin(function: index, results: type?.results.count ?? 0)
    flatLevel = level
    var reader = OperatorReader(body: range, of: info.bytes)
    var locals: [ValueType] = []
    try reader.readLocals { (count: UInt32, type: ValueType) throws(ModuleError) in
      try output.checkSize(adding: 4 * Int(count))
      locals.append(contentsOf: repeatElement(type, count: Int(count)))
    }
    localCount = (type?.parameters.count ?? 0) + locals.count
    if !locals.isEmpty {
      let first = UInt32(truncatingIfNeeded: type?.parameters.count ?? 0)
      output.newLine(level)
      output.write(
        String(types.list("local", locals, from: first, name: { names.localDefinition(index, $0) }).dropFirst()))
    }
    try reader.readAll(&self)
    if !blocks.isEmpty { throw ModuleError(.malformed, "END opcode expected", offset: range.upperBound) }
    if isFolded { tree.render(level: level, into: &output) } else { output.write(flat.bytes[...]) }
  }

  /// Prints a constant expression's operators on one line, a blank before each; for
  /// folded printers only.
  mutating func printConstant(_ expression: ConstantExpression, into output: inout TextOutput) throws(ModuleError) {
    begin(function: nil, results: 1)
    var reader = OperatorReader(body: expression.range, of: info.bytes)
    try reader.readAll(&self)
    tree.renderInline(into: &output)
  }

  private mutating func begin(function: UInt32?, results: Int) {
    self.function = function
    tree.removeAll()
    flat = TextOutput()
    innermost.removeAll()
    labelCount = 0
    localCount = 0
    blocks = [
      Block(
        kind: .function, text: "", label: nil, hidden: -1, arity: results, results: results, base: 0, partBase: 0)
    ]
  }

  // MARK: Instructions

  /// Prints an instruction that takes `operands` values and leaves `results` (-1: unknown).
  mutating func emit(_ text: String, _ operands: Int, _ results: Int) throws(ModuleError) {
    guard let block = blocks.last else { throw ModuleError(.malformed, "operators after the end") }
    guard tree.textSize + flat.bytes.count <= limit else { throw TextOutput.tooLong }
    if isFolded {
      tree.add(text, operands: operands, results: results, base: block.partBase)
    } else {
      flat.newLine(flatLevel)
      flat.write(text)
    }
  }

  // MARK: Names

  /// A local's identifier or number.
  func local(_ index: UInt32) -> String {
    guard let function, Int(index) < localCount else { return String(index) }
    return names.localDefinition(function, index) ?? String(index)
  }

  /// A field's identifier or number.
  func field(_ type: UInt32, _ index: UInt32) -> String {
    guard Int(type) < info.types.count, case .structure(let fields) = info.types[Int(type)].composite,
      Int(index) < fields.count
    else { return String(index) }
    return names.fieldDefinition(type, index) ?? String(index)
  }

  // MARK: Labels

  func label(_ depth: UInt32) -> String {
    guard Int(depth) < blocks.count else { return String(depth) }
    let index = blocks.count - 1 - Int(depth)
    guard let label = blocks[index].label, innermost[label] == index else { return String(depth) }
    return label
  }

  /// Values that a branch to the label takes.
  func arity(_ depth: UInt32) -> Int {
    Int(depth) < blocks.count ? blocks[blocks.count - 1 - Int(depth)].arity : 0
  }

  /// The next label of the function, in order of opening.
  private mutating func nextLabel() -> String? {
    defer { labelCount &+= 1 }
    guard let function else { return nil }
    return names.labels[function]?[labelCount].flatMap(TextOutput.identifier)
  }

  private func counts(_ type: BlockType) -> (parameters: Int, results: Int) {
    switch type.form {
    case .empty: return (0, 0)
    case .value: return (0, 1)
    case .index:
      let function = types.function(type.payload)
      return (function?.parameters.count ?? 0, function?.results.count ?? 0)
    }
  }

  private func text(_ type: BlockType) -> String {
    switch type.form {
    case .empty: return ""
    case .value: return " (result " + types.text(ValueType(rawValue: type.payload)) + ")"
    case .index:
      return " (type " + names.reference(.type, type.payload) + ")"
        + (types.function(type.payload).map { types.text($0) } ?? "")
    }
  }

  // MARK: Blocks

  mutating func open(
    _ kind: Block.Kind, _ word: String, _ type: BlockType, isLoop: Bool = false, suffix: String = ""
  ) throws(ModuleError) {
    guard let outer = blocks.last else { throw ModuleError(.malformed, "operators after the end") }
    guard tree.textSize + flat.bytes.count <= limit else { throw TextOutput.tooLong }
    let label = nextLabel()
    let text = word + (label.map { " " + $0 } ?? "") + self.text(type) + suffix
    let counts = counts(type)
    var base = tree.roots.count
    if !isFolded {
      flat.newLine(flatLevel)
      flat.write(text)
      flatLevel += 1
    } else if kind == .if, base > outer.partBase {
      // The condition becomes the block's first part, if it is one tree.
      base = tree.adoptableCondition(base: outer.partBase)
    }
    let hidden = label.flatMap { innermost.updateValue(blocks.count, forKey: $0) } ?? -1
    blocks.append(
      Block(
        kind: kind, text: text, label: label, hidden: hidden, arity: isLoop ? counts.parameters : counts.results,
        results: counts.results, base: base, partBase: tree.roots.count,
        part: kind == .if ? "then" : kind == .try ? "do" : ""))
  }

  /// Closes the current part of an `if` or legacy `try`, and opens the next one.
  mutating func nextPart(_ kind: Block.Kind, _ text: String, of allowed: [Block.Kind]) throws(ModuleError) {
    guard let block = blocks.last, allowed.contains(block.kind) else {
      throw ModuleError(.malformed, "END opcode expected")
    }
    let top = blocks.count - 1
    if isFolded {
      tree.wrap(block.part, results: -1, base: block.partBase, breaksLines: true)
      blocks[top].partBase = tree.roots.count
    } else {
      flat.newLine(flatLevel - 1)
      flat.write(text)
    }
    blocks[top].kind = kind
    blocks[top].part = text
  }

  mutating func close() throws(ModuleError) {
    guard let block = blocks.popLast() else { throw ModuleError(.malformed, "operators after the end") }
    if let label = block.label { innermost[label] = block.hidden < 0 ? nil : block.hidden }
    if block.kind == .function { return }
    if isFolded {
      if !block.part.isEmpty { tree.wrap(block.part, results: -1, base: block.partBase, breaksLines: true) }
      tree.wrap(block.text, results: block.results, base: block.base, breaksLines: true)
    } else {
      flatLevel -= 1
      flat.newLine(flatLevel)
      flat.write("end")
    }
  }

  /// A legacy `delegate` closes its `try`.
  mutating func delegate(_ depth: UInt32) throws(ModuleError) {
    guard let block = blocks.popLast(), block.kind == .try else {
      throw ModuleError(.malformed, "END opcode expected")
    }
    if let label = block.label { innermost[label] = block.hidden < 0 ? nil : block.hidden }
    let text = "delegate " + label(depth)
    if isFolded {
      tree.wrap(block.part, results: -1, base: block.partBase, breaksLines: true)
      tree.add(text, operands: 0, results: -1, base: tree.roots.count)
      tree.wrap(block.text, results: block.results, base: block.base, breaksLines: true)
    } else {
      flatLevel -= 1
      flat.newLine(flatLevel)
      flat.write(text)
    }
  }
}
