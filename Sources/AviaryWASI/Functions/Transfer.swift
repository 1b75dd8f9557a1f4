import Glibc

/// fd_read, fd_write, fd_pread, fd_pwrite: bytes go between the host's file
/// and the guest's memory without a copy in between.
extension System {
  func fdRead(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32,
    _ result: UInt32
  ) throws(Errno) {
    let descriptor = try readable(fd)
    let slot = try memory.slot(at: result, size: 4)
    let total = try memory.withVectors(at: vectors, count: count) {
      (parts) throws(Errno) in try read(descriptor, parts, &call)
    }
    slot.store(total)
  }

  func fdPread(
    _ memory: GuestMemory, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32, _ offset: UInt64,
    _ result: UInt32
  ) throws(Errno) {
    let descriptor = try readable(fd)
    let file = try seekableFile(descriptor)
    let slot = try memory.slot(at: result, size: 4)
    guard let offset = Int64(exactly: offset) else { throw .invalid }
    let total = try memory.withVectors(at: vectors, count: count) {
      (parts) throws(Errno) in try file.read(parts, at: offset)
    }
    slot.store(total)
  }

  func fdWrite(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32,
    _ result: UInt32
  ) throws(Errno) {
    let descriptor = try writable(fd)
    let slot = try memory.slot(at: result, size: 4)
    let total = try memory.withVectors(at: vectors, count: count, skipping: call.transferred) {
      (parts) throws(Errno) in try write(descriptor, parts, &call)
    }
    slot.store(total)
  }

  func fdPwrite(
    _ memory: GuestMemory, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32, _ offset: UInt64,
    _ result: UInt32
  ) throws(Errno) {
    let descriptor = try writable(fd)
    let file = try seekableFile(descriptor)
    let slot = try memory.slot(at: result, size: 4)
    guard let offset = Int64(exactly: offset) else { throw .invalid }
    let total = try memory.withVectors(at: vectors, count: count) {
      (parts) throws(Errno) in try file.write(parts, at: offset)
    }
    slot.store(total)
  }

  /// The errors are POSIX's: programs look for EBADF where a descriptor was
  /// opened for something else, and for EISDIR.
  private func readable(_ fd: UInt32) throws(Errno) -> Descriptor {
    let descriptor = try descriptor(fd)
    guard !descriptor.isDirectory else { throw .isDirectory }
    guard descriptor.rights.contains(.read) else { throw .badDescriptor }
    return descriptor
  }

  private func writable(_ fd: UInt32) throws(Errno) -> Descriptor {
    let descriptor = try descriptor(fd)
    guard descriptor.rights.contains(.write) else { throw .badDescriptor }
    return descriptor
  }

  private func seekableFile(_ descriptor: Descriptor) throws(Errno) -> Handle {
    guard case .file(let file) = descriptor.body else { throw .illegalSeek }
    guard descriptor.rights.contains(.seek) else { throw .notCapable }
    return file
  }

  private func read(
    _ descriptor: Descriptor, _ parts: Vectors, _ call: inout WaitingCall
  ) throws(Errno) -> UInt32 {
    switch descriptor.body {
    case .file(let handle): return try handle.read(parts)
    case .stream(let handle, _):
      if !call.blocksThread {
        return try call.once(handle, .read, descriptor.flags) { () throws(Errno) in try handle.readNow(parts) }
      }
      try awaitReady(handle, Int16(POLLIN), descriptor.flags)
      return try handle.readStream(parts)
    case .socket(let handle):
      return try receive(handle, parts, [], descriptor.flags, &call).count
    case .input(let buffer): return buffer.read(into: parts)
    case .nothing: return 0
    case .directory: throw .isDirectory
    case .output, .handler: throw .badDescriptor
    }
  }

  /// The most that one call hands to a handler, or discards.
  private static let largestPiece = 1 << 20

  private func write(
    _ descriptor: Descriptor, _ parts: Vectors, _ call: inout WaitingCall
  ) throws(Errno) -> UInt32 {
    switch descriptor.body {
    case .file(let handle): return try handle.write(parts)
    case .stream(let handle, let isPipe):
      if !call.blocksThread {
        return try call.wholly(parts.byteCount, handle, .write, descriptor.flags) { () throws(Errno) in
          try handle.writeNow(parts)
        }
      }
      try awaitReady(handle, Int16(POLLOUT), descriptor.flags)
      if descriptor.flags.contains(.nonblocking) {
        return try writeAtOnce(handle, parts, isPipe: isPipe)
      }
      return try isPipe ? handle.writeToPipe(parts) : handle.writeStream(parts)
    case .socket(let handle): return try send(handle, parts, descriptor.flags, &call)
    case .output(let buffer): return try buffer.write(parts)
    case .handler(let handler):
      var bytes: [UInt8] = []
      for index in 0..<parts.count {
        let part = unsafe parts[index]
        let count = min(part.count, Self.largestPiece - bytes.count)
        parts.append(index, first: count, to: &bytes)
      }
      handler(bytes)
      return UInt32(bytes.count)
    case .nothing:
      var total = 0
      for index in 0..<parts.count {
        total = min(total + (unsafe parts[index]).count, Int(Int32.max))
      }
      return UInt32(total)
    case .directory, .input: throw .badDescriptor
    }
  }

  /// Writes what a stream that is ready surely takes: a pipe that has room
  /// takes PIPE_BUF bytes without blocking, and not more for certain. The host
  /// shares its streams with others, so they are not switched to O_NONBLOCK.
  private func writeAtOnce(
    _ handle: Handle, _ parts: Vectors, isPipe: Bool
  ) throws(Errno) -> UInt32 {
    try parts.withFirst(Int(PIPE_BUF)) { (parts) throws(Errno) in
      try isPipe ? handle.writeToPipe(parts) : handle.writeStream(parts)
    } ?? 0
  }
}
