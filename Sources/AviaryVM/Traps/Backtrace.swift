import CAviaryContract
import CAviaryHost

/// Walks the guest's frames after a trap, while they still stand on its stack.
///
/// The guest wrote the stack's contents, if it found a bug of ours, so nothing read from it
/// is trusted: frame pointers must rise and stay inside of the stack, the
/// number of steps is bounded, and a return address that is no code names no frame.
struct Backtrace {
  private static let stepLimit = 1 << 20
  private let limit: Int
  private(set) var frames: [VMFrame] = []
  private(set) var isTruncated = false

  init(limit: Int) { self.limit = limit }

  /// Unsafe contract: `store` has just reported a trap, and nothing ran on its stack since.
  mutating func collect(_ store: UnsafeMutablePointer<AviaryHostStore>) {
    let report = unsafe store.pointee.report
    // What is closed cannot be read, and no frame got there.
    let stack = unsafe store.pointee.stack_open..<store.pointee.stack_high
    if unsafe report.pc != 0 {
      // At a function's first byte (its push met the guard) rbp is still the caller's frame, and
      // the caller's own pc on top of the stack.
      if let module = unsafe CodeIndex.shared.find(report.pc), unsafe module.isEntry(report.pc) {
        unsafe append(report.pc, module)
        if let pc = unsafe Backtrace.word(report.rsp, stack) { append(pc) }
      } else {
        unsafe append(report.pc)
      }
      unsafe walk(report.rbp, until: report.entry_rbp, stack)
    }
    // The activations around it stand suspended in host functions.
    var outer = unsafe report.outer
    while let activation = unsafe outer {
      if let pc = unsafe Backtrace.word(activation.pointee.guest_rsp, stack) { append(pc) }
      unsafe walk(activation.pointee.guest_rbp, until: activation.pointee.entry_rbp, stack)
      unsafe outer = UnsafePointer(activation.pointee.store_previous)
      if isTruncated { return }
    }
  }

  private mutating func walk(_ first: UInt, until end: UInt, _ stack: Range<UInt>) {
    var frame = first
    for _ in 0..<Backtrace.stepLimit {
      guard frame < end, !isTruncated,
        let next = Backtrace.word(frame, stack), let pc = Backtrace.word(frame &+ 8, stack)
      else { return }
      append(pc)
      guard next > frame else { return }
      frame = next
    }
    isTruncated = true
  }

  private mutating func append(_ pc: UInt) {
    if let module = CodeIndex.shared.find(pc) { append(pc, module) }
  }

  private mutating func append(_ pc: UInt, _ module: VMModule) {
    guard let index = module.functionIndex(at: pc) else { return }
    guard frames.count < limit else {
      isTruncated = true
      return
    }
    frames.append(VMFrame(module: module, functionIndex: index, wasmOffset: module.code.wasmOffset(at: pc)))
  }

  private static func word(_ address: UInt, _ stack: Range<UInt>) -> UInt? {
    guard address % 8 == 0, stack.contains(address), stack.upperBound - address >= 8 else { return nil }
    return unsafe UnsafePointer<UInt>(bitPattern: address)?.pointee
  }
}
