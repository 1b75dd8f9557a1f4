import Glibc
import Synchronization
import Testing

@testable import AviaryWASI

/// A guest without code: a buffer for its memory, and the functions by name
/// as a module would import them.
@safe final class Guest {
  let wasi: WASI
  let size: Int
  private let storage: UnsafeMutableRawBufferPointer
  private let functions = WASIFunctions.all
  /// Where the next piece of memory is given out.
  private var top: UInt32 = 1024

  convenience init(_ configuration: WASI.Configuration = .init(), size: Int = 1 << 20) throws {
    self.init(try WASI(configuration), size: size)
  }

  /// Another guest of the same system.
  init(_ wasi: WASI, size: Int = 1 << 20) {
    self.wasi = wasi
    self.size = size
    unsafe storage = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    unsafe storage.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { unsafe storage.deallocate() }

  var names: [String] { functions.names }

  func signature(of name: String) -> String { functions.signature(of: name) }
  func parameters(of name: String) -> Int { signature(of: name).count }

  /// Calls a function, and gives its error number.
  func call(_ name: String, _ arguments: [UInt64]) throws -> Errno {
    errno(try unsafe functions.call(name, of: wasi, over: storage, arguments))
  }

  private func errno(_ code: UInt32) -> Errno {
    Errno.table.first { $0.wasi.code == code }?.wasi ?? (code == 0 ? .success : .notCapable)
  }

  /// Calls a function as a guest that can be suspended.
  nonisolated(nonsending) func suspendingCall(_ name: String, _ arguments: [UInt64]) async throws -> Errno {
    errno(try await unsafe functions.suspendingCall(name, of: wasi, over: storage, arguments))
  }

  @discardableResult
  nonisolated(nonsending) func suspendingCall(_ name: String, _ arguments: any BinaryInteger...) async throws -> Errno {
    try await suspendingCall(name, arguments.map { UInt64(truncatingIfNeeded: $0) })
  }

  @discardableResult
  func call(_ name: String, _ arguments: any BinaryInteger...) throws -> Errno {
    try call(name, arguments.map { UInt64(truncatingIfNeeded: $0) })
  }

  // MARK: Memory

  func reset() { top = 1024 }

  func allocate(_ count: Int) -> UInt32 {
    defer { top += UInt32((count + 15) & ~15) }
    return top
  }

  func put(_ bytes: some Collection<UInt8>) -> UInt32 {
    let address = allocate(bytes.count)
    unsafe UnsafeMutableRawBufferPointer(rebasing: storage[Int(address)...]).copyBytes(from: bytes)
    return address
  }

  func put(_ text: String) -> UInt32 { put(Array(text.utf8)) }

  func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at address: UInt32) {
    unsafe storage.storeBytes(of: value.littleEndian, toByteOffset: Int(address), as: T.self)
  }

  func get<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, _ address: UInt32) -> T {
    unsafe T(littleEndian: storage.loadUnaligned(fromByteOffset: Int(address), as: T.self))
  }

  func bytes(_ address: UInt32, _ count: Int) -> [UInt8] {
    unsafe Array(storage[Int(address)..<Int(address) + count])
  }

  func text(_ address: UInt32, _ count: Int) -> String {
    String(decoding: bytes(address, count), as: UTF8.self)
  }

  func fill(_ byte: UInt8) { unsafe storage.initializeMemory(as: UInt8.self, repeating: byte) }

  /// An array of iovecs.
  func vectors(_ parts: [(UInt32, UInt32)]) -> UInt32 {
    let address = allocate(parts.count * 8)
    for (index, part) in parts.enumerated() {
      put(part.0, at: address + UInt32(index * 8))
      put(part.1, at: address + UInt32(index * 8) + 4)
    }
    return address
  }

  // MARK: Calls that tests make often

  func path(_ name: String, _ fd: UInt32, _ path: String) throws -> Errno {
    try call(name, fd, put(path), path.utf8.count)
  }

  func open(
    _ path: String, in fd: UInt32 = 3, follow: Bool = false, _ flags: OpenFlags = [],
    rights: Rights = [.read, .stat, .seek, .tell], inheriting: Rights = [],
    flags descriptor: DescriptorFlags = []
  ) throws -> (Errno, UInt32) {
    let out = allocate(4)
    let error = try call(
      "path_open", fd, follow ? 1 : 0, put(path), path.utf8.count, flags.rawValue, rights.rawValue,
      inheriting.rawValue, descriptor.rawValue, out)
    return (error, get(UInt32.self, out))
  }

  func create(_ path: String, _ contents: String = "", in fd: UInt32 = 3) throws {
    let (error, file) = try open(
      path, in: fd, [.create, .truncate], rights: [.read, .write, .stat])
    #expect(error == .success)
    #expect(try write(contents, to: file) == .success)
    #expect(try call("fd_close", file) == .success)
  }

  func write(_ text: String, to fd: UInt32) throws -> Errno {
    try call("fd_write", fd, vectors([(put(text), UInt32(text.utf8.count))]), 1, allocate(4))
  }

  func read(_ fd: UInt32, _ count: Int) throws -> (Errno, String) {
    let buffer = allocate(count)
    let out = allocate(4)
    let error = try call("fd_read", fd, vectors([(buffer, UInt32(count))]), 1, out)
    return (error, error == .success ? text(buffer, Int(get(UInt32.self, out))) : "")
  }

  func stat(_ path: String, in fd: UInt32 = 3, follow: Bool = false) throws -> (Errno, FileType, UInt64) {
    let out = allocate(64)
    let error = try call(
      "path_filestat_get", fd, follow ? 1 : 0, put(path), path.utf8.count, out)
    return (error, FileType(rawValue: get(UInt8.self, out + 16)) ?? .unknown, get(UInt64.self, out + 32))
  }

  func symlink(_ contents: String, at path: String, in fd: UInt32 = 3) throws -> Errno {
    try call(
      "path_symlink", put(contents), contents.utf8.count, fd, put(path), path.utf8.count)
  }

  func link(_ path: String, _ new: String, in fd: UInt32 = 3, to newFd: UInt32 = 3, flags: Int = 0) throws
    -> Errno
  {
    try call(
      "path_link", fd, flags, put(path), path.utf8.count, newFd, put(new), new.utf8.count)
  }

  func rename(_ path: String, _ new: String, in fd: UInt32 = 3, to newFd: UInt32 = 3) throws -> Errno {
    try call("path_rename", fd, put(path), path.utf8.count, newFd, put(new), new.utf8.count)
  }
}

/// A directory of the host's that goes away with the test.
final class Scratch: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/aviary-wasi-XXXXXX".utf8CString)
    path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit { _ = remove(Array(path.utf8CString)) }

  func file(_ name: String, _ contents: String = "") {
    let fd = unsafe Glibc.open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    unsafe Array(contents.utf8).withUnsafeBytes { bytes in _ = unsafe Glibc.write(fd, bytes.baseAddress, bytes.count) }
    close(fd)
  }

  func directory(_ name: String) { unsafe mkdir(path + "/" + name, 0o755) }

  func link(_ contents: String, _ name: String) { _ = unsafe Glibc.symlink(contents, path + "/" + name) }

  func pipe(_ name: String) { _ = unsafe mkfifo(path + "/" + name, 0o600) }

  func move(_ name: String, to new: String) { _ = unsafe rename(path + "/" + name, path + "/" + new) }

  func contents(_ name: String) -> String? {
    let fd = unsafe Glibc.open(path + "/" + name, O_RDONLY)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(fd, $0.baseAddress, $0.count) }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  func exists(_ name: String) -> Bool {
    var s = Glibc.stat()
    return unsafe lstat(path + "/" + name, &s) == 0
  }

  /// Names are bytes: guests make some that are no text.
  private func remove(_ path: [CChar]) -> Int32 {
    if let directory = unsafe opendir(path) {
      while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          unsafe bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
        }
        guard name != [46], name != [46, 46] else { continue }
        let child = path.dropLast() + [47] + name + [0]
        var s = Glibc.stat()
        if unsafe lstat(child, &s) == 0, s.st_mode & S_IFMT == S_IFDIR { _ = remove(child) } else { unsafe unlink(child) }
      }
      unsafe closedir(directory)
    }
    return unsafe rmdir(path)
  }
}

/// A guest with the scratch directory as "/" in descriptor 3.
func guest(in scratch: Scratch, readOnly: Bool = false, _ change: (inout WASI.Configuration) -> Void = { _ in }) throws -> Guest {
  var configuration = WASI.Configuration()
  configuration.addDirectory(scratch.path, as: "/", readOnly: readOnly)
  change(&configuration)
  return try Guest(configuration)
}

/// Tells another task to stop.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
