/// The numbers that a guest passed to a function, in slots of 16 bytes each,
/// as they cross the border.
@safe struct Arguments {
  static let slotSize = 16

  private let slots: UnsafeRawPointer
  private let count: Int

  /// - Safety: `count` slots must be there and outlive the value.
  init(_ slots: UnsafeRawPointer, count: Int) {
    unsafe self.slots = slots
    self.count = count
  }

  /// An i32.
  subscript(index: Int) -> UInt32 { UInt32(truncatingIfNeeded: long(index)) }

  /// An i64. Indices are those of the table below; another one is our bug.
  func long(_ index: Int) -> UInt64 {
    precondition(index >= 0 && index < count)
    return unsafe slots.load(fromByteOffset: index * Self.slotSize, as: UInt64.self)
  }
}

/// What takes the functions of preview 1 by name: a linker, or a test.
protocol FunctionRegistrar {
  typealias Body = @Sendable (inout System, GuestMemory, Arguments) throws(Errno) -> Void
  typealias WaitingBody = @Sendable (inout System, GuestMemory, inout WaitingCall, Arguments) throws(Errno) -> Void

  /// A function that returns an error number.
  /// - Parameter parameters: a letter each, `i` for i32 and `I` for i64.
  func add(_ name: String, _ parameters: String, _ body: @escaping Body)
  /// One that may have to wait for more than files do.
  func addWaiting(_ name: String, _ parameters: String, _ body: @escaping WaitingBody)
  /// proc_exit returns nothing, as it does not return.
  func addExit(_ name: String)
  /// proc_raise may end the guest too.
  func addRaise(_ name: String)
}

/// All 46 functions: one row each, with the type that the guest must import.
enum FunctionTable {
  static let module = "wasi_snapshot_preview1"

  static func register(in table: some FunctionRegistrar) {
    registerProcess(in: table)
    registerDescriptors(in: table)
    registerTransfer(in: table)
    registerPaths(in: table)
    registerSockets(in: table)
  }

  private static func registerProcess(in table: some FunctionRegistrar) {
    table.add("args_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.argsGet(m, a[0], a[1])
    }
    table.add("args_sizes_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.argsSizesGet(m, a[0], a[1])
    }
    table.add("environ_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.environGet(m, a[0], a[1])
    }
    table.add("environ_sizes_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.environSizesGet(m, a[0], a[1])
    }
    table.add("clock_res_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.clockResGet(m, a[0], a[1])
    }
    table.add("clock_time_get", "iIi") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.clockTimeGet(m, a[0], a.long(1), a[2])
    }
    table.add("random_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.randomGet(m, a[0], a[1])
    }
    table.addWaiting("sched_yield", "") {
      (s: inout System, _: GuestMemory, c: inout WaitingCall, _: Arguments) throws(Errno) in
      try s.schedYield(&c)
    }
    table.addWaiting("poll_oneoff", "iiii") {
      (s: inout System, m: GuestMemory, c: inout WaitingCall, a: Arguments) throws(Errno) in
      try s.pollOneoff(m, &c, a[0], a[1], a[2], a[3])
    }
    table.addExit("proc_exit")
    table.addRaise("proc_raise")
  }

  private static func registerDescriptors(in table: some FunctionRegistrar) {
    table.add("fd_advise", "iIIi") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdAdvise(a[0], a.long(1), a.long(2), a[3])
    }
    table.add("fd_allocate", "iII") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdAllocate(a[0], a.long(1), a.long(2))
    }
    table.add("fd_close", "i") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdClose(a[0])
    }
    table.add("fd_datasync", "i") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdDatasync(a[0])
    }
    table.add("fd_fdstat_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdFdstatGet(m, a[0], a[1])
    }
    table.add("fd_fdstat_set_flags", "ii") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdFdstatSetFlags(a[0], a[1])
    }
    table.add("fd_fdstat_set_rights", "iII") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdFdstatSetRights(a[0], a.long(1), a.long(2))
    }
    table.add("fd_filestat_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdFilestatGet(m, a[0], a[1])
    }
    table.add("fd_filestat_set_size", "iI") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdFilestatSetSize(a[0], a.long(1))
    }
    table.add("fd_filestat_set_times", "iIIi") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdFilestatSetTimes(a[0], a.long(1), a.long(2), a[3])
    }
    table.add("fd_prestat_get", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdPrestatGet(m, a[0], a[1])
    }
    table.add("fd_prestat_dir_name", "iii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdPrestatDirName(m, a[0], a[1], a[2])
    }
    table.add("fd_readdir", "iiiIi") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdReaddir(m, a[0], a[1], a[2], a.long(3), a[4])
    }
    table.add("fd_renumber", "ii") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdRenumber(a[0], a[1])
    }
    table.add("fd_seek", "iIii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdSeek(m, a[0], a.long(1), a[2], a[3])
    }
    table.add("fd_sync", "i") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdSync(a[0])
    }
    table.add("fd_tell", "ii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdTell(m, a[0], a[1])
    }
  }

  private static func registerTransfer(in table: some FunctionRegistrar) {
    table.addWaiting("fd_read", "iiii") {
      (s: inout System, m: GuestMemory, c: inout WaitingCall, a: Arguments) throws(Errno) in
      try s.fdRead(m, &c, a[0], a[1], a[2], a[3])
    }
    table.add("fd_pread", "iiiIi") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdPread(m, a[0], a[1], a[2], a.long(3), a[4])
    }
    table.addWaiting("fd_write", "iiii") {
      (s: inout System, m: GuestMemory, c: inout WaitingCall, a: Arguments) throws(Errno) in
      try s.fdWrite(m, &c, a[0], a[1], a[2], a[3])
    }
    table.add("fd_pwrite", "iiiIi") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.fdPwrite(m, a[0], a[1], a[2], a.long(3), a[4])
    }
  }

  private static func registerPaths(in table: some FunctionRegistrar) {
    table.add("path_create_directory", "iii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathCreateDirectory(m, a[0], a[1], a[2])
    }
    table.add("path_filestat_get", "iiiii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathFilestatGet(m, a[0], a[1], a[2], a[3], a[4])
    }
    table.add("path_filestat_set_times", "iiiiIIi") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathFilestatSetTimes(m, a[0], a[1], a[2], a[3], a.long(4), a.long(5), a[6])
    }
    table.add("path_link", "iiiiiii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathLink(m, a[0], a[1], a[2], a[3], a[4], a[5], a[6])
    }
    table.add("path_open", "iiiiiIIii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathOpen(m, a[0], a[1], a[2], a[3], a[4], a.long(5), a.long(6), a[7], a[8])
    }
    table.add("path_readlink", "iiiiii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathReadlink(m, a[0], a[1], a[2], a[3], a[4], a[5])
    }
    table.add("path_remove_directory", "iii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathRemoveDirectory(m, a[0], a[1], a[2])
    }
    table.add("path_rename", "iiiiii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathRename(m, a[0], a[1], a[2], a[3], a[4], a[5])
    }
    table.add("path_symlink", "iiiii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathSymlink(m, a[0], a[1], a[2], a[3], a[4])
    }
    table.add("path_unlink_file", "iii") {
      (s: inout System, m: GuestMemory, a: Arguments) throws(Errno) in
      try s.pathUnlinkFile(m, a[0], a[1], a[2])
    }
  }

  private static func registerSockets(in table: some FunctionRegistrar) {
    table.addWaiting("sock_accept", "iii") {
      (s: inout System, m: GuestMemory, c: inout WaitingCall, a: Arguments) throws(Errno) in
      try s.sockAccept(m, &c, a[0], a[1], a[2])
    }
    table.addWaiting("sock_recv", "iiiiii") {
      (s: inout System, m: GuestMemory, c: inout WaitingCall, a: Arguments) throws(Errno) in
      try s.sockRecv(m, &c, a[0], a[1], a[2], a[3], a[4], a[5])
    }
    table.addWaiting("sock_send", "iiiii") {
      (s: inout System, m: GuestMemory, c: inout WaitingCall, a: Arguments) throws(Errno) in
      try s.sockSend(m, &c, a[0], a[1], a[2], a[3], a[4])
    }
    table.add("sock_shutdown", "ii") {
      (s: inout System, _: GuestMemory, a: Arguments) throws(Errno) in
      try s.sockShutdown(a[0], a[1])
    }
  }
}
