import CAviaryWASI
import Glibc

/// sock_accept, sock_recv, sock_send, sock_shutdown.
///
/// A guest has no way to make a socket: it works on those that it was given,
/// and on connections that these accept.
extension System {
  mutating func sockAccept(
    _ memory: GuestMemory, _ fd: UInt32, _ bits: UInt32, _ result: UInt32
  ) throws(Errno) {
    let flags = try DescriptorFlags.checked(bits, within: .nonblocking)
    let (listener, handle) = try socket(fd, .accept)
    let slot = try memory.slot(at: result, size: 4)
    try descriptors.reserve()
    try awaitReady(handle, Int16(POLLIN), listener.flags)
    let accepted = Handle(owning: try Kernel.check(aviary_wasi_accept(handle.number)))
    var descriptor = try Descriptor(accepted, rights: listener.inheriting, inheriting: [])
    descriptor.flags = flags
    slot.store(try descriptors.insert(descriptor))
  }

  func sockRecv(
    _ memory: GuestMemory, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32, _ bits: UInt32,
    _ size: UInt32, _ outFlags: UInt32
  ) throws(Errno) {
    let flags = try ReceiveFlags.checked(bits, within: .all)
    let (descriptor, handle) = try socket(fd, .read)
    let sizeSlot = try memory.slot(at: size, size: 4)
    let flagsSlot = try memory.slot(at: outFlags, size: 2)
    let received = try memory.withVectors(at: vectors, count: count) {
      (parts) throws(Errno) in
      try awaitReady(handle, Int16(POLLIN), descriptor.flags)
      return try handle.receive(
        parts, flags, isNonblocking: descriptor.flags.contains(.nonblocking))
    }
    sizeSlot.store(received.count)
    flagsSlot.store(UInt16(received.isTruncated ? 1 : 0))
  }

  func sockSend(
    _ memory: GuestMemory, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32, _ flags: UInt32,
    _ size: UInt32
  ) throws(Errno) {
    guard flags == 0 else { throw .invalid }
    let (descriptor, handle) = try socket(fd, .write)
    let slot = try memory.slot(at: size, size: 4)
    let sent = try memory.withVectors(at: vectors, count: count) {
      (parts) throws(Errno) in
      try awaitReady(handle, Int16(POLLOUT), descriptor.flags)
      return try handle.send(
        parts, isNonblocking: descriptor.flags.contains(.nonblocking))
    }
    slot.store(sent)
  }

  func sockShutdown(_ fd: UInt32, _ how: UInt32) throws(Errno) {
    let (_, handle) = try socket(fd, .shutdown)
    // Reading, writing, both.
    let ways: [UInt32: Int32] = [1: 0, 2: 1, 3: 2]
    guard let way = ways[how] else { throw .invalid }
    try Kernel.check(aviary_wasi_shutdown(handle.number, way))
  }

  /// An open socket. What is no socket says so, whatever its rights.
  private func socket(_ fd: UInt32, _ right: Rights) throws(Errno) -> (Descriptor, Handle) {
    let descriptor = try descriptor(fd)
    guard case .socket(let handle) = descriptor.body else { throw .notSocket }
    guard descriptor.rights.contains(right) else { throw .notCapable }
    return (descriptor, handle)
  }
}

/// `riflags`.
struct ReceiveFlags: OptionSet, Sendable {
  let rawValue: UInt16

  static let peek = ReceiveFlags(rawValue: 1 << 0)
  static let waitAll = ReceiveFlags(rawValue: 1 << 1)
  static let all: ReceiveFlags = [.peek, .waitAll]
}

extension Handle {
  /// Ready is not for certain: the kernel drops a datagram with a bad checksum
  /// when it is read. So who does not want to wait says so here again.
  func receive(
    _ parts: Vectors, _ flags: ReceiveFlags, isNonblocking: Bool
  ) throws(Errno) -> (count: UInt32, isTruncated: Bool) {
    var bits: Int32 = isNonblocking ? AVIARY_WASI_DONT_WAIT : 0
    if flags.contains(.peek) { bits |= AVIARY_WASI_PEEK }
    if flags.contains(.waitAll) { bits |= AVIARY_WASI_WAIT_ALL }
    var truncated: Int32 = 0
    // A message is never larger than what is touched at once.
    let count = try unsafe parts.transfer(kernel: .writes, isWhole: false) { base, count, _ in
      unsafe aviary_wasi_receive(number, base, count, bits, &truncated)
    }
    return (count, truncated != 0)
  }

  func send(
    _ parts: Vectors, isNonblocking: Bool
  ) throws(Errno) -> UInt32 {
    try unsafe parts.transfer(kernel: .reads, isWhole: false) { base, count, _ in
      unsafe aviary_wasi_send(number, base, count, isNonblocking ? AVIARY_WASI_DONT_WAIT : 0)
    }
  }
}
