import AviaryPool
import CAviaryHost

extension VMStore {
  /// Takes a stack, and puts it into the store's words.
  /// - Throws: `system` where there is no address space for it; `limit` where all are taken; as `ProvidedStacks.take`.
  static func takeStack(_ engine: VMEngine, _ raw: UnsafeMutablePointer<AviaryHostStore>) throws(VMError) -> GuestStack {
    if let provided = engine.providedStacks {
      let stack = try provided.take()
      unsafe raw.adopt(stack, provided.shape, open: stack.low)
      return stack
    }
    var open: UInt = 0
    var calm: UInt8 = 0
    let stack = try engine.taking { () throws(VMError) in try engine.stacks.take(open: &open, calm: &calm) }
    unsafe raw.pointee.stack_calm = calm
    unsafe raw.adopt(stack, engine.stacks.shape, open: open)
    return stack
  }

  /// The last use of the stack, if there is one.
  func giveStackBack() {
    guard let stack = stack.take() else { return }
    if let provided = engine.providedStacks {
      provided.giveBack(stack)
    } else if cleanStack() {
      engine.stacks.giveBack(stack, open: unsafe raw.pointee.stack_open, calm: unsafe raw.pointee.stack_calm)
    }
  }

  /// Between two tenants: an embedder's stack goes, another is cleaned. False where the system failed: the stack
  /// is then nobody's.
  func restStack() -> Bool {
    guard engine.providedStacks != nil else { return cleanStack() }
    giveStackBack()
    return true
  }

  /// Gives a store that rested its stack, before it is revived.
  /// - Throws: as `takeStack`. The store still rests.
  func wakeStack() throws(VMError) {
    if stack == nil { stack = try unsafe VMStore.takeStack(engine, raw) }
  }

  /// Nothing that a guest left stands on the stack afterwards.
  private func cleanStack() -> Bool {
    unsafe StackCleaner.clean(
      &raw.pointee.stack_open, high: raw.pointee.stack_high, mode: raw.pointee.stack_mode, calm: &raw.pointee.stack_calm)
  }
}
