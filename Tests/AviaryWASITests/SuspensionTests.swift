import Glibc
import Synchronization
import Testing

@testable import AviaryWASI

/// Functions that suspend a task instead of a thread, over guests without code.
@Suite("Suspension")
struct SuspensionTests {
  /// A guest that reads `pipe` as its standard input, and a way to see whether it waits.
  private func configuration(_ change: (inout WASI.Configuration) -> Void) throws -> WASI {
    var configuration = WASI.Configuration()
    change(&configuration)
    return try WASI(configuration)
  }

  private func handle(_ wasi: WASI, _ fd: UInt32) throws -> Handle {
    try #require(wasi.system.withLock { $0.descriptors[fd]?.handle })
  }

  private func isWaiting(_ handle: Handle) -> Bool {
    ((try? Reactor.shared().waiterCount(of: handle)) ?? 0) > 0
  }

  private static func read(_ guest: Guest, _ fd: UInt32, _ count: Int) async throws -> (Errno, String) {
    let (buffer, out) = (guest.allocate(count), guest.allocate(4))
    let error = try await guest.suspendingCall("fd_read", fd, guest.vectors([(buffer, UInt32(count))]), 1, out)
    return (error, error == .success ? guest.text(buffer, Int(guest.get(UInt32.self, out))) : "")
  }

  @Test func `a read waits for a pipe that is fed later`() async throws {
    let pipe = Pipe()
    let wasi = try configuration { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
    let handle = try handle(wasi, 0)
    let task = Task { try await Self.read(Guest(wasi), 0, 100) }
    await eventually { isWaiting(handle) }
    pipe.put("here it is")
    #expect(try await task.value == (.success, "here it is"))
    // The flags of what the host shares are as they were.
    #expect(fcntl(pipe.read.number, F_GETFL) & O_NONBLOCK == 0)
  }

  @Test func `the end of a pipe is its end`() async throws {
    let ends = openPipe()
    let input = ends.read
    let wasi = try configuration { $0.standardInput = .descriptor(input, closing: true) }
    let handle = try handle(wasi, 0)
    let task = Task { try await Self.read(Guest(wasi), 0, 100) }
    await eventually { isWaiting(handle) }
    close(ends.write)
    #expect(try await task.value == (.success, ""))
  }

  @Test func `a write longer than its pipe is written whole`() async throws {
    let pipe = Pipe()
    let wasi = try configuration { $0.standardOutput = .descriptor(pipe.write.number, closing: false) }
    let size = 300_000
    let task = Task {
      let guest = Guest(wasi)
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 251 &+ $0) }
      let (at, out) = (guest.put(bytes), guest.allocate(4))
      let parts = guest.vectors([(at, 1000), (at + 1000, 0), (at + 1000, UInt32(size - 1000))])
      let error = try await guest.suspendingCall("fd_write", 1, parts, 3, out)
      return (error, guest.get(UInt32.self, out))
    }
    let handle = try handle(wasi, 1)
    await eventually { isWaiting(handle) }
    let taken = onThread {
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 10_000)
      while all.count < size {
        let count = unsafe Glibc.read(pipe.read.number, &buffer, buffer.count)
        guard count > 0 else { break }
        all += buffer[..<count]
      }
      return all
    }
    #expect(try await task.value == (.success, UInt32(size)))
    #expect(await taken.value == (0..<size).map { UInt8(truncatingIfNeeded: $0 / 251 &+ $0) })
  }

  @Test func `a reader that goes away ends a write`() async throws {
    let ends = openPipe()
    let output = ends.write
    let wasi = try configuration { $0.standardOutput = .descriptor(output, closing: true) }
    let handle = try handle(wasi, 1)
    let task = Task {
      let guest = Guest(wasi)
      let (parts, out) = (guest.vectors([(0, 200_000)]), guest.allocate(4))
      let first = try await guest.suspendingCall("fd_write", 1, parts, 1, out)
      let count = guest.get(UInt32.self, out)
      return (first, count, try await guest.suspendingCall("fd_write", 1, parts, 1, out))
    }
    await eventually { isWaiting(handle) }
    close(ends.read)
    let (first, count, second) = try await task.value
    // What went before the error is told first.
    #expect(first == .success && count > 0 && count < 200_000)
    #expect(second == .brokenPipe)
  }

  @Test func `named pipes and terminals`() async throws {
    let scratch = Scratch()
    scratch.pipe("fifo")
    let fifo = Handle(owning: unsafe Glibc.open(scratch.path + "/fifo", O_RDWR | O_CLOEXEC))
    let main = Handle(owning: unsafe Glibc.open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC))
    var (lock, number): (Int32, Int32) = (0, 0)
    // TIOCSPTLCK, TIOCGPTN: macros that Swift does not see.
    #expect(unsafe ioctl(main.number, 0x4004_5431, &lock) == 0 && ioctl(main.number, 0x8004_5430, &number) == 0)
    let terminal = Handle(owning: unsafe Glibc.open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC))
    for (handle, feed) in [(fifo, fifo), (terminal, main)] {
      let wasi = try configuration { $0.standardInput = .descriptor(handle.number, closing: false) }
      let ours = try self.handle(wasi, 0)
      let task = Task { try await Self.read(Guest(wasi), 0, 100) }
      await eventually { isWaiting(ours) }
      #expect(unsafe Glibc.write(feed.number, "line\n", 5) == 5)
      #expect(try await task.value == (.success, "line\n"))
      #expect(fcntl(handle.number, F_GETFL) & O_NONBLOCK == 0)
    }
  }

  /// They all see that something is there, and one gets it.
  @Test(arguments: ["pipe", "fifo"]) func `many guests share one input`(_ kind: String) async throws {
    let scratch = Scratch()
    scratch.pipe("fifo")
    let pipe = Pipe()
    let fifo = Handle(owning: unsafe Glibc.open(scratch.path + "/fifo", O_RDWR | O_CLOEXEC))
    let (read, write) = kind == "pipe" ? (pipe.read, pipe.write) : (fifo, fifo)
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<50 {
        let wasi = try configuration { $0.standardInput = .descriptor(read.number, closing: false) }
        group.addTask { try await Self.read(Guest(wasi, size: 4096), 0, 1).1 }
      }
      let text = (0..<50).map { String(UnicodeScalar(UInt8(40 + $0))) }
      for letter in text { #expect(unsafe Glibc.write(write.number, letter, 1) == 1) }
      var got: [String] = []
      for try await letter in group { got.append(letter) }
      #expect(got.sorted() == text.sorted())
    }
  }

  @Test func `a connection in both directions`() async throws {
    let ends = socketEnds(1)
    let (ours, other) = (ends[0], Handle(owning: ends[1]))
    let wasi = try configuration { $0.addSocket(ours, closing: true) }
    let handle = try handle(wasi, 3)
    func receive(_ size: Int, _ flags: Int) -> Task<(Errno, String), any Error> {
      Task {
        let guest = Guest(wasi)
        let (buffer, out, outFlags) = (guest.allocate(size), guest.allocate(4), guest.allocate(2))
        let parts = guest.vectors([(buffer, UInt32(size))])
        let error = try await guest.suspendingCall("sock_recv", 3, parts, 1, flags, out, outFlags)
        return (error, guest.text(buffer, Int(guest.get(UInt32.self, out))))
      }
    }
    func put(_ text: String) { #expect(unsafe send(other.number, text, text.utf8.count, 0) == text.utf8.count) }
    // What is there.
    var task = receive(10, 0)
    await eventually { isWaiting(handle) }
    put("abc")
    #expect(try await task.value == (.success, "abc"))
    // All of it, in two pieces.
    task = receive(10, 2)
    await eventually { isWaiting(handle) }
    put("01234")
    put("56789")
    #expect(try await task.value == (.success, "0123456789"))
    // All of it, without taking it away.
    task = receive(6, 3)
    await eventually { isWaiting(handle) }
    put("abc")
    put("def")
    #expect(try await task.value == (.success, "abcdef"))
    #expect(try await receive(6, 2).value == (.success, "abcdef"))
    // All of what there is when the other side ends.
    task = receive(10, 2)
    await eventually { isWaiting(handle) }
    put("end")
    #expect(shutdown(other.number, 1) == 0)
    #expect(try await task.value == (.success, "end"))
  }

  @Test func `datagrams stay whole`() async throws {
    let ends = socketEnds(2)
    let (ours, other) = (ends[0], Handle(owning: ends[1]))
    let wasi = try configuration { $0.addSocket(ours, closing: true) }
    let handle = try handle(wasi, 3)
    // More than the other side's queue takes.
    let sender = Task {
      let guest = Guest(wasi)
      let (parts, out) = (guest.vectors([(0, 1000)]), guest.allocate(4))
      for _ in 0..<500 {
        guard try await guest.suspendingCall("sock_send", 3, parts, 1, 0, out) == .success,
          guest.get(UInt32.self, out) == 1000
        else { return false }
      }
      return true
    }
    await eventually { isWaiting(handle) }
    let received = onThread {
      var buffer = [UInt8](repeating: 0, count: 5000)
      for _ in 0..<500 where unsafe recv(other.number, &buffer, buffer.count, 0) != 1000 { return false }
      return true
    }
    #expect(try await sender.value)
    #expect(await received.value)
  }

  @Test func `guests that accept from one socket`() async throws {
    let listener = Handle(owning: socket(AF_UNIX, 1 | closeOnExec, 0))
    let scratch = Scratch()
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array((scratch.path + "/socket").utf8)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let isBound = unsafe withUnsafeBytes(of: &address) { bytes in
      unsafe bind(listener.number, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), size) == 0
    }
    #expect(isBound && listen(listener.number, 128) == 0)
    try await withThrowingTaskGroup(of: UInt32.self) { group in
      for _ in 0..<20 {
        let wasi = try configuration { $0.addSocket(listener.number, closing: false) }
        group.addTask { () async throws -> UInt32 in
          let guest = Guest(wasi, size: 4096)
          let out = guest.allocate(4)
          #expect(try await guest.suspendingCall("sock_accept", 3, 0, out) == .success)
          #expect(try await Self.read(guest, guest.get(UInt32.self, out), 10) == (.success, "hello"))
          return guest.get(UInt32.self, out)
        }
      }
      var clients: [Handle] = []
      for _ in 0..<20 {
        let client = Handle(owning: socket(AF_UNIX, 1 | closeOnExec, 0))
        let isConnected = unsafe withUnsafeBytes(of: &address) { bytes in
          unsafe connect(client.number, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), size) == 0
        }
        #expect(isConnected)
        #expect(unsafe send(client.number, "hello", 5, 0) == 5)
        clients.append(client)
      }
      for try await fd in group { #expect(fd == 4) }
    }
  }

  // MARK: poll_oneoff

  /// Subscriptions to clocks (nanoseconds) and to reading; the user data of what came of them.
  private static func poll(_ guest: Guest, clocks: [UInt64], reads: [UInt32] = []) async throws -> (Errno, [UInt64], [UInt16]) {
    let count = clocks.count + reads.count
    let (input, output, out) = (guest.allocate(count * 48), guest.allocate(count * 32), guest.allocate(4))
    for (index, timeout) in clocks.enumerated() {
      let at = input + UInt32(index * 48)
      guest.put(UInt64(index), at: at)
      guest.put(UInt32(1), at: at + 16)
      guest.put(timeout, at: at + 24)
    }
    for (index, fd) in reads.enumerated() {
      let at = input + UInt32((clocks.count + index) * 48)
      guest.put(UInt64(100 + index), at: at)
      guest.put(UInt8(1), at: at + 8)
      guest.put(fd, at: at + 16)
    }
    let error = try await guest.suspendingCall("poll_oneoff", input, output, count, out)
    guard error == .success else { return (error, [], []) }
    let events = 0..<guest.get(UInt32.self, out)
    return (
      error, events.map { guest.get(UInt64.self, output + $0 * 32) }, events.map { guest.get(UInt16.self, output + $0 * 32 + 8) }
    )
  }

  @Test func `the shorter time wins`() async throws {
    let result = try await Self.poll(Guest(), clocks: [anHour, 1_000_000, 2 * anHour])
    #expect(result == (.success, [1], [0]))
    #expect(try await Self.poll(Guest(), clocks: [anHour, 0]) == (.success, [1], [0]))
  }

  @Test func `time or bytes, whichever comes first`() async throws {
    let pipe = Pipe()
    let wasi = try configuration { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
    let handle = try handle(wasi, 0)
    #expect(try await Self.poll(Guest(wasi), clocks: [anHour, 1_000_000], reads: [0]) == (.success, [1], [0]))
    let task = Task { try await Self.poll(Guest(wasi), clocks: [anHour], reads: [0, 0]) }
    await eventually { isWaiting(handle) }
    pipe.put("x")
    #expect(try await task.value == (.success, [100, 101], [0, 0]))
  }

  @Test func `a descriptor that is closed meanwhile ends the wait`() async throws {
    let pipe = Pipe()
    let scratch = Scratch()
    let wasi = try configuration {
      $0.standardInput = .descriptor(dup(pipe.read.number), closing: true)
      $0.addDirectory(scratch.path, as: "/")
    }
    let handle = try handle(wasi, 0)
    // Two guests of one system: one polls, one reads, and a third closes.
    let poll = Task { try await Self.poll(Guest(wasi), clocks: [anHour], reads: [0]) }
    let read = Task { try await Self.read(Guest(wasi), 0, 10) }
    await eventually { (try? Reactor.shared().waiterCount(of: handle)) == 2 }
    #expect(try Guest(wasi).call("fd_close", 0) == .success)
    #expect(try await poll.value == (.success, [100], [8]))
    #expect(try await read.value == (.badDescriptor, ""))
    // The number serves another file, which no one confuses with it.
    let third = Guest(wasi)
    try third.create("file", "text")
    let (_, file) = try third.open("file", rights: [.read, .poll])
    #expect(file == 0)
    #expect(try await Self.poll(third, clocks: [anHour], reads: [0]) == (.success, [100], [0]))
  }

  @Test func `renumbering closes too, and so does the host`() async throws {
    for way in ["fd_renumber", "close"] {
      let pipe = Pipe()
      let wasi = try configuration { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
      let handle = try handle(wasi, 0)
      let poll = Task { try await Self.poll(Guest(wasi), clocks: [anHour], reads: [0]) }
      await eventually { isWaiting(handle) }
      if way == "close" { wasi.close() } else { #expect(try Guest(wasi).call(way, 1, 0) == .success) }
      #expect(try await poll.value == (.success, [100], [8]))
    }
  }

  @Test func `cancellation ends every wait`() async throws {
    let pipe = Pipe()
    let wasi = try configuration { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
    let handle = try handle(wasi, 0)
    let read = Task { _ = try await Self.read(Guest(wasi), 0, 10) }
    let poll = Task { _ = try await Self.poll(Guest(wasi), clocks: [anHour], reads: [0]) }
    let sleep = Task { _ = try await Self.poll(Guest(), clocks: [anHour]) }
    await eventually { (try? Reactor.shared().waiterCount(of: handle)) == 2 }
    for task in [read, poll, sleep] {
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
    #expect(try Reactor.shared().waiterCount(of: handle) == 0)
  }

  @Test func `an interruption ends every wait`() async throws {
    let pipe = Pipe()
    let wasi = try configuration {
      $0.standardInput = .descriptor(pipe.read.number, closing: false)
      $0.isInterruptible = true
    }
    let handle = try handle(wasi, 0)
    let read = Task { _ = try await Self.read(Guest(wasi), 0, 10) }
    let poll = Task { _ = try await Self.poll(Guest(wasi), clocks: [anHour], reads: [0]) }
    await eventually { (try? Reactor.shared().waiterCount(of: handle)) == 2 }
    wasi.interrupt()
    for task in [read, poll] { await #expect(throws: WASIInterrupted.self) { try await task.value } }
    wasi.resume()
    pipe.put("on")
    #expect(try await Self.read(Guest(wasi), 0, 10) == (.success, "on"))
  }

  @Test func `who does not want to wait is told to come again`() async throws {
    let pipe = Pipe()
    let wasi = try configuration {
      $0.standardInput = .descriptor(pipe.read.number, closing: false)
      $0.standardOutput = .descriptor(pipe.write.number, closing: false)
    }
    let guest = Guest(wasi)
    for fd in [0, 1] { #expect(try guest.call("fd_fdstat_set_flags", fd, 4) == .success) }
    #expect(try await Self.read(guest, 0, 10).0 == .again)
    let (parts, out) = (guest.vectors([(0, 500_000)]), guest.allocate(4))
    #expect(try await guest.suspendingCall("fd_write", 1, parts, 1, out) == .success)
    #expect(guest.get(UInt32.self, out) < 500_000)
    #expect(try await guest.suspendingCall("fd_write", 1, parts, 1, out) == .again)
  }

  @Test func `a clock of the host's own`() async throws {
    let slept = Mutex<[UInt64]>([])
    let time = Atomic<UInt64>(5)
    var configuration = WASI.Configuration()
    configuration.clocks.monotonic = WASI.Clock(
      resolution: 1, now: { time.load(ordering: .relaxed) }, sleep: { _ in Issue.record("a thread waits") },
      suspend: { amount in
        slept.withLock { $0.append(amount) }
        await Task.yield()
        time.add(amount, ordering: .relaxed)
      })
    #expect(try await Self.poll(Guest(configuration), clocks: [anHour, 1000]) == (.success, [1], [0]))
    #expect(slept.withLock { $0 } == [1000])
    configuration.clocks = .virtual()
    #expect(try await Self.poll(Guest(configuration), clocks: [anHour]) == (.success, [0], [0]))
  }

  @Test func `thousands sleep at once`() async throws {
    let long = (0..<1000).map { _ in Task { try await Self.poll(Guest(size: 2048), clocks: [anHour]).0 } }
    try await withThrowingTaskGroup(of: Errno.self) { group in
      for index in UInt64(0)..<3000 {
        group.addTask { try await Self.poll(Guest(size: 2048), clocks: [index * 1000, anHour]).0 }
      }
      for try await error in group { #expect(error == .success) }
    }
    for task in long { task.cancel() }
    for task in long { await #expect(throws: CancellationError.self) { try await task.value } }
  }

  @Test func `yielding lets others run`() async throws {
    let task = Task { try await Guest().suspendingCall("sched_yield", []) }
    #expect(try await task.value == .success)
    let cancelled = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try await Guest().suspendingCall("sched_yield", [])
    }
    await #expect(throws: CancellationError.self) { try await cancelled.value }
  }
}
