import Glibc

/// The path_ functions but for path_open.
///
/// Each opens the directory that holds the last component, below the guest's
/// descriptor and by the kernel's rules, and then acts on that one name with a
/// call that follows no link. Where a link is to be followed, the kernel
/// resolves the whole path, and the call acts on what it opened.
extension System {
  func pathCreateDirectory(
    _ memory: GuestMemory, _ fd: UInt32, _ path: UInt32, _ length: UInt32
  ) throws(Errno) {
    let directory = try changingDirectory(fd, .pathCreateDirectory)
    let path = try memory.path(at: path, count: length)
    let parent = try Parent(of: path, in: directory)
    guard !path.endsInDots else { throw .exists }
    try Kernel.makeDirectory(parent.handle, path.lastWithSlash)
  }

  func pathRemoveDirectory(
    _ memory: GuestMemory, _ fd: UInt32, _ path: UInt32, _ length: UInt32
  ) throws(Errno) {
    let directory = try changingDirectory(fd, .pathRemoveDirectory)
    let path = try memory.path(at: path, count: length)
    let parent = try Parent(of: path, in: directory)
    guard !path.isDot else { throw .invalid }
    guard !path.isDotDot else { throw .notEmpty }
    try Kernel.remove(parent.handle, path.lastWithSlash, isDirectory: true)
  }

  func pathUnlinkFile(
    _ memory: GuestMemory, _ fd: UInt32, _ path: UInt32, _ length: UInt32
  ) throws(Errno) {
    let directory = try changingDirectory(fd, .pathUnlinkFile)
    let path = try memory.path(at: path, count: length)
    let parent = try Parent(of: path, in: directory)
    guard !path.endsInDots else { throw .isDirectory }
    try Kernel.remove(parent.handle, path.lastWithSlash, isDirectory: false)
  }

  func pathRename(
    _ memory: GuestMemory, _ fd: UInt32, _ path: UInt32, _ length: UInt32, _ newFd: UInt32,
    _ newPath: UInt32, _ newLength: UInt32
  ) throws(Errno) {
    let directory = try changingDirectory(fd, .pathRenameSource)
    let newDirectory = try changingDirectory(newFd, .pathRenameTarget)
    let path = try memory.path(at: path, count: length)
    let newPath = try memory.path(at: newPath, count: newLength)
    let parent = try Parent(of: path, in: directory)
    let newParent = try Parent(of: newPath, in: newDirectory)
    guard !path.endsInDots, !newPath.endsInDots else { throw .busy }
    try Kernel.rename(
      parent.handle, path.lastWithSlash, to: newParent.handle, newPath.lastWithSlash)
  }

  /// Links are made to files, and to symbolic links themselves; a second name
  /// for what a link points at is not on offer, as elsewhere.
  func pathLink(
    _ memory: GuestMemory, _ fd: UInt32, _ lookup: UInt32, _ path: UInt32, _ length: UInt32,
    _ newFd: UInt32, _ newPath: UInt32, _ newLength: UInt32
  ) throws(Errno) {
    guard try !LookupFlags.checked(lookup, within: .follow).contains(.follow) else {
      throw .invalid
    }
    // A name elsewhere would make a file writable that is not.
    let directory = try changingDirectory(fd, .pathLinkSource)
    let newDirectory = try changingDirectory(newFd, .pathLinkTarget)
    let path = try memory.path(at: path, count: length)
    let newPath = try memory.path(at: newPath, count: newLength)
    let parent = try Parent(of: path, in: directory)
    let newParent = try Parent(of: newPath, in: newDirectory)
    guard !path.endsInDots else { throw .notPermitted }
    guard !newPath.endsInDots else { throw .exists }
    if path.endsInSlash {
      // With the slash the kernel would follow a link.
      let type = try Kernel.stat(parent.handle, path.last).type
      throw type == .directory ? .notPermitted : .notDirectory
    }
    try Kernel.link(parent.handle, path.last, to: newParent.handle, newPath.lastWithSlash)
  }

  /// The contents may name anything but an absolute path: following a link
  /// stays below the preopen whatever it says, but programs of the host's may
  /// come across it.
  func pathSymlink(
    _ memory: GuestMemory, _ contents: UInt32, _ contentsLength: UInt32, _ fd: UInt32,
    _ path: UInt32, _ length: UInt32
  ) throws(Errno) {
    let directory = try changingDirectory(fd, .pathSymlink)
    guard contentsLength < UInt32(PATH_MAX) else { throw .nameTooLong }
    let contents = try memory.copy(at: contents, count: contentsLength)
    let path = try memory.path(at: path, count: length)
    guard let first = contents.first else { throw .noEntry }
    guard !contents.contains(0) else { throw .invalid }
    guard first != UInt8(ascii: "/") else { throw .notPermitted }
    let parent = try Parent(of: path, in: directory)
    guard !path.endsInDots else { throw .exists }
    do throws(Errno) {
      try Kernel.symlink(contents + [0], in: parent.handle, path.lastWithSlash)
    } catch .exists where path.endsInSlash {
      // POSIX minds first that a file has a slash behind it.
      let type = try Kernel.stat(parent.handle, path.last).type
      throw type == .directory ? .exists : .notDirectory
    }
  }

  /// An absolute link of the host's is not told: it would describe the host.
  func pathReadlink(
    _ memory: GuestMemory, _ fd: UInt32, _ path: UInt32, _ length: UInt32, _ buffer: UInt32,
    _ size: UInt32, _ result: UInt32
  ) throws(Errno) {
    let (_, directory) = try directory(fd, .pathReadLink)
    let slot = try memory.slot(at: result, size: 4)
    let target = try memory.slot(at: buffer, size: Int(size))
    let path = try memory.path(at: path, count: length)
    let parent = try Parent(of: path, in: directory)
    guard !path.endsInDots else { throw .invalid }
    if path.endsInSlash {
      let type = try Kernel.stat(parent.handle, path.last).type
      throw type == .directory ? .invalid : .notDirectory
    }
    let contents = try Kernel.readLink(parent.handle, path.last)
    guard contents.first != UInt8(ascii: "/") else { throw .notCapable }
    let piece = contents.prefix(Int(size))
    target.copy(piece)
    slot.store(UInt32(piece.count))
  }

  func pathFilestatGet(
    _ memory: GuestMemory, _ fd: UInt32, _ lookup: UInt32, _ path: UInt32, _ length: UInt32,
    _ result: UInt32
  ) throws(Errno) {
    let follow = try LookupFlags.checked(lookup, within: .follow).contains(.follow)
    let (_, directory) = try directory(fd, .pathStat)
    let slot = try memory.slot(at: result, size: FileStat.size)
    let path = try memory.path(at: path, count: length)
    if path.isName {
      // The common case needs no descriptor.
      let stat = try Kernel.stat(directory.handle, path.last)
      if !follow || stat.type != .symbolicLink { return stat.store(in: slot) }
    }
    try Kernel.stat(target(of: path, in: directory, follow: follow)).store(in: slot)
  }

  func pathFilestatSetTimes(
    _ memory: GuestMemory, _ fd: UInt32, _ lookup: UInt32, _ path: UInt32, _ length: UInt32,
    _ access: UInt64, _ modify: UInt64, _ bits: UInt32
  ) throws(Errno) {
    let follow = try LookupFlags.checked(lookup, within: .follow).contains(.follow)
    let flags = try TimeFlags.checked(bits, within: .all)
    let times = try NewTimes(access: access, modify: modify, flags: flags)
    let directory = try changingDirectory(fd, .pathSetTimes)
    let path = try memory.path(at: path, count: length)
    try Kernel.setTimes(target(of: path, in: directory, follow: follow), times)
  }

  /// What a path names, opened without access to its contents.
  private func target(
    of path: GuestPath, in directory: Directory, follow: Bool
  ) throws(Errno) -> Handle {
    var flags = Kernel.place
    if !follow { flags |= O_NOFOLLOW }
    if path.endsInSlash { flags |= O_DIRECTORY }
    return try Kernel.open(below: directory.handle, path.whole, flags: flags)
  }
}

/// The directory that holds a path's last component.
private struct Parent {
  let handle: Handle

  /// - Throws: `notCapable` also where a ".." at the end leads out.
  init(of path: GuestPath, in directory: Directory) throws(Errno) {
    if path.endsInDots {
      // No name to act on: every caller fails, but first with what is wrong on the way.
      handle = try Kernel.open(below: directory.handle, path.whole, flags: Kernel.place | O_DIRECTORY)
    } else if let parent = path.parent {
      handle = try Kernel.open(below: directory.handle, parent, flags: Kernel.place | O_DIRECTORY)
    } else {
      handle = directory.handle
    }
  }
}
