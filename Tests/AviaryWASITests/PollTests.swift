import Glibc
import Testing

@testable import AviaryWASI

@Suite("poll_oneoff")
struct PollTests {
  enum Wish {
    case clock(id: UInt32 = 1, UInt64, absolute: Bool = false)
    case read(UInt32)
    case write(UInt32)
    case kind(UInt8)
  }

  struct Told: Equatable {
    var user: UInt64
    var error: UInt16
    var type: UInt8
    var bytes: UInt64 = 0
    var flags: UInt16 = 0
  }

  func poll(_ guest: Guest, _ wishes: [Wish]) throws -> (Errno, [Told]) {
    let (input, output, out) = (
      guest.allocate(wishes.count * 48), guest.allocate(wishes.count * 32 + 32), guest.allocate(4)
    )
    let end = output + UInt32(wishes.count * 32)
    guest.put(UInt64(0xfeed_f00d), at: end)
    for (index, wish) in wishes.enumerated() {
      let at = input + UInt32(index * 48)
      guest.put(UInt64(100 + index), at: at)
      switch wish {
      case .clock(let id, let timeout, let absolute):
        guest.put(UInt8(0), at: at + 8)
        guest.put(id, at: at + 16)
        guest.put(timeout, at: at + 24)
        guest.put(UInt64(1), at: at + 32)
        guest.put(UInt16(absolute ? 1 : 0), at: at + 40)
      case .read(let fd):
        guest.put(UInt8(1), at: at + 8)
        guest.put(fd, at: at + 16)
      case .write(let fd):
        guest.put(UInt8(2), at: at + 8)
        guest.put(fd, at: at + 16)
      case .kind(let kind): guest.put(kind, at: at + 8)
      }
    }
    let error = try guest.call("poll_oneoff", input, output, wishes.count, out)
    #expect(guest.get(UInt64.self, end) == 0xfeed_f00d, "nothing past the guest's buffer")
    guard error == .success else { return (error, []) }
    return (
      error,
      (0..<guest.get(UInt32.self, out)).map { index in
        let at = output + index * 32
        return Told(
          user: guest.get(UInt64.self, at), error: guest.get(UInt16.self, at + 8),
          type: guest.get(UInt8.self, at + 10), bytes: guest.get(UInt64.self, at + 16),
          flags: guest.get(UInt16.self, at + 24))
      }
    )
  }

  private var now: UInt64 { WASI.Clock(resolution: 1, now: { 0 }, sleep: { _ in }).now + UInt64(clock_now()) }
  private func clock_now() -> Int {
    var t = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &t)
    return t.tv_sec * 1_000_000_000 + t.tv_nsec
  }

  @Test func `a timeout takes its time, and little more`() throws {
    let guest = try Guest()
    let start = now
    let (error, told) = try poll(guest, [.clock(20_000_000), .clock(3_600_000_000_000)])
    let taken = now - start
    #expect(error == .success)
    #expect(told == [Told(user: 100, error: 0, type: 0)])
    #expect(taken >= 20_000_000)
    // The machine may be busy; an hour it is not.
    #expect(taken < 10_000_000_000)
  }

  @Test func `absolute times`() throws {
    let guest = try Guest()
    #expect(try poll(guest, [.clock(0, absolute: true), .clock(id: 0, 5, absolute: true)]).1.count == 2)
    let out = guest.allocate(8)
    _ = try guest.call("clock_time_get", 0, 0, out)
    let target = guest.get(UInt64.self, out) + 5_000_000
    #expect(try poll(guest, [.clock(id: 0, target, absolute: true)]).1.count == 1)
    _ = try guest.call("clock_time_get", 0, 0, out)
    #expect(guest.get(UInt64.self, out) >= target)
  }

  @Test func `what is ready comes at once`() throws {
    let ends = pipeEnds()
    let scratch = Scratch()
    scratch.file("file", "12345")
    var configuration = WASI.Configuration()
    configuration.standardInput = .descriptor(ends[0], closing: true)
    configuration.standardOutput = .buffer(OutputBuffer())
    configuration.addDirectory(scratch.path, as: "/")
    let guest = try Guest(configuration)
    let hour: UInt64 = 3_600_000_000_000
    #expect(try poll(guest, [.clock(hour), .write(1), .read(0)]).1 == [Told(user: 101, error: 0, type: 2)])
    _ = unsafe Glibc.write(ends[1], "abc", 3)
    #expect(try poll(guest, [.read(0), .clock(hour)]).1 == [Told(user: 100, error: 0, type: 1, bytes: 3)])
    let (_, file) = try guest.open("file", rights: [.read, .poll, .seek])
    _ = try guest.read(file, 2)
    #expect(try poll(guest, [.read(file), .clock(hour)]).1 == [Told(user: 100, error: 0, type: 1, bytes: 3)])
    _ = try guest.read(0, 3)
    close(ends[1])
    #expect(try poll(guest, [.read(0), .clock(hour)]).1 == [Told(user: 100, error: 0, type: 1, flags: 1)])
    var text = WASI.Configuration()
    text.standardInput = .text("four")
    #expect(try poll(try Guest(text), [.clock(hour), .read(0)]).1 == [Told(user: 101, error: 0, type: 1, bytes: 4)])
  }

  @Test func `what can't be waited for is an event with an error`() throws {
    let scratch = Scratch()
    let guest = try AviaryWASITests.guest(in: scratch)
    let (_, file) = try guest.open("f", .create, rights: [.read])
    let hour: UInt64 = 3_600_000_000_000
    let (error, told) = try poll(
      guest, [.read(77), .write(.max), .read(3), .read(file), .write(0), .clock(id: 9, 0), .clock(id: 2, 0), .clock(hour)])
    #expect(error == .success)
    #expect(told.map(\.user) == [100, 101, 102, 103, 104, 105, 106])
    #expect(told.map(\.error) == [8, 8, 8, 76, 8, 28, 58])
  }

  @Test func `bad calls`() throws {
    let guest = try Guest()
    let (input, output, out) = (guest.allocate(96), guest.allocate(64), guest.allocate(4))
    #expect(try guest.call("poll_oneoff", input, output, 0, out) == .invalid)
    for count in [UInt32(8193), 89_478_486, .max] {
      #expect(try guest.call("poll_oneoff", input, output, count, out) == .invalid)
    }
    #expect(try guest.call("poll_oneoff", guest.size - 47, output, 1, out) == .fault)
    #expect(try guest.call("poll_oneoff", input, guest.size - 31, 1, out) == .fault)
    #expect(try guest.call("poll_oneoff", input, output, 1, guest.size - 3) == .fault)
    #expect(try poll(guest, [.kind(3)]).0 == .invalid)
    #expect(try poll(guest, [.kind(255)]).0 == .invalid)
    guest.put(UInt16(2), at: input + 40)
    #expect(try guest.call("poll_oneoff", input, output, 1, out) == .invalid)
  }

  @Test func `the arrays may overlap`() throws {
    let guest = try Guest()
    let input = guest.allocate(48 * 4)
    for index in UInt32(0)..<4 {
      guest.put(UInt64(index), at: input + index * 48)
      guest.put(UInt8(2), at: input + index * 48 + 8)
      guest.put(UInt32(1), at: input + index * 48 + 16)
    }
    let out = guest.allocate(4)
    #expect(try guest.call("poll_oneoff", input, input, 4, out) == .success)
    #expect(guest.get(UInt32.self, out) == 4)
    for index in UInt32(0)..<4 { #expect(guest.get(UInt64.self, input + index * 32) == UInt64(index)) }
  }

  @Test func `the largest timeouts do not overflow`() throws {
    let guest = try Guest()
    let (error, told) = try poll(guest, [.clock(.max), .clock(id: 0, .max), .clock(.max, absolute: true), .write(1)])
    #expect(error == .success && told.count == 1)
  }
}

@Suite("Sockets")
struct SocketTests {
  /// A guest with one end of a connection as descriptor 3, and the other end.
  private func connected(_ type: Int32 = 1) throws -> (Guest, Int32) {
    let ends = socketEnds(type)
    var configuration = WASI.Configuration()
    configuration.addSocket(ends[0], closing: true)
    return (try Guest(configuration), ends[1])
  }

  private func receive(_ guest: Guest, _ fd: UInt32, _ size: Int, flags: Int = 0) throws -> (Errno, String, UInt16) {
    let (buffer, out, outFlags) = (guest.allocate(size), guest.allocate(4), guest.allocate(2))
    let error = try guest.call("sock_recv", fd, guest.vectors([(buffer, UInt32(size))]), 1, flags, out, outFlags)
    guard error == .success else { return (error, "", 0) }
    return (error, guest.text(buffer, Int(guest.get(UInt32.self, out))), guest.get(UInt16.self, outFlags))
  }

  @Test func `sending and receiving`() throws {
    let (guest, other) = try connected()
    defer { close(other) }
    _ = unsafe Glibc.send(other, "hello", 5, 0)
    #expect(try receive(guest, 3, 3, flags: 1) == (.success, "hel", 0))
    #expect(try receive(guest, 3, 10) == (.success, "hello", 0))
    #expect(try receive(guest, 3, 10, flags: 4).0 == .invalid)
    let out = guest.allocate(4)
    #expect(try guest.call("sock_send", 3, guest.vectors([(guest.put("back"), 4)]), 1, 0, out) == .success)
    #expect(try guest.call("sock_send", 3, 0, 0, 1, out) == .invalid)
    var buffer = [UInt8](repeating: 0, count: 10)
    #expect(unsafe recv(other, &buffer, 10, 0) == 4)
    #expect(try guest.write("too", to: 3) == .success)
    #expect(unsafe recv(other, &buffer, 10, 0) == 3)
    #expect(try guest.call("fd_fdstat_get", 3, guest.allocate(24)) == .success)
    #expect(try guest.call("fd_prestat_get", 3, out) == .badDescriptor)
    #expect(try guest.call("sock_shutdown", 3, 0) == .invalid)
    #expect(try guest.call("sock_shutdown", 3, 2) == .success)
    #expect(try guest.write("x", to: 3) == .brokenPipe)
    #expect(try guest.call("sock_shutdown", 3, 3) == .success)
  }

  @Test func `datagrams tell that they were cut`() throws {
    let (guest, other) = try connected(2)
    defer { close(other) }
    _ = unsafe Glibc.send(other, "0123456789", 10, 0)
    #expect(try receive(guest, 3, 4) == (.success, "0123", 1))
    let out = guest.allocate(24)
    #expect(try guest.call("fd_fdstat_get", 3, out) == .success)
    #expect(guest.get(UInt8.self, out) == 5)
    #expect(try guest.call("fd_fdstat_set_flags", 3, 4) == .success)
    #expect(try receive(guest, 3, 4).0 == .again)
  }

  @Test func `accepting`() throws {
    let listener = socket(AF_INET, 1 | closeOnExec, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = unsafe withUnsafeMutableBytes(of: &address) { bytes in
      let pointer = unsafe bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      return unsafe bind(listener, pointer, size) == 0 && listen(listener, 4) == 0
        && getsockname(listener, pointer, &size) == 0
    }
    #expect(bound)
    var configuration = WASI.Configuration()
    configuration.addSocket(listener, closing: true)
    let guest = try Guest(configuration)
    let out = guest.allocate(4)
    #expect(try guest.call("fd_fdstat_set_flags", 3, 4) == .success)
    #expect(try guest.call("sock_accept", 3, 0, out) == .again)
    let client = socket(AF_INET, 1 | closeOnExec, 0)
    defer { close(client) }
    let isConnected = unsafe withUnsafeBytes(of: &address) { bytes in
      unsafe connect(client, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), size) == 0
    }
    #expect(isConnected)
    #expect(try guest.call("sock_accept", 3, 1, out) == .invalid)
    #expect(try guest.call("sock_accept", 3, 4, out) == .success)
    let fd = guest.get(UInt32.self, out)
    #expect(fd == 4)
    #expect(try receive(guest, fd, 4).0 == .again)
    #expect(try guest.write("welcome", to: fd) == .success)
    var buffer = [UInt8](repeating: 0, count: 10)
    #expect(unsafe recv(client, &buffer, 10, 0) == 7)
    #expect(try guest.call("sock_accept", fd, 0, out) != .success)
  }

  @Test func `what is no socket says so`() throws {
    let guest = try Guest()
    let out = guest.allocate(4)
    #expect(try guest.call("sock_shutdown", 1, 1) == .notSocket)
    #expect(try guest.call("sock_shutdown", 3, 1) == .badDescriptor)
    #expect(try guest.call("sock_accept", 0, 0, out) == .notSocket)
    #expect(try receive(guest, 0, 4).0 == .notSocket)
    #expect(try guest.call("sock_send", 1, 0, 0, 0, out) == .notSocket)
  }
}
