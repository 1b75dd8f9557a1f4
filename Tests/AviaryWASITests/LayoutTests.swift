import Glibc
import Testing

@testable import AviaryWASI

@Suite("Layout and numbers")
struct LayoutTests {
  @Test func `every error number of Linux becomes one of WASI`() {
    // The names as in the standard's list, which is in alphabetical order from 1 on.
    let names: [(Int32, UInt16)] = [
      (E2BIG, 1), (EACCES, 2), (EADDRINUSE, 3), (EADDRNOTAVAIL, 4), (EAFNOSUPPORT, 5), (EAGAIN, 6),
      (EALREADY, 7), (EBADF, 8), (EBADMSG, 9), (EBUSY, 10), (ECANCELED, 11), (ECHILD, 12),
      (ECONNABORTED, 13), (ECONNREFUSED, 14), (ECONNRESET, 15), (EDEADLK, 16), (EDESTADDRREQ, 17),
      (EDOM, 18), (EDQUOT, 19), (EEXIST, 20), (EFAULT, 21), (EFBIG, 22), (EHOSTUNREACH, 23),
      (EIDRM, 24), (EILSEQ, 25), (EINPROGRESS, 26), (EINTR, 27), (EINVAL, 28), (EIO, 29),
      (EISCONN, 30), (EISDIR, 31), (ELOOP, 32), (EMFILE, 33), (EMLINK, 34), (EMSGSIZE, 35),
      (EMULTIHOP, 36), (ENAMETOOLONG, 37), (ENETDOWN, 38), (ENETRESET, 39), (ENETUNREACH, 40),
      (ENFILE, 41), (ENOBUFS, 42), (ENODEV, 43), (ENOENT, 44), (ENOEXEC, 45), (ENOLCK, 46),
      (ENOLINK, 47), (ENOMEM, 48), (ENOMSG, 49), (ENOPROTOOPT, 50), (ENOSPC, 51), (ENOSYS, 52),
      (ENOTCONN, 53), (ENOTDIR, 54), (ENOTEMPTY, 55), (ENOTRECOVERABLE, 56), (ENOTSOCK, 57),
      (EOPNOTSUPP, 58), (ENOTTY, 59), (ENXIO, 60), (EOVERFLOW, 61), (EOWNERDEAD, 62), (EPERM, 63),
      (EPIPE, 64), (EPROTO, 65), (EPROTONOSUPPORT, 66), (EPROTOTYPE, 67), (ERANGE, 68), (EROFS, 69),
      (ESPIPE, 70), (ESRCH, 71), (ESTALE, 72), (ETIMEDOUT, 73), (ETXTBSY, 74), (EXDEV, 75),
    ]
    for (linux, code) in names { #expect(Errno(linux: linux).code == code) }
    #expect(Errno.table.count == names.count)
    #expect(Set(Errno.table.map(\.linux)).count == names.count)
    // Others are a failure of some kind, and never success.
    for other: Int32 in [0, -1, 133, 4095, .max, .min] { #expect(Errno(linux: other) == .io) }
    #expect(throws: Errno.badDescriptor) { try Kernel.check(Int32(-EBADF)) }
    #expect(throws: Errno.io) { try Kernel.check(Int64.min + 1) }
  }

  @Test func `times never overflow`() {
    #expect(nanoseconds(1, 5) == 1_000_000_005)
    #expect(nanoseconds(-1, 999_999_999) == 0)
    #expect(nanoseconds(.min, 0) == 0)
    #expect(nanoseconds(.max, 999_999_999) == .max)
    #expect(nanoseconds(18_446_744_073, 709_551_615) == .max)
    #expect(nanoseconds(18_446_744_073, 709_551_616) == .max)
    #expect(nanoseconds(18_446_744_073, 709_551_614) == UInt64.max - 1)
    let (seconds, part) = NewTimes.Choice.at(.max).raw
    #expect(seconds == 18_446_744_073 && part == 709_551_615)
  }

  @Test func `ranges are checked to the byte`() throws {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 8)
    defer { unsafe bytes.deallocate() }
    unsafe bytes.initializeMemory(as: UInt8.self, repeating: 7)
    let memory = unsafe GuestMemory(bytes)
    for (address, count) in [(UInt32(0), UInt64(100)), (99, 1), (100, 0), (.max, 0), (50, 50)] {
      #expect(try unsafe memory.bytes(at: address, count: count).count == Int(count))
    }
    for (address, count) in [(UInt32(0), UInt64(101)), (100, 1), (.max, 1), (1, .max), (.max, .max), (50, 51)] {
      #expect(throws: Errno.fault) { _ = try unsafe memory.bytes(at: address, count: count).count }
    }
    #expect(throws: Errno.fault) { try memory.array(at: 0, count: .max, stride: 48) }
    #expect(throws: Errno.overflow) { try memory.array(at: 0, count: .max, stride: .max) }
    FileStat().store(in: try memory.slot(at: 36, size: 64))
    #expect(unsafe bytes[35] == 7 && bytes[36] == 0 && bytes[99] == 0)
    #expect(throws: Errno.fault) { try memory.slot(at: 37, size: 64) }
    #expect(throws: Errno.fault) { try unsafe GuestMemory(UnsafeMutableRawBufferPointer(start: nil, count: 0)).slot(at: 0, size: 1) }
  }

  @Test func `an entry's head has its bytes in place`() {
    let head = EntryHead(next: 0x0102_0304_0506_0708, inode: 0x1112_1314_1516_1718, nameLength: 0x2122_2324, type: .symbolicLink)
    #expect(head.bytes == [8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 7, 0, 0, 0])
  }

  @Test func `paths are taken apart`() throws {
    for (text, parent, last, slash) in [
      ("a", nil, "a", false), ("a/", nil, "a", true), ("a/b", "a", "b", false), ("a//b///", "a", "b", true),
      ("a/b/c", "a/b", "c", false), ("./..", ".", "..", false), ("..", nil, "..", false), ("a/./", "a", ".", true),
    ] as [(String, String?, String, Bool)] {
      let path = try GuestPath(Array(text.utf8))
      func bytes(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
      #expect(path.parent == parent.map(bytes) && path.last == bytes(last) && path.endsInSlash == slash)
      #expect(path.lastWithSlash == bytes(last + (slash ? "/" : "")))
    }
    for (text, error) in [("", Errno.noEntry), ("/", .notCapable), ("//", .notCapable), ("/a", .notCapable), ("a\0", .invalid)] {
      #expect(throws: error) { try GuestPath(Array(text.utf8)) }
    }
  }
}
