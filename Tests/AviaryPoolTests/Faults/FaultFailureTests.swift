import AviaryPool
import CAviaryHost
import Glibc
import Synchronization
import Testing

/// Makes calls fail on all threads, the handler's too: only in a process of its own.
private enum Failing {
  static let operation = Atomic<Int32>(-1)
  static let error = Atomic<Int32>(0)
  /// Calls that fail.
  static let remaining = Atomic<Int>(0)
  static let failed = Atomic<Int>(0)

  static func set(_ operation: Int, _ error: Int32, times: Int) {
    Failing.error.store(error, ordering: .sequentiallyConsistent)
    remaining.store(times, ordering: .sequentiallyConsistent)
    failed.store(0, ordering: .sequentiallyConsistent)
    Failing.operation.store(Int32(operation), ordering: .sequentiallyConsistent)
    aviary_system_set_injector { operation in
      guard operation == Failing.operation.load(ordering: .sequentiallyConsistent) else { return 0 }
      guard Failing.remaining.subtract(1, ordering: .sequentiallyConsistent).oldValue > 0 else { return 0 }
      Failing.failed.add(1, ordering: .sequentiallyConsistent)
      return Failing.error.load(ordering: .sequentiallyConsistent)
    }
  }

  static func stop() { aviary_system_set_injector(nil) }
  static var count: Int { failed.load(ordering: .sequentiallyConsistent) }
}

/// Holds the thread that makes a call until it may go on.
private enum Holding {
  static let operation = Atomic<Int32>(-1)
  static let isHeld = Atomic<Bool>(false)
  static let mayGo = Atomic<Bool>(false)

  static func set(_ operation: Int) {
    Holding.operation.store(Int32(operation), ordering: .sequentiallyConsistent)
    aviary_system_set_injector { operation in
      guard operation == Holding.operation.load(ordering: .sequentiallyConsistent) else { return 0 }
      Holding.isHeld.store(true, ordering: .sequentiallyConsistent)
      while !Holding.mayGo.load(ordering: .sequentiallyConsistent) { sched_yield() }
      return 0
    }
  }
}

@Suite(.byBoth) struct FaultFailureTests {
  @Test func `what is not permitted names the way out`() {
    for mode in FaultService.Mode.allCases {
      let outcome = SystemCalls.during(failing: 0, with: EPERM, only: Int32(AVIARY_SYSTEM_FAULTFD_OPEN)) {
        () -> String in
        do {
          try FaultSupport.check(mode)
          return "permitted"
        } catch { return "\(error)" }
      }.result
      #expect(outcome.contains("vm.unprivileged_userfaultfd") && outcome.contains("CAP_SYS_PTRACE"))
      #expect(outcome.contains("by signal") == (mode == .thread))
    }
  }

  @Test(arguments: [ENOSYS, EOPNOTSUPP, EMFILE])
  func `other refusals say what is missing`(_ error: Int32) {
    let operation = error == EOPNOTSUPP ? AVIARY_SYSTEM_FAULTFD_API : AVIARY_SYSTEM_FAULTFD_OPEN
    let outcome = SystemCalls.during(failing: 0, with: error, only: Int32(operation)) { () -> VMError? in
      do {
        try FaultSupport.check(.thread)
        return nil
      } catch { return error as? VMError }
    }.result
    switch error {
    case ENOSYS: #expect(outcome == .configuration("this kernel has no userfaultfd"))
    case EOPNOTSUPP: #expect(outcome?.description.contains("Linux 4.11") == true)
    default: #expect(outcome == .system(operation: "opening userfaultfd", error: "EMFILE", bytes: 0))
    }
  }

  @Test func `a service that cannot begin leaves nothing`() async {
    await #expect(processExitsWith: .success) {
      let files = Holdings.files()
      for mode in FaultService.Mode.allCases {
        for operation in [
          AVIARY_SYSTEM_FAULTFD_OPEN, AVIARY_SYSTEM_FAULTFD_API, AVIARY_SYSTEM_FAULTFD_REGISTER,
          AVIARY_SYSTEM_FAULTFD_COPY, AVIARY_SYSTEM_ADVISE,
        ] {
          for error in [EINVAL, ENOMEM] {
            Failing.set(Int(operation), error, times: 1)
            #expect(throws: VMError.self) { _ = try FaultSlab(mode) }
            #expect(Failing.count == 1)
            Failing.stop()
            // And then it works.
            let slab = try FaultSlab(mode)
            try slab.service.activate(0, image: nil, accessible: page)
            slab.write(0, 9, 1)
          }
        }
      }
      #expect(UserFaults.descriptors() == 0)
      // The test's own runtime opens and closes some meanwhile.
      #expect(Holdings.files() < files + 6)
    }
  }

  @Test func `a block that cannot be filled is its page alone`() async {
    await #expect(processExitsWith: .success) {
      let slab = try FaultSlab(.thread)
      try slab.service.activate(0, image: nil, accessible: 64 * page)
      Failing.set(Int(AVIARY_SYSTEM_FAULTFD_ZERO), ENOMEM, times: 1)
      #expect(slab.read(0, 20 * page) == 0)
      #expect(Failing.count == 1)
      #expect(slab.presentPages(0) == 1)
      #expect(slab.service.failures == 0)
    }
  }

  @Test func `a page that cannot be filled fails, and nobody waits`() async {
    await #expect(processExitsWith: .success) {
      let slab = try FaultSlab(.thread)
      try slab.service.activate(0, image: nil, accessible: 64 * page)
      slab.write(0, 0, 3)
      Failing.set(Int(AVIARY_SYSTEM_FAULTFD_ZERO), ENOMEM, times: 1000)
      #expect(slab.kernelRead(0, 20 * page) == EFAULT)
      #expect(slab.service.failures == 1)
      Failing.stop()
      // The rest is lost until the slot begins anew; what was there is not.
      #expect(slab.kernelRead(0, 20 * page) == EFAULT)
      #expect(slab.read(0, 0) == 3)
      try slab.clear(0, 64 * page)
      try slab.service.activate(0, image: nil, accessible: 64 * page)
      #expect(slab.bytes(0, 64 * page).allSatisfy { $0 == 0 })
      #expect(Holdings.mappings(in: slab.region) == 1)
    }
  }

  @Test func `a mapping that changes is tried again`() async {
    await #expect(processExitsWith: .success) {
      let slab = try FaultSlab(.thread)
      let image = try TestImage(start: 0, pages: 20, seed: 4)
      try slab.service.activate(0, image: image.image, accessible: 64 * page)
      Failing.set(Int(AVIARY_SYSTEM_FAULTFD_COPY), EAGAIN, times: 150)
      #expect(slab.read(0, 17 * page) == image.contents(64 * page)[17 * 4096])
      #expect(Failing.count == 150)
      Failing.set(Int(AVIARY_SYSTEM_FAULTFD_WAKE), EAGAIN, times: 5)
      #expect(slab.read(0, 40 * page) == 0)
      #expect(Failing.count == 5)
      Failing.set(Int(AVIARY_SYSTEM_FAULTFD_READ), EINTR, times: 5)
      #expect(slab.read(0, 60 * page) == 0)
      #expect(Failing.count == 5)
      Failing.set(Int(AVIARY_SYSTEM_FAULTFD_POLL), EINTR, times: 5)
      try slab.clear(0, 64 * page)
      try slab.service.activate(0, image: image.image, accessible: 64 * page)
      #expect(slab.bytes(0, 64 * page) == image.contents(64 * page))
    }
  }

  @Test func `without mappings for a guard, the page is poisoned`() async {
    await #expect(processExitsWith: .success) {
      let slab = try FaultSlab(.thread)
      let accessible = 20 * page
      try slab.service.activate(0, image: nil, accessible: accessible)
      slab.write(0, 0, 1)
      Failing.set(Int(AVIARY_SYSTEM_PROTECT), ENOMEM, times: 1)
      // A poisoned page is a memory error for system calls.
      let error = slab.kernelRead(0, 30 * page)
      #expect(error == EFAULT || error == EHWPOISON)
      #expect(Failing.count == 1)
      #expect(slab.service.isGuarded(0) && Holdings.mappings(in: slab.region) == 1)
      // Where there was no mapping for a guard, there is none to grow into.
      #expect(throws: VMError.self) { try slab.service.setAccessible(0, to: 40 * page) }
      #expect(slab.read(0, 0) == 1)
      try slab.clear(0, accessible)
      #expect(!slab.service.isGuarded(0))
      try slab.service.activate(0, image: nil, accessible: 40 * page)
      #expect(slab.bytes(0, 40 * page).allSatisfy { $0 == 0 })
    }
  }

  @Test func `a guard that cannot be reset is reset before the next use`() async {
    await #expect(processExitsWith: .success) {
      let slab = try FaultSlab(.thread)
      try slab.service.activate(0, image: nil, accessible: page)
      #expect(slab.kernelRead(0, 5 * page) == EFAULT)
      Failing.set(Int(AVIARY_SYSTEM_PROTECT), EINVAL, times: 3)
      #expect(throws: VMError.self) { try slab.service.setAccessible(0, to: 10 * page) }
      #expect(throws: VMError.self) { try slab.service.deactivate(0) }
      try slab.service.decommit(0, to: page)
      #expect(throws: VMError.self) { try slab.service.activate(0, image: nil, accessible: 9 * page) }
      #expect(slab.kernelRead(0, 0) == EFAULT)
      try slab.service.activate(0, image: nil, accessible: 9 * page)
      #expect(slab.bytes(0, 9 * page).allSatisfy { $0 == 0 })
      #expect(Holdings.mappings(in: slab.region) == 1)
    }
  }

  /// A thread that waits for a page goes on as soon as it is there, if a signal wakes it: the slot may be
  /// released while the handler still fills the block's other pages.
  @Test func `a slot is not given back while its pages are being filled`() async {
    await #expect(processExitsWith: .success) {
      let slab = try FaultSlab(.thread)
      let image = try TestImage(start: 0, pages: 4, seed: 4)
      try slab.service.activate(0, image: image.image, accessible: 16 * page)
      // After the image's part, before the zeros behind it.
      Holding.set(Int(AVIARY_SYSTEM_FAULTFD_ZERO))
      onThreads(2) { thread in
        if thread == 0 {
          _ = slab.read(0, 9 * page)
          return
        }
        while !Holding.isHeld.load(ordering: .sequentiallyConsistent) { sched_yield() }
        onThreads(2) { thread in
          if thread == 0 {
            do { try slab.service.deactivate(0) } catch { Issue.record(error) }
            let wasDone = Holding.mayGo.load(ordering: .sequentiallyConsistent)
            #expect(wasDone, "the handler was still at work")
          } else {
            // As long as anybody could go wrong: the other thread cannot come further than to the lock.
            for _ in 0..<2000 { sched_yield() }
            Holding.mayGo.store(true, ordering: .sequentiallyConsistent)
          }
        }
      }
      aviary_system_set_injector(nil)
      try slab.service.decommit(0, to: 16 * page)
      #expect(slab.presentPages(0) == 0)
    }
  }
}
