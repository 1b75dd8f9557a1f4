/// Folded instructions of one body: a forest in arrays.
///
/// Instructions come in the order of the binary. One that takes operands adopts the
/// trees that make them if each of those makes exactly one value; whatever gets
/// adopted, the order of the instructions stays the same.
struct InstructionTree {
  private struct Node {
    var text: Range<Int>
    var firstChild: Int32 = -1
    var nextSibling: Int32 = -1
    /// Characters on one line; so many for what must not go on one.
    var width: Int
    /// How many values it leaves; negative when that is unknown.
    var results: Int
  }
  /// What no line can hold.
  private static let unbreakable = 1 << 20
  private static let lineWidth = 90

  private var nodes: [Node] = []
  private var text: [UInt8] = []
  /// Roots of trees that nobody adopted, the outermost block's first.
  private(set) var roots: [Int32] = []
  var textSize: Int { text.count }

  mutating func removeAll() {
    nodes.removeAll(keepingCapacity: true)
    text.removeAll(keepingCapacity: true)
    roots.removeAll(keepingCapacity: true)
  }

  private mutating func append(_ instruction: String, results: Int) -> Int32 {
    let start = text.count
    text.append(contentsOf: instruction.utf8)
    nodes.append(Node(text: start..<text.count, width: text.count - start + 2, results: results))
    return Int32(truncatingIfNeeded: nodes.count - 1)
  }

  /// Makes the roots from `first` on children of `node`, no longer roots.
  private mutating func adopt(from first: Int, by node: Int32) {
    var width = 0
    var previous: Int32 = -1
    for position in first..<roots.count {
      let child = roots[position]
      if previous < 0 { nodes[Int(node)].firstChild = child } else { nodes[Int(previous)].nextSibling = child }
      previous = child
      width += nodes[Int(child)].width + 1
    }
    nodes[Int(node)].width = min(nodes[Int(node)].width + width, Self.unbreakable)
    roots.removeLast(roots.count - first)
  }

  /// Adds an instruction; `base` is the number of roots that belong to outer blocks.
  mutating func add(_ instruction: String, operands: Int, results: Int, base: Int) {
    let node = append(instruction, results: results)
    let first = roots.count - operands
    if operands > 0, first >= base, roots[first...].allSatisfy({ nodes[Int($0)].results == 1 }) {
      adopt(from: first, by: node)
    }
    roots.append(node)
  }

  /// Gathers the roots from `base` on under a new one.
  mutating func wrap(_ instruction: String, results: Int, base: Int, breaksLines: Bool) {
    let node = append(instruction, results: results)
    if roots.count > base {
      adopt(from: base, by: node)
      if breaksLines { nodes[Int(node)].width = Self.unbreakable }
    }
    roots.append(node)
  }

  /// Where a block begins that takes the last root as its condition, if that is one value.
  func adoptableCondition(base: Int) -> Int {
    guard roots.count > base, let last = roots.last, nodes[Int(last)].results == 1 else { return roots.count }
    return roots.count - 1
  }

  // MARK: Rendering

  private enum Step {
    /// A node and all that follow it.
    case siblings(Int32, level: Int)
    case close
  }

  /// Each root on a line of its own.
  func render(level: Int, into output: inout TextOutput) {
    var stack: [Step] = []
    for root in roots {
      stack.append(.siblings(root, level: level))
      while let step = stack.popLast() {
        guard case .siblings(let index, let level) = step else {
          output.write(")")
          continue
        }
        let node = nodes[Int(index)]
        if node.nextSibling >= 0 { stack.append(.siblings(node.nextSibling, level: level)) }
        output.newLine(level)
        if node.width + 2 * level <= Self.lineWidth || node.firstChild < 0 {
          renderInline(index, into: &output)
        } else {
          output.write("(")
          output.write(text[node.text])
          stack.append(.close)
          stack.append(.siblings(node.firstChild, level: level + 1))
        }
      }
    }
  }

  /// All on one line, with a blank before each root.
  func renderInline(into output: inout TextOutput) {
    for root in roots {
      output.write(" ")
      renderInline(root, into: &output)
    }
  }

  private func renderInline(_ root: Int32, into output: inout TextOutput) {
    var stack: [Step] = []
    func open(_ index: Int32, _ stack: inout [Step], _ output: inout TextOutput) {
      output.write("(")
      output.write(text[nodes[Int(index)].text])
      stack.append(.close)
      if nodes[Int(index)].firstChild >= 0 { stack.append(.siblings(nodes[Int(index)].firstChild, level: 0)) }
    }
    open(root, &stack, &output)
    while let step = stack.popLast() {
      guard case .siblings(let index, _) = step else {
        output.write(")")
        continue
      }
      if nodes[Int(index)].nextSibling >= 0 { stack.append(.siblings(nodes[Int(index)].nextSibling, level: 0)) }
      output.write(" ")
      open(index, &stack, &output)
    }
  }
}
