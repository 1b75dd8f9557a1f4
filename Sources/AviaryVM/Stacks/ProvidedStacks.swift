import AviaryPool
import CAviaryHost
import Synchronization

/// Stacks of an embedder's, each checked before a guest gets it.
///
/// Invariants: what is on loan overlaps nothing else that is, in the whole process. Each stack serves one tenant,
/// and goes back to the embedder used.
final class ProvidedStacks: Sendable {
  /// Swift code on a stack steps over smaller guards: it does not touch each page of a large frame.
  static let hostGuardBytes: UInt64 = 2 << 20
  /// No address of a process is beyond it.
  private static let addressLimit: UInt = 1 << 47
  /// Pages of a stack that are looked at each time, in equal steps.
  private static let samples: UInt = 8

  private let provider: any VMStackProvider
  /// `usableBytes` and `guardBytes` are the least.
  let shape: StackShape
  /// Every function compares rsp with its store's limit.
  private let isChecked: Bool
  /// Counts the stacks that were looked at.
  private let turns = Atomic<UInt>(0)

  /// Tries one stack, every page of it.
  ///
  /// - Parameter guardBytes: of what size code takes guards to be that does not check.
  /// - Throws: as `take`.
  init(
    _ provider: any VMStackProvider, usableBytes: UInt64, hostBytes: UInt64, guardBytes: UInt64, isChecked: Bool
  ) throws(VMError) {
    self.provider = provider
    self.isChecked = isChecked
    var least = isChecked ? Page.size : guardBytes
    if hostBytes > 0 { least = max(least, ProvidedStacks.hostGuardBytes) }
    shape = StackShape(
      usableBytes: usableBytes, guardBytes: least, hostBytes: hostBytes, isWhole: true, mode: UInt32(AVIARY_STACK_PROTECTION))
    let stack = try take(zeroed: false, samples: .max)
    giveBack(stack)
  }

  /// A stack for one tenant.
  /// - Throws: `limit` with what the provider threw; `link` that says what is wrong with its stack.
  func take() throws(VMError) -> GuestStack { try take(zeroed: true, samples: ProvidedStacks.samples) }

  private func take(zeroed: Bool, samples: UInt) throws(VMError) -> GuestStack {
    let stack: VMProvidedStack
    do { stack = try provider.allocate(byteCount: Int(shape.usableBytes), zeroed: zeroed) } catch {
      throw .limit("the stack provider gave no stack: \(error)")
    }
    if let flaw = flaw(of: stack) {
      provider.deallocate(stack)
      throw ProvidedStacks.refusal(stack, flaw)
    }
    guard LiveStacks.insert(stack.guardLow..<stack.high) else {
      // To give it back would be to give back the other one.
      throw ProvidedStacks.refusal(stack, "overlaps one that is in use")
    }
    if let flaw = probe(stack, zeroed, samples) {
      LiveStacks.remove(stack.guardLow..<stack.high)
      provider.deallocate(stack)
      throw ProvidedStacks.refusal(stack, flaw)
    }
    return GuestStack(stack)
  }

  /// - Precondition: this gave it out.
  func giveBack(_ stack: consuming GuestStack) {
    guard let provided = stack.provided else { preconditionFailure("the stack is the engine's own") }
    // First: as soon as the provider has it, another thread may get it.
    LiveStacks.remove(provided.guardLow..<provided.high)
    provider.deallocate(provided)
  }

  private static func refusal(_ stack: VMProvidedStack, _ flaw: String) -> VMError {
    func hex(_ address: UInt) -> String { "0x" + String(address, radix: 16) }
    return .link(
      "the stack provider's stack at \(hex(stack.low))..<\(hex(stack.high)), with its guard at "
        + "\(hex(stack.guardLow))..<\(hex(stack.guardHigh)), \(flaw)")
  }

  /// What is wrong with the numbers, or nil. Nothing is touched yet.
  private func flaw(of stack: VMProvidedStack) -> String? {
    guard stack.guardLow > 0, stack.guardLow < stack.guardHigh, stack.low < stack.high,
      stack.high <= ProvidedStacks.addressLimit
    else { return "has no range of addresses" }
    let all = stack.guardLow | stack.guardHigh | stack.low | stack.high
    guard all & (UInt(Page.size) - 1) == 0 else { return "is not aligned to pages of \(Page.size) bytes" }
    guard stack.guardHigh == stack.low else { return "does not begin where its guard ends" }
    let usable = stack.high - stack.low
    guard usable >= shape.usableBytes else {
      return "has \(usable) usable bytes, and \(shape.usableBytes) were asked for"
    }
    guard usable <= 4 << 30 else { return "has \(usable) usable bytes, and the limit is \(4 << 30)" }
    let guardBytes = stack.guardHigh - stack.guardLow
    if guardBytes < shape.guardBytes {
      let found = "has a guard of \(guardBytes) bytes, and needs \(shape.guardBytes)"
      if shape.hostBytes > 0 { return found + ": host functions on it would step over less. Choose hostStack .native" }
      return isChecked ? found : found + ": frames step over less. Set explicitStackChecks, which needs \(Page.size)"
    }
    var here: UInt8 = 0
    let address = unsafe withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
    guard address < stack.guardLow || address >= stack.high else { return "is the one that the calling thread runs on" }
    return nil
  }

  /// What is wrong with the memory, or nil.
  private func probe(_ stack: VMProvidedStack, _ zeroed: Bool, _ samples: UInt) -> String? {
    if let page = firstPage(of: stack.low..<stack.high, samples, where: { !aviary_probe_readable($0) }) {
      return "cannot be read at 0x" + String(page, radix: 16)
    }
    if let page = openPage(ofGuard: stack.guardLow..<stack.guardHigh, isThorough: samples == .max) {
      return "has a guard that can be read at 0x" + String(page, radix: 16)
    }
    // Where guests' frames are first, and so where anybody's would be.
    let open = stack.high - StackShape.openBytes
    if zeroed, !ProvidedStacks.isZero(open..<stack.high) || !ProvidedStacks.isZero(stack.low..<stack.low + 64) {
      return "is not zeroed"
    }
    for address in [stack.low, stack.high - 8] {
      guard aviary_probe_writable(address) else { return "cannot be written at 0x" + String(address, radix: 16) }
      unsafe UnsafeMutablePointer<UInt64>(bitPattern: address).unsafelyUnwrapped.pointee = 0
    }
    return nil
  }

  /// Of so many pages in equal steps, the first and the last among them.
  private func firstPage(of range: Range<UInt>, _ samples: UInt, where isFound: (UInt) -> Bool) -> UInt? {
    let page = UInt(Page.size)
    let last = range.upperBound - page
    let step = max(((last - range.lowerBound) / samples) & ~(page - 1), page)
    var address = range.lowerBound
    while address < last {
      if isFound(address) { return address }
      address += step
    }
    return isFound(last) ? last : nil
  }

  /// Asking for a page without access costs the kernel a fault, 2 µs: both ends are looked at, and another page in turn.
  private func openPage(ofGuard range: Range<UInt>, isThorough: Bool) -> UInt? {
    if isThorough { return firstPage(of: range, .max, where: { aviary_probe_readable($0) }) }
    let page = UInt(Page.size)
    let turn = turns.add(1, ordering: .relaxed).oldValue % (UInt(range.count) / page)
    return [range.upperBound - page, range.lowerBound, range.lowerBound + turn * page].first { aviary_probe_readable($0) }
  }

  /// Unsafe contract: the range can be read, in words.
  private static func isZero(_ range: Range<UInt>) -> Bool {
    let words = unsafe UnsafeBufferPointer<UInt64>(
      start: UnsafePointer(bitPattern: range.lowerBound), count: range.count / 8)
    return unsafe words.allSatisfy { $0 == 0 }
  }
}
