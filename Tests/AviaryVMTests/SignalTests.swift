import AviaryContract
import AviaryCore
@testable import AviaryVM
import Glibc
import Testing

/// Faults that are not the guest's must kill the process, or reach whoever handled them before.
@Suite struct SignalTests {
  @Test func aFaultOfTheHostKills() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let world = try World([.init(.add)])
      _ = try world.call(0, 1, 2)
      unsafe UnsafeMutablePointer<UInt8>(bitPattern: 16)!.pointee = 1
    }
  }

  @Test func aFaultOfTheHostInsideOfAGuestKills() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let world = try World([.init(.callImport)], host: { _, _ in
        unsafe UnsafeMutablePointer<UInt8>(bitPattern: 16)!.pointee = 1
      })
      _ = try world.call(0)
    }
  }

  /// A guest that reaches an address outside of its store's memories is a bug of ours, not a trap.
  @Test func aWildAccessOfTheGuestKills() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let world = try World(
        [.init(.load, .memoryOutOfBounds)], .init(memories: [MemoryType(limits: SizeLimits(minimum: 1))]))
      let base = unsafe UInt64(UInt(bitPattern: world.instance.memory(0).unsafeBytes(at: 0, count: 0)!.baseAddress))
      _ = world.trap(0, 16 &- base)
    }
  }

  @Test func aMemoryOfAnotherStoreIsWildToo() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let type = MemoryType(limits: SizeLimits(minimum: 1, maximum: 1))
      let world = try World([.init(.load, .memoryOutOfBounds)], .init(memories: [type]))
      let other = try World([.init(.load, .memoryOutOfBounds)], .init(memories: [type]))
      let base = unsafe UInt64(UInt(bitPattern: world.instance.memory(0).unsafeBytes(at: 0, count: 0)!.baseAddress))
      let target = unsafe UInt64(UInt(bitPattern: other.instance.memory(0).unsafeBytes(at: 0, count: 0)!.baseAddress)) + 65536
      _ = world.trap(0, target &- base)
    }
  }

  /// An instruction that no trap table names may not fault.
  @Test func anUnexpectedInstructionKills() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let world = try World([.init(.load)], .init(memories: [MemoryType(limits: SizeLimits(minimum: 1))]))
      _ = world.trap(0, 65536)
    }
  }

  @Test func sentSignalsKill() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let world = try World([.init(.callImport)], host: { _, _ in raise(SIGSEGV) })
      _ = try world.call(0)
    }
  }

  @Test func earlierHandlersGetWhatIsNotOurs() async {
    await #expect(processExitsWith: .exitCode(42)) {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in _exit(42) }
      unsafe sigaction(SIGSEGV, &action, nil)
      let world = try World(
        [.init(.load, .memoryOutOfBounds)], .init(memories: [MemoryType(limits: SizeLimits(minimum: 1))]))
      guard world.trap(0, 65536)?.code == .memoryOutOfBounds else { _exit(1) }
      unsafe UnsafeMutablePointer<UInt8>(bitPattern: 16)!.pointee = 1
    }
  }

  /// A signal without an alternate stack that comes while the guest's stack is nearly full: the kernel
  /// has no room for its frame. The guest may not kill the host by it.
  @Test func signalsOnAFullGuestStackTrap() async {
    await #expect(processExitsWith: .exitCode(0)) {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in }
      unsafe sigaction(SIGALRM, &action, nil)
      var timer = itimerval(it_interval: timeval(tv_sec: 0, tv_usec: 50), it_value: timeval(tv_sec: 0, tv_usec: 50))
      let world = try World([.init(.recurse)], .init(guestStackBytes: 64 << 10))
      _ = world.trap(0)
      unsafe setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
      for _ in 0..<2000 {
        guard world.trap(0)?.code == .callStackExhausted else { _exit(1) }
      }
      _exit(0)
    }
  }
}
