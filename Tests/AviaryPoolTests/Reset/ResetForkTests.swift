@testable import AviaryPool
import Glibc
import Testing

/// A copy of the process has neither the protection nor descriptors that mean itself.
@Suite(.enabled(if: ResetSlot.support.scans && ResetSlot.support.protects, "this kernel has no PAGEMAP_SCAN or no write protection by SIGBUS"))
struct ResetForkTests {
  /// Swift hides it, for good reasons: the child here calls little and ends at once.
  private func inChild(_ body: () -> Int32) throws -> Int32 {
    guard let symbol = unsafe dlsym(nil, "fork") else { throw VMError.unsupported("fork") }
    let fork = unsafe unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
    let child = fork()
    if child == 0 { _exit(body()) }
    guard child > 0 else { throw VMError.unsupported("fork") }
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      if errno != EINTR { throw VMError.unsupported("waitpid") }
    }
    return status
  }

  @Test(arguments: [false, true]) func `a fork drops everything, and the parent stays armed`(arms: Bool) throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: arms)
    if arms { try slot.arm(hot: 2) } else { for _ in 0..<4 { slot.write(0, 1); try slot.reset() } }
    slot.write(0, 9)
    let status = try inChild {
      slot.write(6 << 12, 9)
      slot.write(20 << 12, 9)
      guard let way = try? slot.reset() else { return 1 }
      if way != .decommit { return 2 }
      if slot.history.isArmed { return 3 }
      return slot.firstDifference() == nil ? 0 : 4
    }
    #expect(status == 0)
    #expect(slot.history.isArmed == arms)
    let before = slot.faults
    slot.write(20 << 12, 7)
    if arms { #expect(slot.faults == before + 1) }
    #expect(try slot.reset() == (arms ? .armed : .scan))
    #expect(slot.firstDifference() == nil)
  }
}
