import Foundation
import Glibc
import Synchronization
import Testing

@testable import AviaryWASI

/// Waits until `condition` holds, by letting others run.
func eventually(_ condition: @Sendable () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
  // An end for a test that has gone wrong; no measure of anything.
  let end = ContinuousClock.now + .seconds(180)
  while !condition() {
    if ContinuousClock.now > end {
      Issue.record("it never came about", sourceLocation: sourceLocation)
      return
    }
    try? await Task.sleep(for: .milliseconds(1))
  }
}

let anHour: UInt64 = 3_600_000_000_000

/// Runs what blocks on a thread of its own: the tasks' threads are few.
func onThread<R: Sendable>(_ body: @escaping @Sendable () -> R) -> Task<R, Never> {
  Task {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: body()) }
    }
  }
}

/// The descriptors of this process, with what they stand for; but for timers, which Dispatch makes
/// when it first needs them (the reactor has one for all).
func openDescriptors() -> Set<String> {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
  return Set(names.compactMap { name in
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")).map { "\(name): \($0)" }
  }.filter { !$0.hasSuffix("[timerfd]") })
}

/// A pipe's ends. Tests that run in a process of their own must not inherit them: the pipe would
/// not end before they do.
func pipeEnds() -> [Int32] {
  // pipe2, which Swift does not see.
  typealias Function = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32
  let pipe2 = unsafe unsafeBitCast(dlsym(nil, "pipe2"), to: Function.self)
  var ends: [Int32] = [0, 0]
  #expect(unsafe pipe2(&ends, O_CLOEXEC) == 0)
  return ends
}

func openPipe() -> (read: Int32, write: Int32) {
  let ends = pipeEnds()
  return (ends[0], ends[1])
}

/// Two sockets that are connected, and that no child inherits either.
func socketEnds(_ type: Int32 = 1) -> [Int32] {
  var ends: [Int32] = [0, 0]
  #expect(unsafe socketpair(AF_UNIX, type | closeOnExec, 0, &ends) == 0)
  return ends
}

/// SOCK_CLOEXEC.
let closeOnExec: Int32 = 0o2000000

/// A pipe's ends, of which the reading one is the guest's.
struct Pipe: Sendable {
  let read: Handle
  let write: Handle

  init() {
    let ends = openPipe()
    read = Handle(owning: ends.read)
    write = Handle(owning: ends.write)
  }

  func put(_ text: String) { #expect(unsafe Glibc.write(write.number, text, text.utf8.count) == text.utf8.count) }
}

@Suite("Reactor")
struct ReactorTests {
  private let input = UInt32(POLLIN)

  @Test(arguments: UInt64(0)..<4) func `timers come in order, whoever leaves`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var heap = TimerHeap()
    var all: [Waiter] = []
    for order in 0..<2000 {
      let waiter = Waiter(until: UInt64.random(in: 0..<300, using: &random))
      waiter.order = UInt64(order)
      heap.insert(waiter)
      all.append(waiter)
      if order % 3 == 2 {
        let leaving = all.remove(at: Int.random(in: 0..<all.count, using: &random))
        heap.remove(leaving)
        heap.remove(leaving)
        #expect(leaving.place == -1, "seed \(seed)")
      }
    }
    all.sort { $0.isBefore($1) }
    for waiter in all {
      #expect(heap.first === waiter, "seed \(seed)")
      heap.remove(waiter)
    }
    #expect(heap.count == 0)
  }

  @Test func `a pipe wakes all who wait for it`() async throws {
    let reactor = try Reactor.shared()
    let pipe = Pipe()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<100 {
        group.addTask { try await reactor.wait(for: [Interest(handle: pipe.read, events: input)]) }
      }
      await eventually { reactor.waiterCount(of: pipe.read) == 100 }
      pipe.put("x")
      for try await woken in group { #expect(woken) }
    }
    #expect(reactor.waiterCount(of: pipe.read) == 0)
  }

  @Test func `each direction wakes its own`() async throws {
    let reactor = try Reactor.shared()
    let ends = socketEnds(1)
    let (ours, other) = (Handle(owning: ends[0]), Handle(owning: ends[1]))
    let reader = Task { try await reactor.wait(for: [Interest(handle: ours, events: input)]) }
    await eventually { reactor.waiterCount(of: ours) == 1 }
    // Ready at once, and the reader sleeps on.
    #expect(try await reactor.wait(for: [Interest(handle: ours, events: UInt32(POLLOUT))]))
    #expect(reactor.waiterCount(of: ours) == 1)
    #expect(unsafe send(other.number, "x", 1, 0) == 1)
    #expect(try await reader.value)
  }

  @Test func `the same descriptor twice, and a second one`() async throws {
    let reactor = try Reactor.shared()
    let (first, second) = (Pipe(), Pipe())
    let waiter = Task {
      try await reactor.wait(
        for: [first.read, second.read, first.read].map { Interest(handle: $0, events: input) },
        until: Kernel.monotonicTime + anHour)
    }
    await eventually { reactor.waiterCount(of: second.read) == 1 && reactor.waiterCount(of: first.read) == 1 }
    second.put("x")
    #expect(try await waiter.value)
    #expect(reactor.waiterCount(of: first.read) == 0 && reactor.waiterCount(of: second.read) == 0)
  }

  @Test func `the other side's end wakes`() async throws {
    let reactor = try Reactor.shared()
    let ends = openPipe()
    let read = Handle(owning: ends.read)
    let waiter = Task { try await reactor.wait(for: [Interest(handle: read, events: input)]) }
    await eventually { reactor.waiterCount(of: read) == 1 }
    close(ends.write)
    #expect(try await waiter.value)
  }

  @Test func `short times end, long ones go on`() async throws {
    let reactor = try Reactor.shared()
    let long = (0..<100).map { _ in Task { try await reactor.wait(for: [], until: Kernel.monotonicTime + anHour) } }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<100 {
        group.addTask { try await reactor.wait(for: [], until: Kernel.monotonicTime + UInt64(index) * 50_000) }
      }
      for try await woken in group { #expect(woken) }
    }
    #expect(try await reactor.wait(for: [], until: 0))
    for task in long { task.cancel() }
    for task in long { await #expect(throws: CancellationError.self) { try await task.value } }
  }

  @Test func `cancellation leaves nothing behind`() async throws {
    let reactor = try Reactor.shared()
    let pipe = Pipe()
    let tasks = (0..<50).map { _ in
      Task {
        try await reactor.wait(
          for: [Interest(handle: pipe.read, events: input)], until: Kernel.monotonicTime + anHour)
      }
    }
    await eventually { reactor.waiterCount(of: pipe.read) == 50 }
    for task in tasks.dropLast() { task.cancel() }
    for task in tasks.dropLast() { await #expect(throws: CancellationError.self) { try await task.value } }
    #expect(reactor.waiterCount(of: pipe.read) == 1)
    pipe.put("x")
    #expect(try await tasks[49].value)
    // Cancelled before it began.
    let late = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try await reactor.wait(for: [Interest(handle: pipe.write, events: input)])
    }
    await #expect(throws: CancellationError.self) { try await late.value }
    #expect(reactor.waiterCount(of: pipe.write) == 0)
  }

  @Test func `files never make wait`() async throws {
    let scratch = Scratch()
    scratch.file("file", "text")
    let file = try Kernel.open(host: scratch.path + "/file", flags: O_RDONLY)
    let pipe = Pipe()
    let interests = [pipe.read, file].map { Interest(handle: $0, events: input) }
    #expect(try await !Reactor.shared().wait(for: interests))
    #expect(try Reactor.shared().waiterCount(of: pipe.read) == 0)
  }

  @Test func `who waits for what is closed is woken`() async throws {
    let reactor = try Reactor.shared()
    let pipe = Pipe()
    let waiter = Task { try await reactor.wait(for: [Interest(handle: pipe.read, events: input)]) }
    await eventually { reactor.waiterCount(of: pipe.read) == 1 }
    pipe.read.retire()
    #expect(try await waiter.value)
    #expect(try await reactor.wait(for: [Interest(handle: pipe.read, events: input)]))
    #expect(reactor.waiterCount(of: pipe.read) == 0)
  }

  @Test func `a borrowed number that becomes another file wakes nobody`() async throws {
    let reactor = try Reactor.shared()
    let (first, second) = (Pipe(), Pipe())
    // The host's number, which the guest has borrowed.
    let number = dup(first.read.number)
    defer { close(number) }
    let borrowed = Handle(borrowing: number)
    let waiter = Task { try await reactor.wait(for: [Interest(handle: borrowed, events: input)]) }
    await eventually { reactor.waiterCount(of: borrowed) == 1 }
    #expect(dup2(second.read.number, number) == number)
    second.put("not yours")
    let other = Handle(borrowing: number)
    #expect(try await reactor.wait(for: [Interest(handle: other, events: input)]))
    #expect(reactor.waiterCount(of: borrowed) == 1)
    first.put("yours")
    #expect(try await waiter.value)
  }

  @Test func `a closed number ends the wait`() async throws {
    let gone = Handle(borrowing: 1 << 20 - 1)
    #expect(try await Reactor.shared().wait(for: [Interest(handle: gone, events: input)]))
  }

  @Test(arguments: UInt64(0)..<4) func `whatever happens, every wait ends once`(_ seed: UInt64) async throws {
    let reactor = try Reactor.shared()
    var random = SeededGenerator(seed: seed)
    let pipes = (0..<200).map { _ in Pipe() }
    let tasks = (0..<300).map { index in
      let interests = (0..<Int.random(in: 0..<100, using: &random)).map { _ in
        Interest(handle: pipes.randomElement(using: &random)!.read, events: input)
      }
      let time = Bool.random(using: &random) || interests.isEmpty ? UInt64.random(in: 0..<20_000_000, using: &random) : nil
      return Task { try await reactor.wait(for: interests, until: time.map { Kernel.monotonicTime + $0 }) }
    }
    for pipe in pipes {
      switch Int.random(in: 0..<4, using: &random) {
      case 0: pipe.put("x")
      case 1: pipe.read.retire()
      case 2: tasks.randomElement(using: &random)!.cancel()
      default: await Task.yield()
      }
    }
    // Nobody is left alone with a pipe that stays empty.
    for pipe in pipes { pipe.read.retire() }
    for task in tasks {
      switch await task.result {
      case .success(let woken): #expect(woken, "seed \(seed)")
      case .failure(let error): #expect(error is CancellationError, "seed \(seed): \(error)")
      }
    }
    for pipe in pipes { #expect(reactor.waiterCount(of: pipe.read) == 0, "seed \(seed)") }
  }

  @Test func `ten thousand waits come and go`() async {
    await #expect(processExitsWith: .success) { try await ReactorTests.runMany() }
  }

  /// In a process of its own: counts its descriptors.
  private static func runMany() async throws {
    let reactor = try Reactor.shared()
    let pipes = (0..<100).map { _ in Pipe() }
    let before = openDescriptors()
    let tasks = (0..<10_000).map { index in
      Task {
        let pipe = pipes[index % 100]
        switch index % 4 {
        case 0: return try await reactor.wait(for: [], until: Kernel.monotonicTime + UInt64(index) * 1000)
        case 1: return try await reactor.wait(for: [], until: Kernel.monotonicTime + anHour)
        case 2: return try await reactor.wait(for: [Interest(handle: pipe.read, events: UInt32(POLLIN))])
        default:
          let borrowed = Handle(borrowing: pipe.read.number)
          return try await reactor.wait(
            for: [Interest(handle: borrowed, events: UInt32(POLLIN))], until: Kernel.monotonicTime + anHour)
        }
      }
    }
    for index in stride(from: 1, to: 10_000, by: 4) { tasks[index].cancel() }
    for pipe in pipes { pipe.put("x") }
    for (index, task) in tasks.enumerated() {
      let result = await task.result
      switch result {
      case .success(let woken): #expect(woken && index % 4 != 1, "\(index)")
      case .failure(let error): #expect(error is CancellationError && index % 4 == 1, "\(index): \(error)")
      }
    }
    #expect(reactor.counts == (0, 0), "\(reactor.counts)")
    // What a task captured goes a moment after its result has come.
    await eventually { openDescriptors().subtracting(before).isEmpty }
    let left = openDescriptors().subtracting(before)
    #expect(left.isEmpty, "\(left)")
  }
}
