/// Names of the locals of the function at hand.
struct LocalNames {
  private var epoch: UInt32 = 0
  /// By identifier: in which body it was bound, and to what.
  private var bindings: [(epoch: UInt32, index: UInt32)] = []
  /// The index of the next local.
  var count: UInt32 = 0

  /// Forgets all names; costs nothing, so many small functions stay linear.
  mutating func begin() {
    epoch &+= 1
    count = 0
  }

  /// Binds the next local; false when `id` is bound already.
  mutating func bind(_ id: UInt32) -> Bool {
    while bindings.count <= Int(id) { bindings.append((0, 0)) }
    defer { count &+= 1 }
    if bindings[Int(id)].epoch == epoch { return false }
    bindings[Int(id)] = (epoch, count)
    return true
  }

  func index(of id: UInt32) -> UInt32? {
    guard Int(id) < bindings.count, bindings[Int(id)].epoch == epoch else { return nil }
    return bindings[Int(id)].index
  }
}

/// The stack of labels of the body at hand; looking up a name takes constant time.
struct LabelNames {
  private struct Label {
    /// nil for a label without a name.
    var id: UInt32?
    /// Index of the label of the same name that this one hides, or -1.
    var hidden: Int
  }
  private var labels: [Label] = []
  /// By identifier: index of its innermost label, or -1.
  private var innermost: [Int] = []

  var depth: Int { labels.count }

  mutating func begin() {
    while !labels.isEmpty { pop() }
  }

  mutating func push(_ id: UInt32?) {
    guard let id else {
      labels.append(Label(id: nil, hidden: -1))
      return
    }
    while innermost.count <= Int(id) { innermost.append(-1) }
    let hidden = innermost[Int(id)]
    innermost[Int(id)] = labels.count
    labels.append(Label(id: id, hidden: hidden))
  }

  mutating func pop() {
    guard let label = labels.popLast(), let id = label.id else { return }
    innermost[Int(id)] = label.hidden
  }

  /// Identifier of the innermost label.
  var innermostID: UInt32? { labels.last?.id }

  /// Distance of the innermost label of that name.
  func depth(of id: UInt32) -> UInt32? {
    guard Int(id) < innermost.count, innermost[Int(id)] >= 0 else { return nil }
    return UInt32(truncatingIfNeeded: labels.count - 1 - innermost[Int(id)])
  }
}

extension ModuleEncoder {
  /// Binds the next local to an identifier.
  @discardableResult
  mutating func bindLocal(_ token: Token) throws(TextError) -> UInt32 {
    let id = intern(token)
    if !locals.bind(id) {
      throw error(.resolution, "duplicate local \(reader.text(token))", at: token)
    }
    return id
  }

  mutating func takeLocal() throws(TextError) -> UInt32 {
    if reader.token.kind == .nat { return try reader.takeNatural32() }
    guard let token = reader.takeID() else { throw reader.unexpected() }
    let id = intern(token)
    guard let index = locals.index(of: id) else {
      throw error(.resolution, "unknown local \(reader.text(token))", at: token)
    }
    return index
  }

  mutating func takeLabel() throws(TextError) -> UInt32 {
    if reader.token.kind == .nat { return try reader.takeNatural32() }
    guard let token = reader.takeID() else { throw reader.unexpected() }
    let id = intern(token)
    guard let depth = labels.depth(of: id) else {
      throw error(.resolution, "unknown label \(reader.text(token))", at: token)
    }
    return depth
  }
}
