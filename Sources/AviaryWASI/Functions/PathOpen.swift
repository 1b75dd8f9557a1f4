import Glibc

/// path_open.
extension System {
  mutating func pathOpen(
    _ memory: GuestMemory, _ fd: UInt32, _ lookup: UInt32, _ path: UInt32, _ length: UInt32,
    _ open: UInt32, _ base: UInt64, _ inheriting: UInt64, _ flags: UInt32, _ result: UInt32
  ) throws(Errno) {
    let slot = try memory.slot(at: result, size: 4)
    var request = OpenRequest(
      follow: try LookupFlags.checked(lookup, within: .follow).contains(.follow),
      open: try OpenFlags.checked(open, within: .all),
      rights: Rights(rawValue: base).intersection(.all),
      inheriting: Rights(rawValue: inheriting).intersection(.all),
      flags: try DescriptorFlags.checked(flags, within: .all))
    let (parent, directory) = try directory(fd, request.neededRights)
    // A descriptor passes on no more than it was given to pass on.
    guard request.rights.union(request.inheriting).isSubset(of: parent.inheriting) else {
      throw .notCapable
    }
    let path = try memory.path(at: path, count: length)
    try descriptors.reserve()
    request.isReadOnly = parent.isReadOnly
    let descriptor = try request.open(path, in: directory)
    slot.store(try descriptors.insert(descriptor))
  }
}

/// What `path_open` is asked for, and how the kernel is asked for it.
struct OpenRequest {
  let follow: Bool
  let open: OpenFlags
  let rights: Rights
  let inheriting: Rights
  let flags: DescriptorFlags
  var isReadOnly = false

  /// Rights that the directory must have.
  var neededRights: Rights {
    var needed: Rights = .pathOpen
    if open.contains(.create) { needed.formUnion(.pathCreateFile) }
    if open.contains(.truncate) { needed.formUnion(.pathSetSize) }
    return needed
  }

  private var reads: Bool { !rights.isDisjoint(with: .needReading) }
  private var writes: Bool { !rights.isDisjoint(with: .needWriting) }

  /// Flags for the kernel.
  ///
  /// O_NONBLOCK always: opening a pipe that the host left in a directory must
  /// not hang. For files and directories it means nothing.
  private func kernelFlags(_ path: GuestPath) throws(Errno) -> Int32 {
    let isDirectory = open.contains(.directory) || path.endsInSlash
    if open.contains(.create) {
      if open.contains(.directory) { throw .invalid }
      if path.endsInSlash { throw .isDirectory }
    }
    var result = writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY
    result |= O_NONBLOCK
    if isDirectory { result |= O_DIRECTORY }
    if !follow { result |= O_NOFOLLOW }
    if open.contains(.create) { result |= O_CREAT }
    if open.contains(.exclusive) { result |= O_EXCL }
    if open.contains(.truncate) { result |= O_TRUNC }
    if flags.contains(.append) { result |= O_APPEND }
    if !flags.isDisjoint(with: [.sync, .readSync]) { result |= O_SYNC }
    if flags.contains(.dataSync) { result |= O_DSYNC }
    return result
  }

  /// Opens the file or directory.
  func open(_ path: GuestPath, in directory: Directory) throws(Errno) -> Descriptor {
    var kernel = try kernelFlags(path)
    if isReadOnly {
      if writes || open.contains(.truncate) { throw .readOnlyFileSystem }
      // As on a mount for reading only: what exists can be opened.
      kernel &= ~(O_CREAT | O_EXCL)
    }
    let handle: Handle
    do throws(Errno) {
      handle = try Kernel.open(below: directory.handle, path.whole, flags: kernel)
    } catch .noEntry where isReadOnly && open.contains(.create) {
      throw .readOnlyFileSystem
    }
    if isReadOnly, open.isSuperset(of: [.create, .exclusive]) { throw .exists }
    var descriptor = try Descriptor(handle, rights: rights, inheriting: inheriting)
    descriptor.flags = flags
    descriptor.isReadOnly = isReadOnly
    if case .stream(let handle, _) = descriptor.body {
      // From here on it waits, or `awaitReady` sees to it that it doesn't.
      try Kernel.setBlocking(handle)
    }
    return descriptor
  }
}
