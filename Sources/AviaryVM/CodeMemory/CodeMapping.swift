import AviaryPool
import CAviaryHost

/// Pages that hold machine code. They are written through one mapping of a memory
/// file and run through another: no address is ever writable and executable.
struct CodeMapping: ~Copyable, Sendable {
  /// Read and execute.
  let code: Mapping
  private let writable: Mapping

  init(count: UInt64) throws(VMError) {
    guard let size = Page.roundUp(max(count, 1)), size <= 1 << 31 else {
      throw .limit("machine code of \(count) bytes exceeds the limit of \(1 << 31)")
    }
    let file = unsafe aviary_system_memfd("aviary-code", Int(size))
    guard file >= 0 else { throw Mapping.failure("creating code memory", file, size) }
    let descriptor = Int32(truncatingIfNeeded: file)
    // The mappings keep the file.
    defer { aviary_system_close(descriptor) }
    let writable = try Mapping(file: descriptor, count: size, [.read, .write])
    let code = try Mapping(file: descriptor, count: size, [.read, .execute])
    self.writable = writable
    self.code = code
  }

  /// - Precondition: the bytes fit at `offset`.
  func write(_ bytes: [UInt8], at offset: UInt64) {
    precondition(offset <= writable.count && UInt64(bytes.count) <= writable.count - offset)
    unsafe UnsafeMutableRawPointer(bitPattern: writable.address + UInt(offset))!.copyMemory(
      from: bytes, byteCount: bytes.count)
    aviary_cpu_serialize()
  }

  /// Gives up the way to write.
  consuming func sealed() -> Mapping { code }
}
