import AviaryContract
import AviaryCore
import AviaryPool
import CAviaryContract

/// The steps of instantiation after allocation, in the standard's order
/// (WebAssembly 3.0, section 4.6.4).
struct Instantiation {
  let instance: InstanceState
  private var info: ModuleInfo { instance.module.info }

  init(instance: InstanceState) { self.instance = instance }

  func run() throws {
    try initializeGlobals()
    try initializeTables()
    do {
      try makeElements()
      try applyElements()
    } catch {
      // By the standard's order no data was written yet, and functions of this instance may
      // stand in tables of others by now.
      instance.forgetImages()
      throw error
    }
    try applyData()
  }

  private func initializeGlobals() throws(VMError) {
    let evaluator = ConstantEvaluator(instance: instance)
    for (index, global) in info.globals.enumerated() {
      guard let initial = global.initial else { continue }
      unsafe instance.globalCells[index].pointee = try evaluator.evaluate(initial)
    }
  }

  private func initializeTables() throws(VMError) {
    let evaluator = ConstantEvaluator(instance: instance)
    for (table, declared) in zip(instance.tables, info.tables) {
      guard let initial = declared.initial else { continue }
      let value = try evaluator.evaluate(initial).low
      if let elements = unsafe table.elements(at: 0, count: table.count) { unsafe elements.update(repeating: value) }
    }
  }

  private func makeElements() throws(VMError) {
    let evaluator = ConstantEvaluator(instance: instance)
    for (index, segment) in info.elements.enumerated() {
      let values = unsafe instance.makeSegment(index, count: segment.count)
      switch segment.items {
      case .functions(let functions):
        for (position, function) in functions.enumerated() {
          unsafe values[position] = UInt64(UInt(bitPattern: instance.functionRef(function)))
        }
      case .expressions(let expressions):
        for (position, expression) in expressions.enumerated() {
          unsafe values[position] = try evaluator.evaluate(expression).low
        }
      }
    }
  }

  private func applyElements() throws {
    let evaluator = ConstantEvaluator(instance: instance)
    for (index, segment) in info.elements.enumerated() {
      switch segment.mode {
      case .passive: continue
      case .declarative: break
      case .active(let table, let offset):
        let start = try evaluator.evaluate(offset).low
        let source = unsafe instance.elements[index]
        guard unsafe instance.copyElements(source, to: instance.tables[Int(table)], at: start, from: 0, count: UInt64(source.count))
        else { throw VMCallError.trap(VMTrap(.tableOutOfBounds)) }
      }
      instance.dropElements(index)
    }
  }

  private func applyData() throws {
    let evaluator = ConstantEvaluator(instance: instance)
    for (index, segment) in info.data.enumerated() {
      guard case .active(let memory, let offset) = segment.mode else { continue }
      if let memories = instance.module.memories, memories.isInImage[index] {
        instance.dropData(index)
        continue
      }
      let start = try evaluator.evaluate(offset).low
      guard instance.copyData(index, to: Int(memory), at: start, from: 0, count: UInt64(segment.range.count))
      else { throw VMCallError.trap(VMTrap(.memoryOutOfBounds)) }
      instance.dropData(index)
    }
  }
}
