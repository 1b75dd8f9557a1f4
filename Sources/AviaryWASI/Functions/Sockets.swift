import CAviaryWASI
import Glibc
import Synchronization

/// sock_accept, sock_recv, sock_send, sock_shutdown.
///
/// A guest has no way to make a socket: it works on those that it was given,
/// and on connections that these accept.
extension System {
  mutating func sockAccept(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ fd: UInt32, _ bits: UInt32, _ result: UInt32
  ) throws(Errno) {
    let flags = try DescriptorFlags.checked(bits, within: .nonblocking)
    let (listener, handle) = try socket(fd, .accept)
    let slot = try memory.slot(at: result, size: 4)
    try descriptors.reserve()
    let accepted: Handle
    if call.blocksThread {
      try awaitReady(handle, Int16(POLLIN), listener.flags)
      accepted = Handle(owning: try Kernel.check(aviary_wasi_accept(handle.number)))
    } else {
      accepted = try call.once(handle, .read, listener.flags) { () throws(Errno) in try handle.acceptNow() }
    }
    var descriptor = try Descriptor(accepted, rights: listener.inheriting, inheriting: [])
    descriptor.flags = flags
    slot.store(try descriptors.insert(descriptor))
  }

  func sockRecv(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32,
    _ bits: UInt32, _ size: UInt32, _ outFlags: UInt32
  ) throws(Errno) {
    let flags = try ReceiveFlags.checked(bits, within: .all)
    let (descriptor, handle) = try socket(fd, .read)
    let sizeSlot = try memory.slot(at: size, size: 4)
    let flagsSlot = try memory.slot(at: outFlags, size: 2)
    let received = try memory.withVectors(at: vectors, count: count, skipping: call.transferred) {
      (parts) throws(Errno) in try receive(handle, parts, flags, descriptor.flags, &call)
    }
    sizeSlot.store(received.count)
    flagsSlot.store(UInt16(received.isTruncated ? 1 : 0))
  }

  func sockSend(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ fd: UInt32, _ vectors: UInt32, _ count: UInt32,
    _ flags: UInt32, _ size: UInt32
  ) throws(Errno) {
    guard flags == 0 else { throw .invalid }
    let (descriptor, handle) = try socket(fd, .write)
    let slot = try memory.slot(at: size, size: 4)
    let sent = try memory.withVectors(at: vectors, count: count, skipping: call.transferred) {
      (parts) throws(Errno) in try send(handle, parts, descriptor.flags, &call)
    }
    slot.store(sent)
  }

  func send(
    _ handle: Handle, _ parts: Vectors, _ flags: DescriptorFlags, _ call: inout WaitingCall
  ) throws(Errno) -> UInt32 {
    if !call.blocksThread {
      return try call.wholly(parts.byteCount, handle, .write, flags) { () throws(Errno) in
        try handle.send(parts, isNonblocking: true)
      }
    }
    try awaitReady(handle, Int16(POLLOUT), flags)
    return try handle.send(parts, isNonblocking: flags.contains(.nonblocking))
  }

  func receive(
    _ handle: Handle, _ parts: Vectors, _ how: ReceiveFlags, _ flags: DescriptorFlags,
    _ call: inout WaitingCall
  ) throws(Errno) -> (count: UInt32, isTruncated: Bool) {
    if call.blocksThread {
      try awaitReady(handle, Int16(POLLIN), flags)
      return try handle.receive(parts, how, isNonblocking: flags.contains(.nonblocking))
    }
    var isTruncated = false
    func now() throws(Errno) -> UInt32 {
      let received = try handle.receive(parts, how.subtracting(.waitAll), isNonblocking: true)
      isTruncated = received.isTruncated
      return received.count
    }
    // The end of a stream ends the waiting for all; of datagrams there is one.
    guard how.contains(.waitAll), !handle.isDatagramSocket else {
      return (try call.once(handle, .read, flags, now), isTruncated)
    }
    guard how.contains(.peek) else {
      return (try call.wholly(parts.byteCount, handle, .read, flags, endsAtZero: true, now), isTruncated)
    }
    // The kernel tells that there is something, not that there is more.
    let count = try call.once(handle, .read, flags, now)
    if count > 0, Int(count) < parts.byteCount, !flags.contains(.nonblocking), !handle.isAtEnd {
      try call.wait(for: 10_000_000)
    }
    return (count, isTruncated)
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

/// Held between asking a socket that listens whether someone waits there and
/// accepting him: guests of one process cannot take him from each other. The kernel
/// has no call that asks once.
private let acceptance = Mutex(())

extension Handle {
  /// The next connection; `again` where there is none yet. It waits only if another
  /// process accepts from the same socket at this moment.
  func acceptNow() throws(Errno) -> Handle {
    try acceptance.withLock { (_) throws(Errno) in
      guard try isReady(Int16(POLLIN)) else { throw .again }
      return Handle(owning: try Kernel.check(aviary_wasi_accept(number)))
    }
  }

  /// Whether the other side of a connection has said that no more will come.
  var isAtEnd: Bool { aviary_wasi_is_at_end(number) != 0 }

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
