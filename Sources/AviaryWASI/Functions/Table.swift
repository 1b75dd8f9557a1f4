import Aviary

/// A number that a guest passes to a function.
protocol GuestArgument: WasmType {
  init(bits: UInt64)
}
extension UInt32: GuestArgument {
  init(bits: UInt64) { self.init(truncatingIfNeeded: bits) }
}
extension UInt64: GuestArgument {
  init(bits: UInt64) { self = bits }
}

/// What takes the functions of preview 1 by name: a linker, or a test.
protocol FunctionRegistrar {
  func add<each P: GuestArgument>(
    _ name: String,
    _ body: @escaping @Sendable (inout System, GuestMemory, repeat each P) throws(Errno) -> Void)
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
    table.add("args_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.argsGet(m, a, b)
    }
    table.add("args_sizes_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.argsSizesGet(m, a, b)
    }
    table.add("environ_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.environGet(m, a, b)
    }
    table.add("environ_sizes_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.environSizesGet(m, a, b)
    }
    table.add("clock_res_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.clockResGet(m, a, b)
    }
    table.add("clock_time_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt64, c: UInt32) throws(Errno) in
      try s.clockTimeGet(m, a, b, c)
    }
    table.add("random_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.randomGet(m, a, b)
    }
    table.add("sched_yield") {
      (s: inout System, _: GuestMemory) throws(Errno) in
      try s.schedYield()
    }
    table.add("poll_oneoff") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32) throws(Errno) in
      try s.pollOneoff(m, a, b, c, d)
    }
    table.addExit("proc_exit")
    table.addRaise("proc_raise")
  }

  private static func registerDescriptors(in table: some FunctionRegistrar) {
    table.add("fd_advise") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt64, c: UInt64, d: UInt32) throws(Errno) in
      try s.fdAdvise(a, b, c, d)
    }
    table.add("fd_allocate") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt64, c: UInt64) throws(Errno) in
      try s.fdAllocate(a, b, c)
    }
    table.add("fd_close") {
      (s: inout System, _: GuestMemory, a: UInt32) throws(Errno) in
      try s.fdClose(a)
    }
    table.add("fd_datasync") {
      (s: inout System, _: GuestMemory, a: UInt32) throws(Errno) in
      try s.fdDatasync(a)
    }
    table.add("fd_fdstat_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.fdFdstatGet(m, a, b)
    }
    table.add("fd_fdstat_set_flags") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.fdFdstatSetFlags(a, b)
    }
    table.add("fd_fdstat_set_rights") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt64, c: UInt64) throws(Errno) in
      try s.fdFdstatSetRights(a, b, c)
    }
    table.add("fd_filestat_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.fdFilestatGet(m, a, b)
    }
    table.add("fd_filestat_set_size") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt64) throws(Errno) in
      try s.fdFilestatSetSize(a, b)
    }
    table.add("fd_filestat_set_times") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt64, c: UInt64, d: UInt32) throws(Errno) in
      try s.fdFilestatSetTimes(a, b, c, d)
    }
    table.add("fd_prestat_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.fdPrestatGet(m, a, b)
    }
    table.add("fd_prestat_dir_name") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32) throws(Errno) in
      try s.fdPrestatDirName(m, a, b, c)
    }
    table.add("fd_readdir") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt64, e: UInt32) throws(Errno) in
      try s.fdReaddir(m, a, b, c, d, e)
    }
    table.add("fd_renumber") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.fdRenumber(a, b)
    }
    table.add("fd_seek") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt64, c: UInt32, d: UInt32) throws(Errno) in
      try s.fdSeek(m, a, b, c, d)
    }
    table.add("fd_sync") {
      (s: inout System, _: GuestMemory, a: UInt32) throws(Errno) in
      try s.fdSync(a)
    }
    table.add("fd_tell") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.fdTell(m, a, b)
    }
  }

  private static func registerTransfer(in table: some FunctionRegistrar) {
    table.add("fd_read") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32) throws(Errno) in
      try s.fdRead(m, a, b, c, d)
    }
    table.add("fd_pread") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt64, e: UInt32) throws(Errno) in
      try s.fdPread(m, a, b, c, d, e)
    }
    table.add("fd_write") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32) throws(Errno) in
      try s.fdWrite(m, a, b, c, d)
    }
    table.add("fd_pwrite") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt64, e: UInt32) throws(Errno) in
      try s.fdPwrite(m, a, b, c, d, e)
    }
  }

  private static func registerPaths(in table: some FunctionRegistrar) {
    table.add("path_create_directory") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32) throws(Errno) in
      try s.pathCreateDirectory(m, a, b, c)
    }
    table.add("path_filestat_get") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32) throws(Errno) in
      try s.pathFilestatGet(m, a, b, c, d, e)
    }
    table.add("path_filestat_set_times") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt64, f: UInt64, g: UInt32) throws(Errno) in
      try s.pathFilestatSetTimes(m, a, b, c, d, e, f, g)
    }
    table.add("path_link") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32, f: UInt32, g: UInt32) throws(Errno) in
      try s.pathLink(m, a, b, c, d, e, f, g)
    }
    table.add("path_open") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32, f: UInt64, g: UInt64, h: UInt32, i: UInt32) throws(Errno) in
      try s.pathOpen(m, a, b, c, d, e, f, g, h, i)
    }
    table.add("path_readlink") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32, f: UInt32) throws(Errno) in
      try s.pathReadlink(m, a, b, c, d, e, f)
    }
    table.add("path_remove_directory") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32) throws(Errno) in
      try s.pathRemoveDirectory(m, a, b, c)
    }
    table.add("path_rename") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32, f: UInt32) throws(Errno) in
      try s.pathRename(m, a, b, c, d, e, f)
    }
    table.add("path_symlink") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32) throws(Errno) in
      try s.pathSymlink(m, a, b, c, d, e)
    }
    table.add("path_unlink_file") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32) throws(Errno) in
      try s.pathUnlinkFile(m, a, b, c)
    }
  }

  private static func registerSockets(in table: some FunctionRegistrar) {
    table.add("sock_accept") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32) throws(Errno) in
      try s.sockAccept(m, a, b, c)
    }
    table.add("sock_recv") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32, f: UInt32) throws(Errno) in
      try s.sockRecv(m, a, b, c, d, e, f)
    }
    table.add("sock_send") {
      (s: inout System, m: GuestMemory, a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32) throws(Errno) in
      try s.sockSend(m, a, b, c, d, e)
    }
    table.add("sock_shutdown") {
      (s: inout System, _: GuestMemory, a: UInt32, b: UInt32) throws(Errno) in
      try s.sockShutdown(a, b)
    }
  }
}
