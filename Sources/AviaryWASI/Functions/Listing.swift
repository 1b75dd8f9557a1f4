/// fd_readdir, fd_prestat_get, fd_prestat_dir_name.
extension System {
  /// Fills the guest's buffer with entries. The last one may be cut short:
  /// the guest asks for it again with the cookie of the one before. A buffer
  /// that is not full says that the directory ends.
  func fdReaddir(
    _ memory: GuestMemory, _ fd: UInt32, _ buffer: UInt32, _ length: UInt32, _ cookie: UInt64,
    _ result: UInt32
  ) throws(Errno) {
    let (_, directory) = try directory(fd, .readDirectory)
    let slot = try memory.slot(at: result, size: 4)
    let size = Int(length)
    let target = try memory.slot(at: buffer, size: size)
    var used = 0
    try directory.forEachEntry(after: cookie) { (entry) throws(Errno) in
      // Above a preopen is nothing that the guest should know, so ".." has the
      // inode of "." there. Not 0: C libraries ask for the status of such an entry.
      let isParent = entry.name.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")])
      let head = EntryHead(
        next: entry.next, inode: isParent ? try Kernel.stat(directory.handle).inode : entry.inode,
        nameLength: UInt32(clamping: entry.name.count), type: entry.type)
      for bytes in [head.bytes[...], entry.name] {
        let piece = bytes.prefix(size - used)
        target.copy(piece, at: used)
        used += piece.count
      }
      return used < size
    }
    slot.store(UInt32(used))
  }

  func fdPrestatGet(_ memory: GuestMemory, _ fd: UInt32, _ result: UInt32) throws(Errno) {
    let name = try preopenName(fd)
    let slot = try memory.slot(at: result, size: PreopenStat.size)
    PreopenStat(nameLength: UInt32(clamping: name.count)).store(in: slot)
  }

  func fdPrestatDirName(
    _ memory: GuestMemory, _ fd: UInt32, _ buffer: UInt32, _ length: UInt32
  ) throws(Errno) {
    let name = try preopenName(fd)
    guard name.count <= Int(length) else { throw .nameTooLong }
    let slot = try memory.slot(at: buffer, size: name.count)
    slot.copy(name)
  }

  /// C libraries look for preopens from 3 on until this error.
  private func preopenName(_ fd: UInt32) throws(Errno) -> [UInt8] {
    guard let name = try descriptor(fd).preopen else { throw .badDescriptor }
    return name
  }
}
