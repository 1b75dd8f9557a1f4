import CAviaryWASI
import Glibc

/// What is asked of, and done to, an open descriptor: fd_advise, fd_allocate,
/// fd_close, fd_datasync, fd_fdstat_*, fd_filestat_*, fd_renumber, fd_seek,
/// fd_sync, fd_tell.
extension System {
  func fdAdvise(
    _ fd: UInt32, _ offset: UInt64, _ length: UInt64, _ advice: UInt32
  ) throws(Errno) {
    let descriptor = try descriptor(fd, .advise)
    guard let offset = Int64(exactly: offset), let length = Int64(exactly: length) else {
      throw .invalid
    }
    // Normal, sequential, random, will need, don't need, no reuse.
    let advices = [
      POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM, POSIX_FADV_WILLNEED,
      POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE,
    ]
    guard advice < UInt32(advices.count) else { throw .invalid }
    guard case .file(let file) = descriptor.body else { throw .badDescriptor }
    try Kernel.check(aviary_wasi_advise(file.number, offset, length, advices[Int(advice)]))
  }

  func fdAllocate(_ fd: UInt32, _ offset: UInt64, _ length: UInt64) throws(Errno) {
    let descriptor = try descriptor(fd)
    guard case .file(let file) = descriptor.body else { throw .badDescriptor }
    guard descriptor.rights.contains(.allocate) else { throw .notCapable }
    guard !descriptor.isReadOnly else { throw .readOnlyFileSystem }
    guard let offset = Int64(exactly: offset), let length = Int64(exactly: length),
      !offset.addingReportingOverflow(length).overflow
    else { throw .fileTooBig }
    try Kernel.check(aviary_wasi_allocate(file.number, offset, length))
  }

  mutating func fdClose(_ fd: UInt32) throws(Errno) {
    try descriptors.remove(fd)
  }

  mutating func fdRenumber(_ from: UInt32, _ to: UInt32) throws(Errno) {
    try descriptors.renumber(from, to: to)
  }

  func fdDatasync(_ fd: UInt32) throws(Errno) {
    guard let handle = try descriptor(fd, .dataSync).handle else { return }
    try Kernel.check(aviary_wasi_sync(handle.number, 1))
  }

  func fdSync(_ fd: UInt32) throws(Errno) {
    guard let handle = try descriptor(fd, .sync).handle else { return }
    try Kernel.check(aviary_wasi_sync(handle.number, 0))
  }

  // MARK: The descriptor's own state

  func fdFdstatGet(_ memory: GuestMemory, _ fd: UInt32, _ result: UInt32) throws(Errno) {
    let descriptor = try descriptor(fd)
    let slot = try memory.slot(at: result, size: DescriptorStat.size)
    DescriptorStat(
      type: descriptor.type, flags: descriptor.flags, rights: descriptor.rights,
      inheriting: descriptor.inheriting
    ).store(in: slot)
  }

  mutating func fdFdstatSetFlags(_ fd: UInt32, _ bits: UInt32) throws(Errno) {
    let flags = try DescriptorFlags.checked(bits, within: .all)
    let descriptor = try descriptor(fd, .setFlags)
    let changed = flags.symmetricDifference(descriptor.flags)
    // Linux ignores a change of these.
    guard changed.isDisjoint(with: .anySync) else { throw .notSupported }
    if changed.contains(.append), let handle = descriptor.handle {
      // A borrowed description is shared with the rest of the host.
      guard handle.isOwned, case .file = descriptor.body else { throw .notSupported }
      let old = try Kernel.check(aviary_wasi_get_flags(handle.number))
      let new = flags.contains(.append) ? old | O_APPEND : old & ~O_APPEND
      try Kernel.check(aviary_wasi_set_flags(handle.number, new))
    }
    // Not blocking is ours to do: see `awaitReady`.
    try descriptors.update(fd) { (descriptor) throws(Errno) in descriptor.flags = flags }
  }

  /// Rights can be given up, never gained.
  mutating func fdFdstatSetRights(
    _ fd: UInt32, _ base: UInt64, _ inheriting: UInt64
  ) throws(Errno) {
    let base = Rights(rawValue: base)
    let inheriting = Rights(rawValue: inheriting)
    try descriptors.update(fd) { (descriptor) throws(Errno) in
      guard base.isSubset(of: descriptor.rights), inheriting.isSubset(of: descriptor.inheriting)
      else { throw .notCapable }
      descriptor.rights = base
      descriptor.inheriting = inheriting
    }
  }

  // MARK: The file's state

  func fdFilestatGet(_ memory: GuestMemory, _ fd: UInt32, _ result: UInt32) throws(Errno) {
    let descriptor = try descriptor(fd, .stat)
    let slot = try memory.slot(at: result, size: FileStat.size)
    var stat = FileStat()
    if let handle = descriptor.handle { stat = try Kernel.stat(handle) }
    stat.type = descriptor.type
    stat.store(in: slot)
  }

  func fdFilestatSetSize(_ fd: UInt32, _ size: UInt64) throws(Errno) {
    let descriptor = try descriptor(fd)
    guard case .file(let file) = descriptor.body else { throw .invalid }
    guard descriptor.rights.contains(.setSize) else { throw .notCapable }
    guard !descriptor.isReadOnly else { throw .readOnlyFileSystem }
    guard let size = Int64(exactly: size) else { throw .fileTooBig }
    try Kernel.check(aviary_wasi_truncate(file.number, size))
  }

  func fdFilestatSetTimes(
    _ fd: UInt32, _ access: UInt64, _ modify: UInt64, _ bits: UInt32
  ) throws(Errno) {
    let flags = try TimeFlags.checked(bits, within: .all)
    let times = try NewTimes(access: access, modify: modify, flags: flags)
    let descriptor = try descriptor(fd, .setTimes)
    guard !descriptor.isReadOnly else { throw .readOnlyFileSystem }
    guard let handle = descriptor.handle else { throw .notSupported }
    try Kernel.setTimes(handle, times)
  }

  // MARK: The position

  func fdSeek(
    _ memory: GuestMemory, _ fd: UInt32, _ offset: UInt64, _ whence: UInt32, _ result: UInt32
  ) throws(Errno) {
    let offset = Int64(bitPattern: offset)
    let origins = [SEEK_SET, SEEK_CUR, SEEK_END]
    guard whence < UInt32(origins.count) else { throw .invalid }
    // To ask where one is, is no seeking.
    let isQuestion = whence == 1 && offset == 0
    let handle = try positioned(fd, isQuestion ? .tell : .seek)
    let slot = try memory.slot(at: result, size: 8)
    slot.store(try handle.seek(offset, origins[Int(whence)]))
  }

  func fdTell(_ memory: GuestMemory, _ fd: UInt32, _ result: UInt32) throws(Errno) {
    let handle = try positioned(fd, .tell)
    let slot = try memory.slot(at: result, size: 8)
    slot.store(try handle.seek(0, SEEK_CUR))
  }

  /// The handle of a descriptor that has a position. The right to seek
  /// includes that to tell.
  private func positioned(_ fd: UInt32, _ right: Rights) throws(Errno) -> Handle {
    let descriptor = try descriptor(fd)
    let isAllowed = !descriptor.rights.isDisjoint(with: right.union(.seek))
    switch descriptor.body {
    case .file(let handle):
      guard isAllowed else { throw .notCapable }
      return handle
    case .stream(let handle, _):
      guard isAllowed else { throw .illegalSeek }
      return handle
    case .directory: throw .badDescriptor
    case .socket, .input, .output, .handler, .nothing: throw .illegalSeek
    }
  }
}
