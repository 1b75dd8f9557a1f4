/// Writes x86-64 instructions.
///
/// The door of this folder. One file a family: `Moves`, `Integer`, `Bits`,
/// `Control`, `ScalarFloat`, `Vector`; `Encoder` below them turns an opcode and
/// its operands into bytes. Conventions of the methods:
///
/// - The destination comes first, as in Intel's manual.
/// - Methods come in pairs, for a register and for a memory operand.
/// - Anything that writes 32 bits of a register clears the upper 32.
///   `load` of 8 and 16 bits clears all above, so no partial writes occur.
/// - Immediates of 64-bit operations are 32 bits, sign-extended, as in the machine.
///
/// Invariant: a label has either a position or a list of fixups, never both;
/// `finish` requires that no list is left.
package struct Assembler: ~Copyable {
  package var code: CodeBuffer
  private var labels: FlatArray<LabelState>
  private var fixups: FlatArray<Fixup>
  /// Labels that are used and not yet bound.
  private var pending = 0
  /// Where a label was bound last: who takes back an instruction asks whether one stands behind it.
  package private(set) var lastBound = -1

  // The next two are `package` and not private because Swift 6.3.1 emits the
  // destruction of this struct in other modules with references to their metadata.

  /// Where a label is (or -1), and the first of its fixups (or -1).
  package struct LabelState: BitwiseCopyable {
    var position: Int32
    var firstFixup: Int32
  }

  /// A place that waits for its label: it gets the label's position − `base`.
  package struct Fixup: BitwiseCopyable {
    var at: Int32
    var base: Int32
    var next: Int32
    var isShort: Bool
  }

  package init(capacity: Int = 4096, limit: Int = 128 << 20) {
    code = CodeBuffer(capacity: capacity, limit: limit)
    labels = FlatArray(capacity: 64)
    fixups = FlatArray(capacity: 64)
  }

  /// Forgets code and labels, and keeps the memory for the next function.
  package mutating func reset() {
    code.reset()
    labels.removeAll()
    fixups.removeAll()
    pending = 0
  }

  /// The offset of the next instruction.
  @inline(__always)
  package var position: Int { code.count }

  /// Whether the code grew over its limit, and is void. Ask once an operator,
  /// or at least once a block and at the end.
  @inline(__always)
  package var overflowed: Bool { code.overflowed }

  /// Forgets the labels, all of which are settled, and keeps the code: between functions.
  package mutating func forgetLabels() {
    labels.removeAll()
    fixups.removeAll()
    pending = 0
  }

  // MARK: Labels

  @inline(__always)
  package mutating func makeLabel() -> Label {
    let label = Label(index: Int32(truncatingIfNeeded: labels.count))
    labels.append(LabelState(position: -1, firstFixup: -1))
    return label
  }

  /// A label at the present position.
  package mutating func makeBoundLabel() -> Label {
    let label = makeLabel()
    bind(label)
    return label
  }

  @inline(__always)
  package func isBound(_ label: Label) -> Bool {
    labels[Int(label.index)].position >= 0
  }

  /// Whether anything refers to the label or it is bound: a label that is
  /// neither need not be bound at all.
  @inline(__always)
  package func isUsed(_ label: Label) -> Bool {
    let state = labels[Int(label.index)]
    return state.position >= 0 || state.firstFixup >= 0
  }

  /// The position of a bound label, and nil for others.
  @inline(__always)
  package func position(of label: Label) -> Int? {
    let position = labels[Int(label.index)].position
    return position >= 0 ? Int(position) : nil
  }

  /// Puts the label at the present position, and patches what waited for it.
  package mutating func bind(_ label: Label) {
    let state = labels[Int(label.index)]
    precondition(state.position < 0 || overflowed, "a label is bound twice")
    let target = Int32(truncatingIfNeeded: position)
    lastBound = position
    labels[Int(label.index)] = LabelState(position: target, firstFixup: -1)
    guard state.firstFixup >= 0 else { return }
    pending -= 1
    var next = state.firstFixup
    while next >= 0 {
      let fixup = fixups[Int(next)]
      resolve(fixup, target)
      next = fixup.next
    }
  }

  @inline(__always)
  private mutating func resolve(_ fixup: Fixup, _ target: Int32) {
    let value = target &- fixup.base
    if fixup.isShort {
      guard let short = Int8(exactly: value) else {
        precondition(overflowed, "a short jump does not reach its label")
        return
      }
      code.patch8(at: Int(fixup.at), short)
    } else {
      code.patch32(at: Int(fixup.at), value)
    }
  }

  /// Makes the four bytes (or the one) at `at` hold label − `base`, now or when
  /// the label is bound.
  @inline(__always)
  mutating func refer(to label: Label, at: Int, base: Int, isShort: Bool = false) {
    let state = labels[Int(label.index)]
    let fixup = Fixup(
      at: Int32(truncatingIfNeeded: at), base: Int32(truncatingIfNeeded: base),
      next: state.firstFixup, isShort: isShort)
    if state.position >= 0 {
      resolve(fixup, state.position)
    } else {
      if state.firstFixup < 0 { pending += 1 }
      labels[Int(label.index)].firstFixup = Int32(truncatingIfNeeded: fixups.count)
      fixups.append(fixup)
    }
  }

  /// To be called when all is written: no reference may be left open.
  package func finish() {
    precondition(pending == 0 || overflowed, "a label is used and not bound")
  }
}
