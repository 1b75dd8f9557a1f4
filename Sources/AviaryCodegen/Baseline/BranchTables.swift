import AviaryCore

/// A `br_table`'s targets, to be emitted behind the function.
struct JumpTable: BitwiseCopyable {
  var label: Label
  /// Position and number of the labels in `jumpTargets`.
  var first: Int32
  var count: Int32
}

extension FunctionEmitter {
  /// `targets` ends with the default.
  mutating func emitBrTable(_ targets: UnsafeBufferPointer<UInt32>) {
    var index = pop()
    let count = targets.count - 1
    let fallback = unsafe targets[count]
    guard count > 0 else {
      release(index)
      return emitBr(fallback)
    }
    // The values that all targets want go to rax once, if none wants them elsewhere.
    let first = target(fallback)
    let register = ownedGPR(&index)
    let stubs = jumpTargets.count
    let hasValues = first.arity > 0
    if !hasValues && count <= 4 {
      for position in 0..<count {
        let label = unsafe target(targets[position]).label
        asm.alu(.cmp, .b32, register, immediate: Int32(position))
        asm.jump(.equal, to: label)
      }
      asm.jump(to: first.label)
    } else {
      for position in 0...count {
        let depth = unsafe targets[position]
        jumpTargets.append(hasValues ? stubLabel(depth) : tableTarget(depth))
      }
      asm.alu(.cmp, .b32, register, immediate: Int32(truncatingIfNeeded: count))
      asm.jump(.aboveOrEqual, to: jumpTargets[stubs + count])
      let table = asm.makeLabel()
      jumpTables.append(JumpTable(label: table, first: Int32(stubs), count: Int32(count)))
      asm.jumpThroughTable(table, index: register, scratch: .r11)
      if hasValues { unsafe emitTableStubs(targets) }
    }
    release(register)
    die()
  }

  /// The label of a block that a table will refer to.
  private mutating func tableTarget(_ depth: UInt32) -> Label {
    let index = controls.count - 1 - Int(depth)
    controls[index].isTableTarget = true
    return controls[index].label
  }

  /// The label of a block's stub for the table in hand: all entries for a block share one, so that a
  /// byte of the table never costs the moves of a thousand values.
  private mutating func stubLabel(_ depth: UInt32) -> Label {
    let index = controls.count - 1 - Int(depth)
    if let label = controls[index].tableStub { return label }
    let label = asm.makeLabel()
    controls[index].tableStub = label
    return label
  }

  /// One stub a target: it brings the values where the target wants them.
  private mutating func emitTableStubs(_ targets: UnsafeBufferPointer<UInt32>) {
    for position in 0..<targets.count {
      let index = controls.count - 1 - Int(unsafe targets[position])
      guard let label = controls[index].tableStub else { continue }
      controls[index].tableStub = nil
      asm.bind(label)
      let frame = controls[index]
      moveToJoin(frame)
      asm.jump(to: frame.label)
    }
  }

  mutating func emitJumpTables() {
    guard !jumpTables.isEmpty else { return }
    asm.code.alignWithBreakpoints(to: 4)
    for index in 0..<jumpTables.count {
      let table = jumpTables[index]
      asm.bind(table.label)
      for position in Int(table.first)..<Int(table.first + table.count) {
        asm.labelDifference(jumpTargets[position], from: table.label)
      }
    }
    jumpTables.removeAll()
    jumpTargets.removeAll()
  }
}
