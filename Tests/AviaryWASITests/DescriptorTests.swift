import Glibc
import Synchronization
import Testing

@testable import AviaryWASI

@Suite("Descriptors")
struct DescriptorTests {
  let scratch = Scratch()
  let guest: Guest

  init() throws { guest = try AviaryWASITests.guest(in: scratch) }

  private static let everything: Rights = .file

  @Test func `bytes go out and come back`() throws {
    let (_, fd) = try guest.open("file", .create, rights: Self.everything)
    let parts = guest.vectors([(guest.put("one "), 4), (0, 0), (guest.put("two"), 3)])
    let out = guest.allocate(8)
    #expect(try guest.call("fd_write", fd, parts, 3, out) == .success)
    #expect(guest.get(UInt32.self, out) == 7)
    #expect(try guest.call("fd_tell", fd, out) == .success)
    #expect(guest.get(UInt64.self, out) == 7)
    #expect(try guest.call("fd_seek", fd, -3, 1, out) == .success)
    #expect(guest.get(UInt64.self, out) == 4)
    #expect(try guest.read(fd, 10) == (.success, "two"))
    #expect(try guest.call("fd_seek", fd, -8, 2, out) == .invalid)
    #expect(try guest.call("fd_seek", fd, 0, 3, out) == .invalid)
    let buffer = guest.allocate(8)
    #expect(try guest.call("fd_pread", fd, guest.vectors([(buffer, 2), (buffer + 4, 2)]), 2, 1, out) == .success)
    #expect(guest.get(UInt32.self, out) == 4)
    #expect(guest.text(buffer, 2) == "ne" && guest.text(buffer + 4, 2) == " t")
    #expect(try guest.call("fd_pwrite", fd, guest.vectors([(guest.put("X"), 1)]), 1, 0, out) == .success)
    #expect(scratch.contents("file") == "Xne two")
    #expect(try guest.call("fd_pread", fd, parts, 1, UInt64(1) << 63, out) == .invalid)
    #expect(try guest.call("fd_sync", fd) == .success)
    #expect(try guest.call("fd_datasync", fd) == .success)
    #expect(try guest.call("fd_advise", fd, 0, 10, 5) == .success)
    #expect(try guest.call("fd_advise", fd, 0, 10, 6) == .invalid)
    #expect(try guest.call("fd_advise", fd, UInt64.max, 10, 0) == .invalid)
    #expect(try guest.call("fd_allocate", fd, 0, 100) == .success)
    #expect(try guest.call("fd_allocate", fd, UInt64(Int64.max), 100) == .fileTooBig)
    #expect(try guest.call("fd_allocate", fd, 0, 0) == .invalid)
    #expect(try guest.call("fd_filestat_set_size", fd, 3) == .success)
    #expect(try guest.call("fd_filestat_set_size", fd, UInt64.max) == .fileTooBig)
    #expect(scratch.contents("file") == "Xne")
  }

  @Test func `bad vectors are refused before anything is read`() throws {
    try guest.create("file", "0123456789")
    let (_, fd) = try guest.open("file")
    let buffer = guest.allocate(16)
    let out = guest.allocate(4)
    let end = UInt32(guest.size)
    for (vectors, count, error) in [
      (guest.vectors([(buffer, 4), (end - 2, 4)]), UInt32(2), Errno.fault),
      (guest.vectors([(buffer, 4), (buffer, .max)]), 2, .fault),
      (guest.vectors([(.max, 1)]), 1, .fault),
      (end - 4, 1, .fault),
      (UInt32.max - 7, 2, .fault),
      (buffer, 1025, .invalid),
      (buffer, .max, .invalid),
    ] {
      #expect(try guest.call("fd_read", fd, vectors, count, out) == error)
      #expect(try guest.call("fd_pread", fd, vectors, count, 0, out) == error)
    }
    #expect(try guest.call("fd_read", fd, guest.vectors([(buffer, 4)]), 1, end - 3) == .fault)
    #expect(try guest.read(fd, 4) == (.success, "0123"))
    // A length of zero may point anywhere.
    #expect(try guest.call("fd_read", fd, guest.vectors([(.max, 0)]), 1, out) == .success)
    #expect(try guest.call("fd_read", fd, UInt32.max, 0, out) == .success)
    // Vectors may describe themselves.
    let own = guest.vectors([(0, 0), (0, 0)])
    guest.put(own, at: own)
    guest.put(UInt32(16), at: own + 4)
    #expect(try guest.call("fd_read", fd, own, 2, out) == .success)
    #expect(guest.text(own, 6) == "456789")
  }

  @Test func `directories are no files`() throws {
    let (_, fd) = try guest.open(".", .directory, rights: .all, inheriting: .all)
    #expect(fd == 0 || fd > 2)
    let (error, dir) = try guest.open(".", .directory, rights: .directory, inheriting: .all)
    #expect(error == .success)
    let out = guest.allocate(64)
    #expect(try guest.read(dir, 4).0 == .isDirectory)
    #expect(try guest.write("x", to: dir) == .badDescriptor)
    #expect(try guest.call("fd_seek", dir, 0, 0, out) == .badDescriptor)
    #expect(try guest.call("fd_tell", dir, out) == .badDescriptor)
    #expect(try guest.call("fd_allocate", dir, 0, 1) == .badDescriptor)
    #expect(try guest.call("fd_filestat_set_size", dir, 0) == .invalid)
    #expect(try guest.call("fd_filestat_get", dir, out) == .success)
    #expect(guest.get(UInt8.self, out + 16) == FileType.directory.rawValue)
    #expect(try guest.call("sock_shutdown", dir, 1) == .notSocket)
    #expect(try guest.call("fd_sync", dir) == .success)
  }

  @Test func `rights can only be given up`() throws {
    let (_, fd) = try guest.open("file", .create, rights: [.read, .write, .seek])
    let out = guest.allocate(24)
    #expect(try guest.call("fd_fdstat_get", fd, out) == .success)
    #expect(guest.get(UInt8.self, out) == 4)
    #expect(guest.get(UInt64.self, out + 8) == (Rights([.read, .write, .seek])).rawValue)
    #expect(try guest.call("fd_fdstat_set_rights", fd, Rights.seek.rawValue, 0) == .success)
    #expect(try guest.call("fd_fdstat_set_rights", fd, Rights.read.rawValue, 0) == .notCapable)
    #expect(try guest.call("fd_fdstat_set_rights", fd, 0, 1) == .notCapable)
    #expect(try guest.read(fd, 1).0 == .badDescriptor)
    #expect(try guest.write("x", to: fd) == .badDescriptor)
    #expect(try guest.call("fd_filestat_get", fd, out) == .notCapable)
    #expect(try guest.call("fd_advise", fd, 0, 0, 0) == .notCapable)
  }

  @Test func `a directory passes on what it has`() throws {
    scratch.directory("dir")
    let (_, dir) = try guest.open("dir", .directory, rights: [.pathOpen, .pathCreateFile], inheriting: .read)
    #expect(try guest.open("x", in: dir, .create, rights: .write).0 == .notCapable)
    #expect(try guest.open("x", in: dir, .create, rights: .read, inheriting: .stat).0 == .notCapable)
    #expect(try guest.open("x", in: dir, .create, rights: .read).0 == .success)
    #expect(try guest.open("x", in: dir, .truncate, rights: .read).0 == .notCapable)
    #expect(try guest.path("path_create_directory", dir, "y") == .notCapable)
    #expect(try guest.path("path_unlink_file", dir, "x") == .notCapable)
    #expect(try guest.stat("x", in: dir).0 == .notCapable)
    #expect(try guest.link("x", "y", in: dir, to: dir) == .notCapable)
    #expect(try guest.rename("x", "y", in: dir, to: dir) == .notCapable)
    #expect(try guest.symlink("x", at: "z", in: dir) == .notCapable)
  }

  @Test func `flags change while open`() throws {
    let (_, fd) = try guest.open("file", .create, rights: Self.everything, flags: .append)
    let out = guest.allocate(24)
    _ = try guest.write("aa", to: fd)
    #expect(try guest.call("fd_seek", fd, 0, 0, out) == .success)
    _ = try guest.write("bb", to: fd)
    #expect(scratch.contents("file") == "aabb")
    #expect(try guest.call("fd_fdstat_get", fd, out) == .success)
    #expect(guest.get(UInt16.self, out + 2) == 1)
    #expect(try guest.call("fd_fdstat_set_flags", fd, 0) == .success)
    #expect(try guest.call("fd_seek", fd, 0, 0, out) == .success)
    _ = try guest.write("cc", to: fd)
    #expect(scratch.contents("file") == "ccbb")
    #expect(try guest.call("fd_fdstat_set_flags", fd, 16) == .notSupported)
    #expect(try guest.call("fd_fdstat_set_flags", fd, 32) == .invalid)
    #expect(try guest.call("fd_fdstat_set_flags", fd, 4) == .success)
  }

  @Test func `numbers are given out from below and taken back`() throws {
    let (_, a) = try guest.open("a", .create)
    let (_, b) = try guest.open("b", .create)
    #expect((a, b) == (4, 5))
    #expect(try guest.call("fd_close", a) == .success)
    #expect(try guest.call("fd_close", a) == .badDescriptor)
    #expect(try guest.open("c", .create).1 == 4)
    for bad in [UInt32(6), 1000, .max, 1 << 31] {
      #expect(try guest.call("fd_close", bad) == .badDescriptor)
      #expect(try guest.call("fd_renumber", 4, bad) == .badDescriptor)
      #expect(try guest.call("fd_renumber", bad, 4) == .badDescriptor)
      #expect(try guest.call("fd_renumber", bad, bad) == .badDescriptor)
    }
    #expect(try guest.call("fd_renumber", 5, 5) == .success)
    #expect(try guest.call("fd_renumber", 5, 4) == .success)
    #expect(try guest.call("fd_fdstat_get", 5, guest.allocate(24)) == .badDescriptor)
    #expect(try guest.call("fd_fdstat_get", 4, guest.allocate(24)) == .success)
    // Standard streams too.
    #expect(try guest.call("fd_renumber", 4, 1) == .success)
    #expect(try guest.call("fd_close", 1) == .success)
  }

  @Test func `the table is bounded`() throws {
    let guest = try AviaryWASITests.guest(in: scratch) { $0.maximumDescriptors = 8 }
    for number in 4..<8 { #expect(try guest.open("f", .create).1 == number) }
    #expect(try guest.open("new", .create).0 == .tooManyFiles)
    #expect(!scratch.exists("new"))
    #expect(try guest.call("fd_close", 5) == .success)
    #expect(try guest.open("f").1 == 5)
  }

  @Test func `host descriptors are closed with the guest's`() throws {
    let (_, fd) = try guest.open("file", .create)
    let host = try #require(guest.wasi.system.withLock { $0.descriptors[fd]?.handle?.number })
    #expect(fcntl(host, F_GETFD) & FD_CLOEXEC != 0)
    let watched = guest.wasi.system.withLock { WeakHandle($0.descriptors[fd]?.handle) }
    #expect(watched.handle != nil)
    #expect(try guest.call("fd_close", fd) == .success)
    #expect(watched.handle == nil)
  }

  @Test func `preopens have names`() throws {
    var configuration = WASI.Configuration()
    configuration.addDirectory(scratch.path, as: "/data")
    configuration.addDirectory(scratch.path, as: ".")
    let guest = try Guest(configuration)
    let out = guest.allocate(8)
    #expect(try guest.call("fd_prestat_get", 2, out) == .badDescriptor)
    #expect(try guest.call("fd_prestat_get", 3, out) == .success)
    #expect(guest.get(UInt32.self, out) == 0 && guest.get(UInt32.self, out + 4) == 5)
    #expect(try guest.call("fd_prestat_get", 4, out) == .success)
    #expect(guest.get(UInt32.self, out + 4) == 1)
    #expect(try guest.call("fd_prestat_get", 5, out) == .badDescriptor)
    let name = guest.allocate(8)
    #expect(try guest.call("fd_prestat_dir_name", 3, name, 4) == .nameTooLong)
    #expect(try guest.call("fd_prestat_dir_name", 3, name, 6) == .success)
    #expect(guest.text(name, 5) == "/data")
    #expect(try guest.call("fd_close", 3) == .success)
    #expect(try guest.call("fd_prestat_get", 3, out) == .badDescriptor)
  }

  @Test func `a file on the way is no directory`() throws {
    let (_, fd) = try guest.open("file", .create)
    #expect(try guest.open("x", in: fd).0 == .notDirectory)
    #expect(try guest.open("file/x").0 == .notDirectory)
    #expect(try guest.open("x", in: 1).0 == .notDirectory)
    #expect(try guest.open("x", in: 99).0 == .badDescriptor)
  }
}

struct WeakHandle: @unchecked Sendable {
  weak var handle: Handle?
  init(_ handle: Handle?) { self.handle = handle }
}

@Suite("Listings")
struct ListingTests {
  let scratch = Scratch()
  let guest: Guest

  init() throws { guest = try AviaryWASITests.guest(in: scratch) }

  /// All entries, read through a buffer of `size` bytes as C libraries do.
  private func list(_ fd: UInt32, buffer size: Int, from start: UInt64 = 0) throws -> [(name: String, next: UInt64, type: UInt8)] {
    var entries: [(String, UInt64, UInt8)] = []
    var cookie = start
    let buffer = guest.allocate(size)
    let out = guest.allocate(4)
    while true {
      #expect(try guest.call("fd_readdir", fd, buffer, size, cookie, out) == .success)
      let used = Int(guest.get(UInt32.self, out))
      var offset = 0
      while offset + 24 <= used {
        let at = buffer + UInt32(offset)
        let length = Int(guest.get(UInt32.self, at + 16))
        guard offset + 24 + length <= used else { break }
        cookie = guest.get(UInt64.self, at)
        entries.append((guest.text(at + 24, length), cookie, guest.get(UInt8.self, at + 20)))
        offset += 24 + length
      }
      if used < size { return entries }
      if offset == 0 { return entries }
    }
  }

  @Test(arguments: [64, 100, 4096, 100_000]) func `every entry comes once`(_ size: Int) throws {
    scratch.directory("dir")
    for index in 0..<300 { scratch.file("dir/file-\(index)") }
    scratch.directory("dir/sub")
    scratch.link("x", "dir/link")
    let (_, fd) = try guest.open("dir", .directory, rights: .directory)
    let entries = try list(fd, buffer: size)
    #expect(entries.count == 304)
    #expect(Set(entries.map(\.name)).count == 304)
    let types = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.type) })
    #expect(types["."] == 3 && types[".."] == 3 && types["sub"] == 3)
    #expect(types["file-7"] == 4 && types["link"] == 7)
    // From any cookie on come those that came after it.
    let middle = entries[150]
    #expect(try list(fd, buffer: size, from: middle.next).map(\.name) == entries[151...].map(\.name))
  }

  @Test func `the start is read anew`() throws {
    #expect(try list(3, buffer: 4096).count == 2)
    scratch.file("new")
    #expect(try list(3, buffer: 4096).count == 3)
    #expect(try list(3, buffer: 4096).count == 3)
  }

  @Test func `odd arguments`() throws {
    let out = guest.allocate(4)
    let buffer = guest.allocate(64)
    #expect(try guest.call("fd_readdir", 3, buffer, 0, 0, out) == .success)
    #expect(guest.get(UInt32.self, out) == 0)
    #expect(try guest.call("fd_readdir", 3, buffer, 1, 0, out) == .success)
    #expect(guest.get(UInt32.self, out) == 1)
    #expect(try guest.call("fd_readdir", 3, buffer, 64, UInt64.max, out) == .invalid)
    _ = try guest.call("fd_readdir", 3, buffer, 64, 12345, out)
    #expect(try guest.call("fd_readdir", 3, buffer, UInt32.max, 0, out) == .fault)
    #expect(try guest.call("fd_readdir", 1, buffer, 64, 0, out) == .notDirectory)
    #expect(try guest.call("fd_readdir", 9, buffer, 64, 0, out) == .badDescriptor)
  }
}
