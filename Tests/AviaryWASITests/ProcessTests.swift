import Glibc
import Synchronization
import Testing

@testable import AviaryWASI

@Suite("Arguments, clocks, random bytes, the end")
struct ProcessTests {
  @Test func `arguments and environment`() throws {
    var configuration = WASI.Configuration(arguments: ["app", "first", "the \"second\"", ""])
    configuration.environment = [("LANG", "C"), ("EMPTY", ""), ("Ü", "ß\n=")]
    let guest = try Guest(configuration)
    let (count, size) = (guest.allocate(4), guest.allocate(4))
    let (pointers, buffer) = (guest.allocate(64), guest.allocate(64))
    #expect(try guest.call("args_sizes_get", count, size) == .success)
    #expect(guest.get(UInt32.self, count) == 4 && guest.get(UInt32.self, size) == 24)
    #expect(try guest.call("args_get", pointers, buffer) == .success)
    #expect(guest.get(UInt32.self, pointers + 4) == buffer + 4)
    #expect(guest.text(buffer, 24) == "app\0first\0the \"second\"\0\0")
    #expect(try guest.call("environ_sizes_get", count, size) == .success)
    #expect(guest.get(UInt32.self, count) == 3 && guest.get(UInt32.self, size) == 22)
    #expect(try guest.call("environ_get", pointers, buffer) == .success)
    #expect(guest.text(buffer, 22) == "LANG=C\0EMPTY=\0Ü=ß\n=\0")
    #expect(try guest.call("args_get", guest.size - 8, buffer) == .fault)
    #expect(try guest.call("args_get", pointers, guest.size - 8) == .fault)
    #expect(try guest.call("args_sizes_get", guest.size - 2, size) == .fault)
    #expect(try guest.call("args_sizes_get", count, UInt32.max) == .fault)
  }

  @Test func `impossible configurations are refused`() throws {
    #expect(throws: WASIConfigurationError.self) { try Guest(.init(arguments: ["a\0b"])) }
    for name in ["", "A=B", "A\0"] {
      var configuration = WASI.Configuration()
      configuration.environment = [(name, "x")]
      #expect(throws: WASIConfigurationError.self) { try Guest(configuration) }
    }
    var missing = WASI.Configuration()
    missing.addDirectory("/no/such/directory", as: "/")
    let error = #expect(throws: WASIConfigurationError.self) { try Guest(missing) }
    #expect(error?.message == "can't open the directory \"/no/such/directory\": No such file or directory")
    var file = WASI.Configuration()
    file.addDirectory("/proc/self/status", as: "/")
    #expect(throws: WASIConfigurationError.self) { try Guest(file) }
    var few = WASI.Configuration()
    few.maximumDescriptors = 2
    #expect(throws: WASIConfigurationError.self) { try Guest(few) }
    var socket = WASI.Configuration()
    socket.addSocket(9999)
    #expect(throws: WASIConfigurationError.self) { try Guest(socket) }
  }

  @Test func `clocks go on`() throws {
    let guest = try Guest()
    let out = guest.allocate(8)
    for id in 0..<4 {
      #expect(try guest.call("clock_time_get", id, 0, out) == .success)
      let first = guest.get(UInt64.self, out)
      #expect(try guest.call("clock_time_get", id, 0, out) == .success)
      #expect(guest.get(UInt64.self, out) >= first)
      #expect(try guest.call("clock_res_get", id, out) == .success)
      #expect(guest.get(UInt64.self, out) > 0)
    }
    #expect(try guest.call("clock_time_get", 4, 0, out) == .invalid)
    #expect(try guest.call("clock_res_get", UInt32.max, out) == .invalid)
    #expect(try guest.call("clock_time_get", 0, 0, guest.size - 7) == .fault)
    #expect(try guest.call("clock_time_get", 1, 0, out) == .success)
    #expect(guest.get(UInt64.self, out) < 60_000_000_000, "since the guest began")
  }

  @Test func `virtual time moves by waiting only`() throws {
    var configuration = WASI.Configuration()
    configuration.clocks = .virtual(from: 1_000)
    let guest = try Guest(configuration)
    let out = guest.allocate(8)
    let (input, output) = (guest.allocate(48), guest.allocate(32))
    for round in UInt64(0)..<3 {
      #expect(try guest.call("clock_time_get", 0, 0, out) == .success)
      #expect(guest.get(UInt64.self, out) == 1_000 + round * 3_600_000_000_000)
      guest.put(UInt8(0), at: input + 8)
      guest.put(UInt32(1), at: input + 16)
      guest.put(UInt64(3_600_000_000_000), at: input + 24)
      #expect(try guest.call("poll_oneoff", input, output, 1, out) == .success)
      #expect(guest.get(UInt32.self, out) == 1)
    }
  }

  @Test func `random bytes`() throws {
    let guest = try Guest()
    let buffer = guest.allocate(64)
    #expect(try guest.call("random_get", buffer, 64) == .success)
    #expect(Set(guest.bytes(buffer, 64)).count > 8)
    #expect(try guest.call("random_get", 0, guest.size) == .success)
    #expect(try guest.call("random_get", 1, guest.size) == .fault)
    #expect(try guest.call("random_get", UInt32.max, 0) == .success)
    var seeded = WASI.Configuration()
    seeded.random = .seeded(7)
    let (one, two) = (try Guest(seeded), try Guest(seeded))
    for length in [3, 8, 21] {
      #expect(try one.call("random_get", 100, length) == .success)
      #expect(try two.call("random_get", 100, length) == .success)
      #expect(one.bytes(100, 40) == two.bytes(100, 40))
      #expect(one.bytes(100 + UInt32(length), 2) == [0, 0])
    }
  }

  @Test func `the end is an error of its own`() throws {
    let guest = try Guest()
    #expect(throws: WASIExit(code: 33)) { try guest.call("proc_exit", 33) }
    #expect(throws: WASIExit(code: .max)) { try guest.call("proc_exit", UInt32.max) }
    #expect(throws: WASIExit(code: 134)) { try guest.call("proc_raise", 6) }
    #expect(try guest.call("proc_raise", 0) == .success)
    #expect(try guest.call("proc_raise", 16) == .success)
    #expect(try guest.call("proc_raise", 18) == .notSupported)
    #expect(try guest.call("proc_raise", 31) == .invalid)
    #expect(try guest.call("sched_yield") == .success)
  }
}

@Suite("Standard streams")
struct StreamTests {
  @Test func `bytes in, buffers out`() throws {
    let (out, err) = (OutputBuffer(), OutputBuffer(limit: 5))
    var configuration = WASI.Configuration()
    configuration.standardInput = .text("hello world")
    configuration.standardOutput = .buffer(out)
    configuration.standardError = .buffer(err)
    let guest = try Guest(configuration)
    #expect(try guest.read(0, 5) == (.success, "hello"))
    #expect(try guest.read(0, 50) == (.success, " world"))
    #expect(try guest.read(0, 50) == (.success, ""))
    #expect(try guest.write("to out", to: 1) == .success)
    #expect(out.text == "to out")
    let count = guest.allocate(4)
    #expect(try guest.call("fd_write", 2, guest.vectors([(guest.put("1234567"), 7)]), 1, count) == .success)
    #expect(guest.get(UInt32.self, count) == 5)
    #expect(try guest.write("x", to: 2) == .noSpace)
    #expect(err.drain() == Array("12345".utf8))
    #expect(try guest.write("x", to: 2) == .success)
    #expect(try guest.write("x", to: 0) == .badDescriptor)
    #expect(try guest.read(1, 1).0 == .badDescriptor)
    #expect(try guest.call("fd_seek", 1, 0, 1, guest.allocate(8)) == .illegalSeek)
    #expect(try guest.call("fd_pread", 0, 0, 0, 0, count) == .illegalSeek)
    // Many times the same big piece: the buffer takes what its limit allows.
    let big = guest.vectors(Array(repeating: (0, UInt32(guest.size)), count: 1024))
    #expect(try guest.call("fd_write", 2, big, 1024, count) == .success)
    #expect(guest.get(UInt32.self, count) == 4)
  }

  @Test func `nothing, handlers and files`() throws {
    let pieces = Pieces()
    let scratch = Scratch()
    scratch.file("in", "from a file")
    var configuration = WASI.Configuration()
    configuration.standardInput = .file(path: scratch.path + "/in")
    configuration.standardOutput = .handler { bytes in pieces.append(bytes) }
    configuration.standardError = .file(path: scratch.path + "/err", append: true)
    let guest = try Guest(configuration)
    #expect(try guest.read(0, 50) == (.success, "from a file"))
    _ = try guest.write("one", to: 1)
    _ = try guest.write("two", to: 1)
    _ = try guest.write("error", to: 2)
    #expect(pieces.text == ["one", "two"])
    #expect(scratch.contents("err") == "error")
    let empty = try Guest()
    #expect(try empty.read(0, 50) == (.success, ""))
    #expect(try empty.write("gone", to: 1) == .success)
    let count = empty.allocate(4)
    let big = empty.vectors(Array(repeating: (0, UInt32(empty.size)), count: 1024))
    #expect(try empty.call("fd_write", 1, big, 1024, count) == .success)
    #expect(empty.get(UInt32.self, count) == 1 << 30)
  }

  @Test func `a pipe without a reader raises no signal`() throws {
    let ends = pipeEnds()
    var configuration = WASI.Configuration()
    configuration.standardOutput = .descriptor(ends[1], closing: true)
    let guest = try Guest(configuration)
    #expect(try guest.write("x", to: 1) == .success)
    close(ends[0])
    #expect(try guest.write("x", to: 1) == .brokenPipe)
    #expect(try guest.write("x", to: 1) == .brokenPipe)
  }

  @Test func `a guest that does not wait is told to come again`() throws {
    let (input, output) = (pipeEnds(), pipeEnds())
    var configuration = WASI.Configuration()
    configuration.standardInput = .descriptor(input[0], closing: true)
    configuration.standardOutput = .descriptor(output[1], closing: true)
    let guest = try Guest(configuration)
    #expect(try guest.call("fd_fdstat_set_flags", 0, 4) == .success)
    #expect(try guest.call("fd_fdstat_set_flags", 1, 4) == .success)
    #expect(try guest.read(0, 10).0 == .again)
    _ = unsafe Glibc.write(input[1], "abc", 3)
    #expect(try guest.read(0, 10) == (.success, "abc"))
    // Fill the pipe: at some time there is no room, and no hanging.
    var written = 0
    let count = guest.allocate(4)
    let parts = guest.vectors([(0, 100_000)])
    while try guest.call("fd_write", 1, parts, 1, count) == .success { written += Int(guest.get(UInt32.self, count)) }
    #expect(written == 65536)
    // The host's own descriptors did not become nonblocking.
    #expect(fcntl(output[1], F_GETFL) & O_NONBLOCK == 0)
    close(input[1])
    close(output[0])
  }

  @Test func `an interruption ends a read that waits`() throws {
    let ends = pipeEnds()
    defer { close(ends[1]) }
    var configuration = WASI.Configuration()
    configuration.standardInput = .descriptor(ends[0], closing: true)
    configuration.isInterruptible = true
    let guest = try Guest(configuration)
    guest.wasi.interrupt()
    #expect(throws: WASIInterrupted.self) { try guest.read(0, 1) }
    let (input, output, out) = (guest.allocate(48), guest.allocate(32), guest.allocate(4))
    guest.put(UInt64(1) << 60, at: input + 24)
    #expect(throws: WASIInterrupted.self) { try guest.call("poll_oneoff", input, output, 1, out) }
    guest.wasi.resume()
    _ = unsafe Glibc.write(ends[1], "abc", 3)
    #expect(try guest.read(0, 3) == (.success, "abc"))
  }

  private final class Pieces: Sendable {
    private let pieces = Mutex<[[UInt8]]>([])
    func append(_ bytes: [UInt8]) { pieces.withLock { $0.append(bytes) } }
    var text: [String] { pieces.withLock { $0.map { String(decoding: $0, as: UTF8.self) } } }
  }
}
